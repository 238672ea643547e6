"""The real data sets under OOD_BENCH_DATA, where it is set."""

import os
from pathlib import Path

import pytest

from ood_bench.data import DataOptions, Library, Shape, catalogue

ROOT = os.environ.get("OOD_BENCH_DATA")
pytestmark = pytest.mark.skipif(ROOT is None, reason="OOD_BENCH_DATA is not set")


@pytest.fixture(scope="module")
def real() -> Library:
    return Library(root=Path(ROOT or ""), index=None, hub=False)


@pytest.mark.parametrize(
    "name", [entry.name for entry in catalogue().values() if entry.shape and entry.hub]
)
def test_the_first_images_at_hand_fit_any_shape(real: Library, name: str) -> None:
    options = DataOptions(limit=50)
    if real.missing(name, options):
        pytest.skip(f"{name} is not at hand")
    for shape in (real.shape(name, options), Shape(1, 28, 28), Shape(3, 32, 32)):
        images = real.load(name, options, "test", shape)
        assert images.pixels.shape == (50, *shape)
        assert 5 < images.pixels.std() < 120


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_embedded_test_images_are_those_of_the_data_root(real: Library, name: str) -> None:
    if real.missing(name, DataOptions()):
        pytest.skip(f"{name} is not at hand")
    whole = real.load(name, DataOptions(), "test", Shape(1, 28, 28))
    subset = real.load(f"{name}_20k", DataOptions(), "test", Shape(1, 28, 28))
    assert whole.digest == subset.digest
    assert whole.labels is not None
    assert subset.labels is not None
    assert whole.labels.tolist() == subset.labels.tolist()
