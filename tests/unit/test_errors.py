"""What the machine refuses is said in one line: the path, the system's word and what to do."""

import errno
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from ood_bench.errors import machine_refusal

REFUSALS = [
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EFBIG,
    errno.EIO,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ESTALE,
    errno.EMFILE,
]


@pytest.mark.parametrize("number", REFUSALS, ids=errno.errorcode.__getitem__)
def test_a_refusal_names_the_path_what_the_system_said_and_what_to_do(number: int) -> None:
    line = machine_refusal(OSError(number, "any words", "some/file"))
    assert line is not None
    path, said, advice = line.replace("; ", ": ", 1).split(": ", 2)
    assert (path, said) == ("some/file", os.strerror(number))
    assert advice
    assert "\n" not in line


def test_a_rename_is_refused_for_the_place_it_goes_to(tmp_path: Path) -> None:
    (tmp_path / "from").write_text("")
    (tmp_path / "to").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        (tmp_path / "from").replace(tmp_path / "to")
    assert str(machine_refusal(caught.value)).startswith(f"{tmp_path / 'to'}: Is a directory; ")


def test_the_file_is_named_that_stands_where_a_folder_is_needed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError) as caught:
        (tmp_path / "file" / "a" / "b").mkdir(parents=True)
    assert str(machine_refusal(caught.value)).startswith(f"{tmp_path / 'file'}: Not a directory; ")


@pytest.mark.parametrize("library", ["python", "pyarrow"])
def test_an_error_without_a_path_takes_the_place_that_was_written(
    tmp_path: Path, library: str
) -> None:
    resource = pytest.importorskip("resource")
    table = pa.table({"x": np.random.default_rng(0).random(10_000)})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError) as caught:  # noqa: PT011  its number is looked at below
            if library == "python":
                (tmp_path / "file").write_text(2000 * "much ")
            else:
                pq.write_table(table, tmp_path / "file")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    line = machine_refusal(caught.value, "store/cell")
    assert str(line).startswith("store/cell: File too large; raise the limit")


def test_a_library_that_raises_its_own_error_is_understood(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Exception) as caught:  # noqa: PT011  safetensors' own class
        save_file({"x": torch.zeros(3)}, tmp_path / "file" / "weights.safetensors")
    assert not isinstance(caught.value, OSError)
    line = machine_refusal(caught.value, tmp_path / "file" / "weights.safetensors")
    assert str(line).startswith(f"{tmp_path / 'file'}: Not a directory; ")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no space"),
        OSError("no number"),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "x"),
        BrokenPipeError(errno.EPIPE, "Broken pipe"),
    ],
    ids=repr,
)
def test_other_errors_are_no_refusals(error: Exception) -> None:
    assert machine_refusal(error) is None
