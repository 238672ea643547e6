"""What tests of several commands share."""

from pathlib import Path

import pytest

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
