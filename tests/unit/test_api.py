"""The Python interface: runs as frames, metrics of scores, scores of images."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.conftest import Command

import ood_bench
from ood_bench.detectors import Columns, Detector, Scorer
from ood_bench.detectors.typicality import Typicality
from ood_bench.errors import OodBenchError
from ood_bench.report.tidy import records, records_csv


@pytest.fixture(scope="module")
def run(finished: Path) -> ood_bench.Run:
    return ood_bench.load_run(results=finished / "results")


def test_the_package_imports_neither_torch_nor_pandas_before_they_are_used() -> None:
    code = (
        "import sys, ood_bench; assert not {'torch', 'pandas', 'numpy'} & set(sys.modules); "
        "ood_bench.load_run, ood_bench.evaluate; assert 'torch' not in sys.modules; "
        "assert {'evaluate', 'load_run', 'score'} <= set(dir(ood_bench))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_runs_and_reports_import_pandas_where_they_use_it() -> None:
    code = (
        "import sys, ood_bench.api.frames, ood_bench.execute, ood_bench.plan, ood_bench.report; "
        "assert not {'torch', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'evalute'"):
        ood_bench.evalute  # type: ignore[attr-defined]  # noqa: B018


def test_frames_hold_what_the_csv_report_holds(run: ood_bench.Run) -> None:
    values = {found.name: records_csv(found) for found in records(run.results)}
    for frame, text in ((run.metrics, values["results"]), (run.findings, values["findings"])):
        read = pd.read_csv(
            io.StringIO(text),
            dtype={"seed": str},
            keep_default_na=False,
            na_values={name: [""] for name in ("value", "low", "high")},
        )
        pd.testing.assert_frame_equal(frame, read, check_dtype=False)
    assert run.claims["id"].tolist() == ["T1"]
    assert set(run.training["model"]) == {"glow", "cv-glow"}
    assert set(run.data["name"]) == {"low", "high", "black"}


def test_a_run_says_what_is_in_it(run: ood_bench.Run) -> None:
    shown = repr(run)
    for text in (
        "tiny: Digits below five",
        "glow, cv-glow",
        "low → high",
        "likelihood",
        "claims 1",
    ):
        assert text in shown


@pytest.mark.parametrize("detector", ["likelihood", "typicality", "input_complexity"])
@pytest.mark.parametrize("outside", ["high", "black"])
def test_metrics_follow_from_the_scores(run: ood_bench.Run, detector: str, outside: str) -> None:
    inside_scores = run.scores("glow", detector, "low")
    outside_scores = run.scores("glow", detector, outside)
    found = ood_bench.evaluate(inside_scores, outside_scores, resamples=100)
    rows = run.metrics.query(
        f"model == 'glow' and detector == '{detector}' and outside == '{outside}' and seed == '0'"
    ).set_index("metric")["value"]
    assert len(rows) == 5
    np.testing.assert_array_equal(found.frame["value"].loc[list(rows.index)], rows)
    assert (found.n_inside, found.n_outside) == (len(inside_scores), len(outside_scores))


def test_scores_follow_from_the_statistics(run: ood_bench.Run) -> None:
    for data in ("low", "high", "black"):
        columns = run.statistics("glow", data)
        np.testing.assert_array_equal(-columns["log_prob"], run.scores("glow", "likelihood", data))
        np.testing.assert_allclose(
            columns["log_prior"] + columns["log_volume"], columns["log_prob"], rtol=1e-5
        )
    held_out = run.statistics("glow", "low", part="held_out")
    assert len(held_out) == 60
    typicality = np.abs(run.statistics("glow", "high")["log_prob"] - held_out["log_prob"].mean())
    np.testing.assert_array_equal(typicality, run.scores("glow", "typicality", "high"))
    assert len(run.statistics("glow", "low", part="train")) == 100


def test_an_archive_gives_the_same_scores_though_it_left_them_out(
    run: ood_bench.Run, finished: Path, tmp_path: Path, ood_bench: Command
) -> None:
    from ood_bench import load_run

    results = finished / "results"
    kept = tmp_path / "kept"
    assert ood_bench("archive", "--no-scores", "--results", results, "-o", kept).status == 0
    again = load_run(kept)
    for detector in ("likelihood", "input_complexity"):
        expected = run.scores("cv-glow", detector, "high")
        pd.testing.assert_series_equal(again.scores("cv-glow", detector, "high"), expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("glwo", "likelihood", "low"), "no model 'glwo'; did you mean 'glow'"),
        (("glow", "likelyhood", "low"), "no detector 'likelyhood'; did you mean 'likelihood'"),
        (("glow", "likelihood", "hihg"), "no data set 'hihg'; did you mean 'high'"),
    ],
)
def test_unknown_names_are_answered_with_near_matches(
    run: ood_bench.Run, arguments: tuple[str, str, str], message: str
) -> None:
    with pytest.raises(OodBenchError, match=message):
        run.scores(*arguments)


def test_what_is_not_there_is_said(run: ood_bench.Run, tmp_path: Path) -> None:
    with pytest.raises(OodBenchError, match="inside=None, seed=7"):
        run.scores("glow", "likelihood", "low", seed=7)
    with pytest.raises(OodBenchError, match="has no columns of glow on high"):
        run.statistics("glow", "high", part="held_out")
    with pytest.raises(OodBenchError, match="no run lies here"):
        ood_bench.load_run(results=tmp_path)


@pytest.mark.parametrize(
    ("inside", "outside", "message"),
    [
        ([1.0, np.nan], [2.0], "inside scores: row 1 is nan"),
        ([1.0], [], "outside scores: there are none"),
        ([[1.0]], [2.0], "one number an image"),
    ],
)
def test_scores_that_cannot_be_measured_are_refused(
    inside: list[float], outside: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ood_bench.evaluate(inside, outside)


def test_an_images_score_is_what_the_run_had(run: ood_bench.Run, finished: Path) -> None:
    results = finished / "results"
    found = ood_bench.score("glow", finished / "high.npz", results=results, detector="typicality")
    assert found.columns.tolist() == ["file", "log_prob", "bits_per_dim", "score", "verdict"]
    assert found["file"].iloc[3] == "test[3]"
    np.testing.assert_allclose(
        found["log_prob"], run.statistics("glow", "high")["log_prob"], rtol=1e-6
    )
    np.testing.assert_allclose(
        found["score"], run.scores("glow", "typicality", "high"), rtol=1e-3, atol=1e-3
    )


def test_a_threshold_lets_pass_the_share_of_held_out_images_that_was_asked_for(
    run: ood_bench.Run, finished: Path, digits: dict[str, np.ndarray]
) -> None:
    held_out = np.sort(-run.statistics("glow", "low", part="held_out")["log_prob"])
    for accept, rank in ((0.95, 57), (0.5, 30), (1.0, 60)):
        found = ood_bench.score("glow", digits["high"], results=finished / "results", accept=accept)
        expected = np.where(found["score"] > held_out[rank - 1], "OOD", "ID")
        np.testing.assert_array_equal(found["verdict"], expected)
        assert {"OOD", "ID"} >= set(found["verdict"])


def test_a_verdict_does_not_depend_on_what_else_is_scored(
    finished: Path, digits: dict[str, np.ndarray]
) -> None:
    whole = ood_bench.score(
        "glow@low/0", digits["high"][:40], results=finished / "results", detector="input_complexity"
    )
    alone = ood_bench.score(
        "glow@low/0", digits["high"][7:8], results=finished / "results", detector="input_complexity"
    )
    assert alone["verdict"].tolist() == whole["verdict"].tolist()[7:8]
    assert alone["score"].iloc[0] == pytest.approx(whole["score"].iloc[7], rel=1e-6)


def test_a_detector_is_not_fitted_on_the_image_that_sets_its_threshold() -> None:
    from ood_bench.detectors.dose import Dose
    from ood_bench.scoring.judge import threshold

    random = np.random.default_rng(0)
    detector = Dose(statistics=("log_prob",))
    share = []
    for _ in range(60):
        held_out = {"log_prob": random.normal(size=40)}
        limit = threshold(detector, held_out, 0.9)
        scores = detector.fit(held_out)({"log_prob": random.normal(size=2000)})
        share.append(float((scores <= limit).mean()))
    assert np.mean(share) == pytest.approx(36 / 41, abs=0.015)


def test_a_model_in_memory_is_judged_by_held_out_images(digits: dict[str, np.ndarray]) -> None:
    import torch

    from ood_bench.capabilities import DensityModel

    class Inked(DensityModel):
        """Likelier, the less ink there is."""

        def log_prob(self, x: torch.Tensor) -> torch.Tensor:
            return -x.flatten(1).double().sum(dim=1) / 255

    low, black = digits["low"], np.zeros((3, 1, 8, 8), np.uint8)
    found = ood_bench.score(Inked(), black, held_out=low)
    assert found["verdict"].tolist() == ["ID"] * 3
    found = ood_bench.score(Inked(), black, held_out=low, detector="typicality")
    assert found["verdict"].tolist() == ["OOD"] * 3
    assert "verdict" not in ood_bench.score(Inked(), low)
    with pytest.raises(OodBenchError, match="Typicality needs held-out"):
        ood_bench.score(Inked(), low, detector="typicality")
    with pytest.raises(OodBenchError, match="no statistic yields the column 'log_volume'"):
        ood_bench.score(Inked(), low, held_out=low, detector=_volume())
    trained = Typicality()
    trained.fit_on = "train"
    with pytest.raises(OodBenchError, match="Typicality is fitted on training images"):
        ood_bench.score(Inked(), low, held_out=low, detector=trained)
    with pytest.raises(OodBenchError, match=r"uint8 of shape \(N, C, H, W\)"):
        ood_bench.score(Inked(), low.astype(np.float32))  # type: ignore[arg-type]


def _volume() -> Detector:
    class Volume(Detector):
        needs = ("log_volume",)

        def fit(self, held_out: Columns) -> Scorer:
            return lambda images: images["log_volume"]

    return Volume()


@pytest.mark.parametrize(
    "name",
    ["paper-zoo", "detectors-zoo", "denoisers", "flow_matching", "corruptions", "quickstart"],
)
def test_a_kept_run_of_an_earlier_version_says_whose_intervals_it_shows(name: str) -> None:
    kept = Path(__file__).parents[2] / "results/reference" / name
    record = json.loads((kept / "run.json").read_text(encoding="utf-8"))["content"]
    with zipfile.ZipFile(kept / "cells.zip") as cells:
        former = any(
            json.loads(cells.read(f"cells/{ref['key']}/manifest.json"))["options"]["revision"] == 1
            for ref in record["cells"]
            if ref["kind"] == "detection"
        )
    assert ood_bench.load_run(kept).results.former_intervals == former


def test_no_interval_of_bits_is_negative_and_the_median_stands_beside_a_huge_mean() -> None:
    kept = Path(__file__).parents[2] / "results/reference/paper-zoo"
    rows = [row for row in ood_bench.load_run(kept).results.rows if "bpd" in row.metric]
    assert min(row.low for row in rows) >= 0
    noise = [row for row in rows if row.value > 1e9]
    assert {(row.model, row.inside, row.outside) for row in noise} == {
        ("cv-glow", "cifar10", "noise"),
        ("glow", "cifar10", "noise"),
    }
    said = "a few images make this mean, the median is 4.28e13 bits per dimension"
    assert all(said in row.note.split("; ") for row in noise if row.model == "cv-glow")
