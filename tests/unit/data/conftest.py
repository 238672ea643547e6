"""Images that several tests write in one format or another, and a library to read them with."""

from pathlib import Path

import pytest
from tests.unit.data.sets import Pixels, random_pixels

from ood_bench.data import Library


@pytest.fixture(scope="session")
def gray() -> Pixels:
    return random_pixels(7, 1, 28, 28)


@pytest.fixture(scope="session")
def colour() -> Pixels:
    return random_pixels(10, 3, 32, 32)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """A library over the test's own folder as data root."""
    return Library(root=tmp_path, index=None, hub=False)
