"""Claims of a real run: their intervals come from the images that the terms share."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm
from tests.conftest import Command

from ood_bench.cells import Cells
from ood_bench.cells.metric import BitsMetric, DetectionMetrics
from ood_bench.claims import Claim
from ood_bench.claims.joint import ADDED, BOOTSTRAP, DELONG, INDEPENDENT
from ood_bench.metrics import paired_delong
from ood_bench.metrics.covariance import auroc_influence
from ood_bench.results import ClaimResult
from ood_bench.runs import archive, collect, read_record, store_of

Z = float(norm.ppf(0.975))
GLOW, FLOW = "model='glow', outside='high'", "model='cv-glow', outside='high'"


def claim(measure: str) -> Claim:
    return Claim(id=measure, says="s", source="p", measure=measure, expect="> 0")


def claims(folder: Path, *measures: str) -> list[ClaimResult]:
    """Hold measures against a run that is finished."""
    record = read_record(folder)
    with store_of(folder, folder.parent, record) as store:
        found = collect(replace(record, claims=tuple(map(claim, measures))), store)
    return list(found.claims)


@contextmanager
def stored(folder: Path) -> Iterator[Mapping[tuple[str, str, str], tuple[np.ndarray, np.ndarray]]]:
    """Give the scores of both sides by (model, outside, detector)."""
    record = read_record(folder)

    def sides(store: Cells, key: str) -> tuple[np.ndarray, np.ndarray]:
        spec = store.spec(key, DetectionMetrics)
        return store.read_scores(spec.inside), store.read_scores(spec.outside)

    with store_of(folder, folder.parent, record) as store:
        yield {
            (cell.at.model, cell.at.outside, cell.at.detector): sides(store, cell.key)
            for cell in record.of("detection")
        }


@pytest.fixture(scope="module")
def run(finished: Path) -> Path:
    (folder,) = finished.glob("results/tiny-*")
    return folder


def test_a_difference_of_two_models_or_detectors_is_paired_delongs(run: Path) -> None:
    models, detectors = claims(
        run,
        f"auroc({GLOW}, detector='likelihood') - auroc({FLOW}, detector='likelihood')",
        f"auroc({GLOW}, detector='likelihood') - auroc({GLOW}, detector='input_complexity')",
    )
    with stored(run) as scores:
        glow = scores["glow", "high", "likelihood"]
        for found, other in (
            (models, scores["cv-glow", "high", "likelihood"]),
            (detectors, scores["glow", "high", "input_complexity"]),
        ):
            inside, outside = zip(glow, other, strict=True)
            expected = paired_delong(inside, outside)
            assert (found.measured, found.low, found.high) == pytest.approx(expected)
            assert found.interval == DELONG


def test_rows_count_the_images_of_either_side(run: Path) -> None:
    record = read_record(run)
    with store_of(run, run.parent, record) as store:
        rows = collect(record, store).rows
    with stored(run) as scores:
        for row in rows:
            if row.detector:
                inside, outside = scores[row.model, row.outside, row.detector]
                assert (row.n_inside, row.n_outside) == (len(inside), len(outside))
                assert len(inside) != len(outside)


def test_pairs_with_one_inside_share_its_images_alone(run: Path) -> None:
    """Black images are all likelier than digits: their AUROC of 0 brings its own ends."""
    one, other = (
        f"auroc(model='glow', outside='{name}', detector='likelihood')"
        for name in ("high", "black")
    )
    found, own = claims(run, f"{one} - {other}", other)
    with stored(run) as scores:
        high, black = (
            auroc_influence(*scores["glow", outside, "likelihood"]) for outside in ("high", "black")
        )
    assert found.interval == DELONG
    assert not black[0].any()
    reach = Z * np.sqrt(sum(side.var(ddof=1) / len(side) for side in high))
    up = np.hypot(reach, (own.measured or 0) - (own.low or 0))
    down = np.hypot(reach, (own.high or 0) - (own.measured or 0))
    assert (found.measured or 0) - (found.low or 0) == pytest.approx(down)
    assert (found.high or 0) - (found.measured or 0) == pytest.approx(up)


def test_bits_of_other_images_are_independent_and_of_the_same_are_not(run: Path) -> None:
    apart, same, mixed = claims(
        run,
        "bpd_outside(model='glow', outside='high') - bpd_inside(model='glow')",
        "bpd_inside(model='glow') - bpd_inside(model='cv-glow')",
        f"auroc({GLOW}, detector='likelihood') - fpr95({GLOW}, detector='likelihood')",
    )
    assert (apart.interval, same.interval, mixed.interval) == (INDEPENDENT, DELONG, BOOTSTRAP)
    record = read_record(run)
    with store_of(run, run.parent, record) as store:
        bits = {
            cell.at.model: store.read_columns(store.spec(cell.key, BitsMetric).columns)["log_prob"]
            for cell in record.of("bpd")
            if (cell.at.data, cell.at.part) == ("low", "test")
        }
    difference = (bits["glow"] - bits["cv-glow"]) / (-64 * np.log(2))
    reach = Z * difference.std(ddof=1) / np.sqrt(len(difference))
    assert (same.low, same.high) == pytest.approx(
        (difference.mean() - reach, difference.mean() + reach)
    )


def test_bits_and_an_auroc_of_the_same_images_vary_together(run: Path) -> None:
    (found,) = claims(run, f"auroc({GLOW}, detector='likelihood') + bpd_inside(model='glow') / 10")
    assert found.interval == DELONG
    with stored(run) as scores:
        inside, outside = scores["glow", "high", "likelihood"]
    beating, beaten = auroc_influence(inside, outside)
    both = beating + inside / (64 * np.log(2)) / 10  # the score is minus the log-likelihood
    variance = both.var(ddof=1) / len(both) + beaten.var(ddof=1) / len(beaten)
    assert (found.high or 0) - (found.low or 0) == pytest.approx(2 * Z * np.sqrt(variance))


def test_findings_of_kept_columns_take_part_in_the_joint_bootstrap(
    tiny: Path, ood_bench: Command
) -> None:
    more = ("--set", "analyses=[decomposition, constants]", "--set", "evaluation.audit=false")
    lean = ("--set", "models={glow: {options: {levels: 1, steps: 1, width: 8}}}")
    done = ood_bench("run", tiny, *lean, *more, "--set", "claims=[]")
    assert done.status == 0, done.err
    (run,) = tiny.parent.glob("results/tiny-*")
    volume, prior = (f"finding(name='{term}_gap', outside='high')" for term in ("volume", "prior"))
    joint, mixed, called, one, other = claims(
        run,
        f"{volume} + {prior}",
        f"{volume} - bpd_outside(outside='high')",
        f"{volume} - finding(name='bpd_noise')",
        volume,
        prior,
    )
    assert (joint.interval, mixed.interval, called.interval) == (BOOTSTRAP, BOOTSTRAP, ADDED)
    with stored(run) as scores:
        inside, outside = (side / 64 / np.log(2) for side in scores["glow", "high", "likelihood"])
    error = np.sqrt(sum(side.var(ddof=1) / len(side) for side in (inside, outside)))
    assert joint.measured == pytest.approx(inside.mean() - outside.mean())
    assert ((joint.high or 0) - (joint.low or 0)) / 2 == pytest.approx(Z * error, rel=0.25)
    half = sum((item.high or 0) - (item.measured or 0) for item in (one, other))
    assert ((joint.high or 0) - (joint.low or 0)) / 2 < half


def test_an_archive_without_scores_says_that_half_widths_were_added_up(
    run: Path, tmp_path: Path
) -> None:
    one, other = (f"auroc({which}, detector='likelihood')" for which in (GLOW, FLOW))
    record = read_record(run)
    with store_of(run, run.parent, record) as store:
        archive(record, store, tmp_path, scores=False)
    (kept,) = claims(tmp_path, f"{one} - {other}")
    (whole,) = claims(run, f"{one} - {other}")
    assert (kept.interval, kept.measured) == (ADDED, whole.measured)
    above, below = claims(run, one, other)
    reach = (above.high or 0) - (above.measured or 0) + (below.measured or 0) - (below.low or 0)
    assert (kept.high or 0) - (kept.measured or 0) == pytest.approx(reach)


def test_a_report_says_how_each_interval_was_made(tiny: Path, ood_bench: Command) -> None:
    two = (
        "claims=[{id: A, says: a, source: p, expect: '> 0', measure: "
        "\"auroc(outside='high', detector='likelihood')"
        " - auroc(outside='high', detector='typicality')\"},"
        "{id: B, says: b, source: p, expect: '> 0', measure: \"bpd_inside()\"}]"
    )
    lean = ("--set", "models={glow: {options: {levels: 1, steps: 1, width: 8}}}")
    fast = ("--set", "analyses=[]", "--set", "evaluation.audit=false", "--set", two)
    done = ood_bench("run", tiny, *lean, *fast)
    assert done.status == 0, done.err
    page = Path(ood_bench("report").out.strip()).read_text()
    assert f"interval: {DELONG}" in page
    assert "interval: that of its one term" in page
    content = json.loads(Path(ood_bench("report", "--format", "json").out.strip()).read_text())
    assert [item["interval"] for item in content["claims"]] == [DELONG, "that of its one term"]
