"""What tests of several commands share."""

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.conftest import write_tiny
from tests.undisturbed import LONG, Undisturbed, finish, outputs, start

from ood_bench.runs import archive as archive_of
from ood_bench.runs import read_record, store_of


@pytest.fixture(scope="module")
def archive(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of the finished run; nobody writes to it."""
    (run,) = finished.glob("results/tiny-*")
    folder, record = tmp_path_factory.mktemp("archive") / "kept", read_record(run)
    with store_of(run, finished / "results", record) as store:
        archive_of(record, store, folder)
    return folder


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where fetched models lie, of this test alone."""
    monkeypatch.setenv("OOD_BENCH_ZOO", str(tmp_path / "zoo"))
    return tmp_path / "zoo"


@pytest.fixture(scope="session")
def undisturbed(
    digits: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> Undisturbed:
    """A run that was left in peace; what a disturbed one gives has to equal it."""
    tiny = write_tiny(tmp_path_factory.mktemp("undisturbed"), digits)
    tiny.write_text(LONG)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OOD_BENCH_DATA", raising=False)
        began = time.monotonic()
        finish(start(tiny, "results"))
    return Undisturbed(time.monotonic() - began, outputs(tiny, "results"))


@pytest.fixture
def photos(tmp_path: Path, digits: dict[str, np.ndarray]) -> Path:
    """Twelve digits as files, some in a folder below."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for i, image in enumerate(digits["high"][:12]):
        Image.fromarray(image[0]).save(folder / ("more" if i % 3 == 0 else ".") / f"{i:02}.png")
    return folder
