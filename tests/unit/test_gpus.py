"""Several GPUs: which one each process sees. No GPU is needed for that."""

from pathlib import Path

import pytest

import ood_bench
from ood_bench.execute import Processes
from ood_bench.execute.devices import gpus_of

TOLD = """\
import multiprocessing
import os
from pathlib import Path

from ood_bench.detectors.likelihood import Likelihood
from ood_bench_models.glow import Glow


def note(what):
    if multiprocessing.parent_process() is not None:
        seen = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
        (Path(__file__).parent / f"{what}-{os.getpid()}-{seen}").touch()


class Model(Glow):
    def train(self, mode=True):
        note("model")
        return super().train(mode)


class Detector(Likelihood):
    def fit(self, held_out):
        note("detector")
        return super().fit(held_out)
"""


def seen_by(what: str, folder: Path) -> dict[str, set[str]]:
    """Return the GPUs that each process saw while it did something."""
    found: dict[str, set[str]] = {}
    for path in folder.glob(f"{what}-*"):
        _, process, gpus = path.name.split("-", 2)
        found.setdefault(process, set()).add(gpus)
    return found


@pytest.mark.parametrize("gpus", [("0", "GPU-7f"), ("3",), ()])
def test_each_process_that_calls_a_model_sees_one_gpu_and_others_none(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, gpus: tuple[str, ...]
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("ood_bench.execute.processes.gpus_of", lambda device: gpus)
    (tiny.parent / "told.py").write_text(TOLD)
    options = "{use: './told.py:Model', options: {levels: 1, steps: 1, width: 4}}"
    text = tiny.read_text()
    start, end = text.index("models:"), text.index("pairs:")
    tiny.write_text(
        f"{text[:start]}models: {{a: {options}, b: {options}}}\n"
        "detectors: {own: {use: './told.py:Detector'}}\n"
        f"{text[end : text.index('claims:')]}"
    )
    results = tiny.parent / "results"
    run = ood_bench.run(tiny, results=results, device="cpu", executor=Processes(jobs=2))
    assert not run.failures
    models, others = seen_by("model", tiny.parent), seen_by("detector", tiny.parent)
    if len(gpus) < 2:
        assert list(models.values()) == [{"all"}, {"all"}]
        assert {"all"}.union(*others.values()) == {"all"}
        return
    assert sorted(models.values(), key=min) == [{gpu} for gpu in gpus]
    assert {""}.union(*others.values()) == {""}
    assert not models.keys() & others.keys()


@pytest.mark.parametrize(
    ("device", "visible", "count", "gpus"),
    [
        ("cuda", None, 2, ("0", "1")),
        ("cuda", "3, GPU-7f", 2, ("3", "GPU-7f")),
        ("cuda", "3,9", 1, ("3",)),
        ("cuda:1", None, 2, ()),
        ("cpu", None, 2, ()),
    ],
)
def test_the_gpus_of_a_device_are_those_that_this_process_sees(
    device: str,
    visible: str | None,
    count: int,
    gpus: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: count)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus_of(device) == gpus
