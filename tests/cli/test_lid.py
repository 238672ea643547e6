"""LID of a whole run: on every model that has a dimension, skipped with the reason on others."""

from pathlib import Path

from tests.conftest import Command

MODELS = (
    "models={glow: {options: {levels: 1, steps: 1, width: 4}}, "
    "vae: {options: {latent: 2, channels: [4], samples: 2}}, "
    "pixelcnn: {options: {width: 4, layers: 1}}}"
)


def test_lid_runs_on_flows_and_vaes_and_says_what_another_model_lacks(
    tiny: Path, ood_bench: Command
) -> None:
    lid = ("--set", "detectors=[lid, lid_thresholds]", "--set", "claims=[]", "--set", MODELS)
    done = ood_bench("run", tiny, *lid, "--set", "analyses=[]", "--set", "training.steps=2")
    assert done.status == 0, done.err
    (table,) = tiny.parent.glob("results/tiny-*/tables/results.csv")
    rows = [line.split(",")[1:6] for line in table.read_text().splitlines()]
    for detector in ("lid", "lid_thresholds"):
        assert {row[0] for row in rows if row[3] == detector} == {"glow", "vae"}
    (report,) = tiny.parent.glob("results/tiny-*/report.md")
    text = " ".join(report.read_text().split())
    assert "no statistic 'intrinsic_dimension': PixelCNN offers no denoised images" in text
