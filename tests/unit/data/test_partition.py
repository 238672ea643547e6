"""No image serves two ends: what trains, validates and is held out of a training split."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ood_bench.cells.worker import Worker
from ood_bench.data import Library
from ood_bench.data.partition import partition
from ood_bench.errors import DataError
from ood_bench.execute import WorkContext
from ood_bench.plan import Plan, build_plan
from ood_bench.registry import Registry
from ood_bench.store import Store
from ood_bench.suite import load_suite

COUNT = 600


@given(st.integers(3, 200), st.integers(1, 60), st.integers(1, 60), st.text(max_size=8))
def test_every_row_is_in_one_part(count: int, validation: int, held_out: int, digest: str) -> None:
    if validation + held_out >= count:
        with pytest.raises(DataError, match="leave none to train on"):
            partition(count, digest=digest, validation=validation, held_out=held_out)
        return
    parts = partition(count, digest=digest, validation=validation, held_out=held_out)
    rows = np.concatenate(parts)
    assert sorted(rows) == list(range(count))
    assert (len(parts.validation), len(parts.held_out)) == (validation, held_out)


def test_the_parts_depend_on_the_content_alone_and_on_no_order_of_the_rows() -> None:
    def parts(digest: str) -> list[list[int]]:
        found = partition(100, digest=digest, validation=10, held_out=20)
        return [part.tolist() for part in found]

    assert parts("a") == parts("a")
    assert parts("a") != parts("b")
    assert all(part != sorted(part) for part in parts("a"))


def test_the_parts_are_the_same_in_every_version() -> None:
    parts = partition(10, digest="d", validation=2, held_out=3)
    assert [part.tolist() for part in parts] == [[4, 9, 6, 5, 3], [7, 1], [2, 8, 0]]


def test_sizes_that_leave_nothing_are_told_with_what_to_lower() -> None:
    partition(12, digest="", validation=5, held_out=6)
    with pytest.raises(DataError) as refusal:
        partition(11, digest="", validation=5, held_out=6)
    assert str(refusal.value) == (
        "11 training images, of which 5 validate and 6 are held out, leave none to train on; "
        "lower training.validation or training.held_out"
    )


class Recording:
    """A statistic that notes of which images it was asked."""

    columns = ("log_prob", "log_prior", "log_volume", "complexity_png")

    def __init__(self) -> None:
        self.rows: list[int] = []

    def compute(self, pixels: NDArray[np.uint8], model: object) -> dict[str, NDArray[np.float64]]:
        del model
        self.rows = rows_of(pixels)
        return {name: np.zeros(len(pixels)) for name in self.columns}


def rows_of(pixels: NDArray[np.uint8]) -> list[int]:
    """Return the numbers that images bear."""
    return (pixels[:, 0, 0, 0].astype(int) * 256 + pixels[:, 0, 0, 1]).tolist()


@pytest.fixture
def planned(tiny: Path) -> Plan:
    """The plan of a suite whose training images bear their numbers."""
    numbered = np.zeros((COUNT, 1, 8, 8), np.uint8)
    numbered[:, 0, 0, 0], numbered[:, 0, 0, 1] = np.divmod(np.arange(COUNT), 256)
    np.savez(tiny.parent / "low.npz", train_images=numbered, test_images=numbered[:50])
    loaded = load_suite(tiny, assignments=["evaluation.train_images=100"])
    return build_plan(loaded, Registry(), Library(root=None, index=None, hub=False))


def test_a_model_is_trained_scored_and_probed_on_the_images_meant_for_it(
    planned: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, statistic = Registry(), Recording()
    worker = Worker(
        WorkContext(registry, Library(root=None, index=None, hub=False), "cpu"),
        Store(tmp_path / "store"),
        device="cpu",
    )
    seen: dict[str, Any] = {}

    def fit(model: object, recipe: Any, train: Any, validation: Any, **more: Any) -> None:
        seen.update(train=rows_of(train), validation=rows_of(validation), **more)
        raise InterruptedError

    monkeypatch.setattr("ood_bench.lit.fit", fit)
    monkeypatch.setattr(worker, "trained", lambda key: None)
    cells = {cell.name: cell for cell in planned.cells}
    folder = tmp_path / "new"
    folder.mkdir()
    with pytest.raises(InterruptedError):
        worker.work(cells["train/glow@low/0"], folder)
    context = SimpleNamespace(images=worker.context.images, registry=SimpleNamespace())
    context.registry.load = lambda kind, name: lambda: statistic
    monkeypatch.setattr(worker, "context", context)

    def scored(part: str) -> list[int]:
        worker.work(cells[f"score/glow@low/0/low/{part}/decomposition"], folder)
        return statistic.rows

    train, validation, held_out = seen["train"], seen["validation"], scored("held_out")
    assert sorted(train + validation + held_out) == list(range(COUNT))
    assert (len(validation), len(held_out)) == (20, 60)
    assert scored("train") == train[:100]
    assert scored("test") == list(range(50))
    assert rows_of(seen["probes"]["low/train"]) == train
    images = next(name for name in cells if name.startswith("score/1x8x8/low/held_out"))
    worker.work(cells[images], folder)
    assert statistic.rows == held_out
