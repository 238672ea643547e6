"""Near-OOD, far-OOD and shifted sets: labels in a suite, mean AUROC, measured nearness."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import mine

import ood_bench
from ood_bench.audit.distance import frechet, pixel_distance
from ood_bench.errors import SuiteError
from ood_bench.report.categories import categories_table, nearness_table
from ood_bench.report.compose import run_document
from ood_bench.report.tidy import json_text, records_csv
from ood_bench.runs import collect, read_record
from ood_bench.store import Store
from ood_bench.suite import load_suite

MEAN = (
    "(auroc(outside='high', detector='likelihood') + "
    "auroc(outside='bright', detector='likelihood')) / 2"
)


def labelled() -> dict[str, Any]:
    """Return a suite with two near sets, a far one that is missing, and a shifted one."""
    suite = mine("likelihood", "typicality")
    bright = {"npz": "high.npz", "corruption": {"kind": "brightness", "strength": 5}}
    noisy = {"npz": "low.npz", "corruption": {"kind": "gaussian_noise", "strength": 1}}
    suite["datasets"] |= {"bright": bright, "noisy": noisy, "gone": {"npz": "gone.npz"}}
    suite["pairs"] = [
        {
            "inside": "low",
            "outside": ["high", "bright", "noisy", "black", "gone"],
            "near": ["high", "bright"],
            "far": ["gone", "black"],
            "shift": ["noisy"],
        }
    ]
    suite["evaluation"] = {"train_images": 100, "resamples": 100}
    suite["claims"] = [{"id": "M", "says": "-", "source": "-", "measure": MEAN, "expect": "> 0"}]
    return suite


def test_means_have_the_interval_of_the_same_claim_and_say_what_is_missing(tiny: Path) -> None:
    run = ood_bench.run(labelled(), skip_missing=True)
    record = read_record(run.folder)
    found = collect(record, Store(tiny.parent / "results" / "store"))
    means = {(one.detector, one.category): one for one in found.category_means}
    assert len(means) == 6
    near, (claim,) = means["likelihood", "near"], found.claims
    assert (near.value, near.low, near.high) == pytest.approx(
        (claim.measured, claim.low, claim.high)
    )
    assert near.complete
    far = means["likelihood", "far"]
    assert (far.sets, far.of, far.complete) == (1, 2, False)
    row = next(row for row in categories_table(found).rows if row[2] == "likelihood")
    assert row[3].startswith(f"{near.value:.3f} [")
    assert row[4].endswith("(1 of 2 sets)")
    page = (run.folder / "report.md").read_text()
    assert "## Near-OOD, far-OOD and shifted images" in page
    document = run_document(found)
    content = json.loads(json_text(document))["categories"]
    assert len(content["means"]) == 6
    table = next(one for one in document.records if one.name == "categories")
    rows = list(csv.DictReader(io.StringIO(records_csv(table))))
    assert float(rows[0]["value"]) == near.value
    assert (run.folder / "tables" / "categories.csv").is_file()

    sets = {one.outside: one for one in found.nearness}
    assert sets["gone"].distance is None
    assert sets["noisy"].distance is not None
    assert sets["high"].distance is not None
    assert sets["bright"].distance is not None
    assert sets["noisy"].distance < sets["high"].distance < sets["bright"].distance
    shown = {row[0]: row[1:] for row in nearness_table(found).rows}
    assert shown["low → noisy"][0] == "shifted ID"
    assert shown["low → gone"][1:] == ("–", "–", "–")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"near": ["hihg"]}, "pairs[0].near[0]: the pair has no OOD set 'hihg'; did you mean"),
        ({"far": ["high"]}, "pairs[0].far[0]: 'high' is in `near` too"),
    ],
)
def test_a_label_is_of_a_set_of_the_pair_and_of_one_category(
    tiny: Path, changes: dict[str, list[str]], message: str
) -> None:
    suite = labelled()
    suite["pairs"][0] |= changes
    with pytest.raises(SuiteError) as caught:
        load_suite(suite)
    assert message in str(caught.value)


def test_the_frechet_distance_is_that_of_gaussians() -> None:
    random = np.random.default_rng(0)
    one = random.standard_normal((200_000, 2)) * [1.0, 2.0]
    other = random.standard_normal((200_000, 2)) * [3.0, 2.0] + [4.0, 0.0]
    assert frechet(one, other) == pytest.approx(16 + (3 - 1) ** 2, rel=0.02)
    assert frechet(one, one) == pytest.approx(0.0, abs=1e-9)


def test_the_pixel_distance_of_equal_sets_is_its_reference() -> None:
    random = np.random.default_rng(0)
    draws = [random.integers(0, 256, (400, 1, 8, 8)).astype(np.uint8) for _ in range(3)]
    same = pixel_distance(*draws)
    assert same.images == 400
    assert same.distance == pytest.approx(same.own, rel=0.25)
    darker = pixel_distance(draws[0], draws[1], draws[2] // 2)
    assert darker.distance > 3 * same.distance
    flat = np.zeros((20, 1, 8, 8), np.uint8)
    assert pixel_distance(flat, flat, flat).distance == 0.0
    assert pixel_distance(flat, flat, flat + 255).distance == pytest.approx(64.0)
