"""`evaluate_detectors`: detectors against OOD sets, from columns of any origin."""

import re
import tomllib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from tests.packaging.pages import ROOT, blocks

import ood_bench
from ood_bench import detectors
from ood_bench.detectors import Energy, Knn, Likelihood, Mahalanobis, Msp, Precomputed, Typicality
from ood_bench.errors import OodBenchError
from ood_bench.metrics import delong, paired_delong, pooled_p

Images = dict[str, NDArray[np.float64]]


def images(seed: int, shift: float = 0.0, count: int = 120) -> Images:
    random = np.random.default_rng(seed)
    label = random.integers(3, size=count)
    features = random.normal(shift, 1, (count, 6)) + 3 * np.eye(6)[label]
    return {"features": features, "logits": features[:, :3], "label": label.astype(float)}


def measured(
    found: ood_bench.DetectorEvaluation,
) -> dict[tuple[str, str, str], tuple[float, float, float]]:
    frame = found.frame
    keys = zip(frame["detector"], frame["outside"], frame["metric"], strict=True)
    values = zip(frame["value"], frame["low"], frame["high"], strict=True)
    return dict(zip(keys, values, strict=True))


@pytest.fixture(scope="module")
def sides() -> dict[str, Images]:
    return {"held_out": images(0), "inside": images(1), "near": images(2, 0.5), "far": images(3, 2)}


def test_the_ten_lines_of_the_page_make_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    made, *shown = (
        block.code for block in blocks(page) if "Mahalanobis" in block.code or "savez" in block.code
    )
    (lines,) = shown
    assert len([line for line in lines.splitlines() if line]) <= 10
    names: dict[str, object] = {}
    exec(compile(made + lines, "<page>", "exec"), names)
    found = names["found"]
    assert isinstance(found, ood_bench.DetectorEvaluation)
    assert found.frame.groupby(["detector", "outside"]).ngroups == 12
    assert len(re.findall("<tr>", found._repr_html_())) == 7


def test_values_are_those_of_other_libraries(sides: dict[str, Images]) -> None:
    outside = {"near": sides["near"], "far": sides["far"]}
    found = ood_bench.evaluate_detectors(
        [Knn(k=5), Energy()], held_out=sides["held_out"], inside=sides["inside"], outside=outside
    )

    def unit(of: Images) -> NDArray[np.float64]:
        features = of["features"]
        return np.asarray(features / np.linalg.norm(features, axis=1, keepdims=True))

    known = NearestNeighbors(n_neighbors=5).fit(unit(sides["held_out"]))
    rows = measured(found)
    for name, other in outside.items():
        scores = [known.kneighbors(unit(of))[0][:, -1] for of in (sides["inside"], other)]
        truth = np.repeat([0, 1], [len(one) for one in scores])
        row = rows["Knn", name, "auroc"]
        assert row[0] == pytest.approx(roc_auc_score(truth, np.concatenate(scores)))
        assert row == pytest.approx(delong(*scores))
        np.testing.assert_allclose(found.scores["Knn"][name], scores[1])
        energy = [-np.log(np.exp(of["logits"]).sum(axis=1)) for of in (sides["inside"], other)]
        expected = roc_auc_score(truth, np.concatenate(energy))
        assert rows["Energy", name, "auroc"][0] == pytest.approx(expected)


def test_the_best_is_bold_and_what_the_paired_test_does_not_tell_from_it_underlined() -> None:
    random = np.random.default_rng(0)
    good = random.normal(size=300), random.normal(1, 1, 300)
    alike = tuple(side + random.normal(0, 0.05, 300) for side in good)
    poor = random.normal(size=300), random.normal(0.2, 1, 300)
    columns = ("good", "alike", "poor")
    inside, outside = (
        {name: of[side] for name, of in zip(columns, (good, alike, poor), strict=True)}
        for side in (0, 1)
    )
    found = ood_bench.evaluate_detectors(
        [*map(Precomputed, columns)], inside=inside, outside={"far": outside}, metrics=["auroc"]
    )
    values = measured(found)
    first, second = sorted(columns[:2], key=lambda name: -values[name, "far", "auroc"][0])
    other = {"good": good, "alike": alike}
    paired = [paired_delong((a[0], b[0]), (a[1], b[1])) for a, b in [(other[first], other[second])]]
    assert pooled_p(paired, level=0.95) > 0.05
    text = repr(found)
    assert f"| {first} | **" in text
    assert f"| {second} | <u>" in text
    assert "| poor | 0." in text
    assert f"<td>{first}</td><td><b>" in found._repr_html_()


def test_the_share_and_the_metrics_are_those_asked_for(sides: dict[str, Images]) -> None:
    metrics = ["detection_error", "aupr_in", "auroc"]
    narrow, wide = (
        ood_bench.evaluate_detectors(
            ["max_logit"],
            inside=sides["inside"],
            outside={"near": sides["near"]},
            metrics=metrics,
            level=level,
        )
        for level in (0.5, 0.95)
    )
    assert [metric for _, _, metric in measured(narrow)] == metrics
    for row, (_, low, high) in measured(narrow).items():
        _, lowest, highest = measured(wide)[row]
        assert lowest <= low < high <= highest
        assert highest - lowest > high - low
    scores = wide.scores["max_logit"]
    whole = ood_bench.evaluate(scores["ID"], scores["near"])
    for (_, _, metric), row in measured(wide).items():
        assert row == pytest.approx(getattr(whole, metric))


def test_tensors_and_frames_are_taken_as_arrays_are(sides: dict[str, Images]) -> None:
    def asked(change: Callable[[Images], object]) -> pd.DataFrame:
        given = {name: change(of) for name, of in sides.items()}
        return ood_bench.evaluate_detectors(
            {"near": Knn(k=3), "means": Mahalanobis()},
            held_out=given["held_out"],  # type: ignore[arg-type]
            inside=given["inside"],  # type: ignore[arg-type]
            outside={"far": given["far"]},  # type: ignore[dict-item]
        ).frame

    def framed(of: Images) -> pd.DataFrame:
        wide = {f"classifier.features.{k}": of["features"][:, k] for k in range(6)}
        return pd.DataFrame(wide | {"classifier.label": of["label"]})

    expected = asked(lambda of: of)
    pd.testing.assert_frame_equal(
        asked(lambda of: {name: torch.tensor(values) for name, values in of.items()}), expected
    )
    pd.testing.assert_frame_equal(asked(framed), expected)


def test_a_detector_of_groups_is_marked_and_counts_its_scores() -> None:
    random = np.random.default_rng(0)
    inside, outside, held_out = ({"log_prob": random.normal(m, 1, 100)} for m in (0, 1, 0))
    found = ood_bench.evaluate_detectors(
        {"groups": Typicality(group=10), "single": Typicality()},
        held_out=held_out,
        inside=inside,
        outside={"far": outside},
    )
    assert found.frame["n_inside"].tolist() == [10, 10, 100, 100]
    assert "| groups† |" in repr(found)
    assert "| single | **" in repr(found)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"detectors": ["knm"]}, "unknown detector 'knm'; did you mean 'knn'"),
        ({"detectors": [Knn]}, "Knn is a class; write Knn()"),
        ({"detectors": [Knn(), Knn(k=2)]}, "two detectors are called 'Knn'"),
        ({"detectors": []}, "at least one detector"),
        ({"detectors": [Knn(k=121)]}, "Knn cannot be fitted: ValueError: k = 121 needs"),
        ({"detectors": [Likelihood()]}, "Likelihood reads 'log_prob', one number per image"),
        ({"held_out": None}, "Knn is fitted on other ID images; give their columns as held_out"),
        ({"held_out": {"logits": np.zeros((3, 2))}}, "Knn reads 'features', a matrix"),
        ({"metrics": ["auc"]}, "no metric 'auc'; did you mean 'auroc'"),
        ({"metrics": []}, "at least one metric"),
        ({"outside": {}}, "at least one OOD set"),
        ({"outside": {"ID": images(2)}}, "'ID' names the ID images"),
        (
            {"inside": {"features": np.zeros((3, 2)), "label": np.zeros(4)}},
            "'features.1' has 3, 'label' has 4",
        ),
        ({"inside": {}}, "ID: no columns are given"),
    ],
)
def test_a_mistake_is_one_line(
    sides: dict[str, Images], change: dict[str, object], said: str
) -> None:
    given: dict[str, object] = {
        "detectors": [Knn(k=5)],
        "held_out": sides["held_out"],
        "inside": sides["inside"],
        "outside": {"near": sides["near"]},
    }
    with pytest.raises(OodBenchError, match=re.escape(said)) as caught:
        ood_bench.evaluate_detectors(**(given | change))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_value_that_is_not_finite_is_named(sides: dict[str, Images]) -> None:
    broken = images(5)
    broken["features"][7, 2] = np.nan
    with pytest.raises(
        ValueError, match=r"near: column 'features': row 7 is not finite \(1 of 120"
    ):
        ood_bench.evaluate_detectors(
            [Msp()], inside=sides["inside"], outside={"near": broken}, held_out=sides["held_out"]
        )


def test_every_detector_is_imported_by_its_name() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for value in project["entry-points"]["ood_bench.detectors"].values():
        module, _, name = value.partition(":")
        assert getattr(detectors, name) is getattr(import_module(module), name)
        assert name in detectors.__all__
