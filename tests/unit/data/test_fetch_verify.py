"""Fetching from the hub, here a folder that stands for a repository, and verifying."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.unit.data import sets
from tests.unit.data.sets import Pixels

from ood_bench.data import DataOptions, Entry, Library, Shape, catalogue, fetch, verify
from ood_bench.data.sources.hub import Hub
from ood_bench.data.sources.tabular import Columns, RootParquet
from ood_bench.errors import DataError, machine_refusal

COLOUR = Shape(3, 32, 32)
README = """---
configs:
- config_name: default
  data_files:
  - {split: train, path: train.parquet}
  - {split: valid, path: valid.parquet}
---
"""


@pytest.fixture
def entries(tmp_path: Path, colour: Pixels, monkeypatch: pytest.MonkeyPatch) -> dict[str, Entry]:
    """A catalogue of one data set, whose hub repository is a folder."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    repo = tmp_path / "repo"
    repo.mkdir()
    for split in ("train", "valid"):
        pq.write_table(sets.image_table(colour, "img", "fine"), repo / f"{split}.parquet")
    (repo / "README.md").write_text(README)
    hub = Hub(str(repo), Columns("img", "fine"), splits={"test": "valid"})
    counts = {"train": 10, "test": 10}
    entry = Entry("small", "Small", "MIT", "me", COLOUR, counts, sources=(RootParquet(), hub))
    return {"small": entry}


def test_a_fetched_set_is_found_in_the_data_root(
    tmp_path: Path, entries: dict[str, Entry], colour: Pixels
) -> None:
    root = tmp_path / "root"
    paths = fetch("small", root, entries=entries)
    assert [path.name for path in paths] == [
        "train-00000-of-00001.parquet",
        "test-00000-of-00001.parquet",
    ]
    library = Library(root=root, index=None, hub=False, entries=entries)
    images = library.load("small", DataOptions(), "test", COLOUR)
    assert np.array_equal(images.pixels, colour.images)
    assert images.labels is not None
    assert images.labels.tolist() == colour.labels.tolist()
    assert all(check.ok for check in verify("small", library))
    assert sorted(path.name for path in (root / "small").iterdir()) == sorted(
        path.name for path in paths
    )


def test_a_split_that_is_there_is_not_fetched_again(
    tmp_path: Path, entries: dict[str, Entry]
) -> None:
    paths = fetch("small", tmp_path, entries=entries)
    for path in paths:
        path.write_bytes(b"kept")
    assert fetch("small", tmp_path, entries=entries) == paths
    assert all(path.read_bytes() == b"kept" for path in paths)


def test_what_cannot_be_fetched_is_one_line(tmp_path: Path, entries: dict[str, Entry]) -> None:
    gone = Hub(str(tmp_path / "gone"))
    nowhere = {"small": replace(entries["small"], sources=(gone,))}
    with pytest.raises(
        DataError, match=r"cannot fetch 'small' from the hub \(.*gone\): "
    ) as caught:
        fetch("small", tmp_path, entries=nowhere)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "small").exists()
    with pytest.raises(DataError, match="unknown data set 'smal'; did you mean 'small'"):
        fetch("smal", tmp_path, entries=entries)
    with pytest.raises(DataError, match="'noise' is not on the hub; it is bundled"):
        fetch("noise", tmp_path)


@pytest.mark.parametrize("stored", [False, True], ids=["the hub's cache", "the data root"])
def test_a_file_that_the_machine_refuses_is_said_with_its_path(
    tmp_path: Path, entries: dict[str, Entry], *, stored: bool
) -> None:
    """The cache is written first; where it holds the set already, the data root is."""
    resource = pytest.importorskip("resource")
    if stored:
        fetch("small", tmp_path / "first", entries=entries)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            fetch("small", tmp_path / "root", entries=entries)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    line = machine_refusal(caught.value)
    assert line is not None
    assert line.startswith(str(tmp_path / ("root" if stored else "cache")))
    assert len(fetch("small", tmp_path / "root", entries=entries)) == 2, "goes on afterwards"


def test_verify_compares_counts_and_content(tmp_path: Path, colour: Pixels) -> None:
    sets.write_parquet(tmp_path / "small", colour)
    sets.write_parquet(tmp_path / "small", colour, split="train")
    plain = Entry("small", "Small", "MIT", "me", COLOUR, sources=(RootParquet(),))

    def check(entry: Entry) -> list[tuple[bool, str]]:
        library = Library(root=tmp_path, index=None, hub=False, entries={"small": entry})
        return [(found.ok, found.message) for found in verify("small", library)]

    digest = (
        Library(root=tmp_path, index=None, entries={"small": plain})
        .load("small", DataOptions(), "test", COLOUR)
        .digest
    )
    counts = {"train": 10, "test": 12}
    pinned = replace(plain, digests={"train": digest, "test": digest[::-1]})
    assert check(plain) == [(True, "10 images; all decode; no published digest is known")] * 2
    assert check(replace(plain, counts=counts))[1] == (
        False,
        "10 of 12 published images; all decode",
    )
    assert check(pinned) == [
        (True, "10 images, equal to the published ones"),
        (False, "10 images, not equal to the published ones"),
    ]
    (tmp_path / "small/test-00000-of-00001.parquet").write_bytes(b"cut")
    ok, message = check(plain)[1]
    assert not ok
    assert "test-00000-of-00001.parquet: not a readable Parquet file" in message


def test_verify_reads_sets_of_many_sizes_and_refuses_generated_ones(
    tmp_path: Path, colour: Pixels
) -> None:
    sets.write_parquet(tmp_path / "textures", colour)
    library = Library(root=tmp_path, index=None, hub=False)
    (found,) = verify("textures", library)
    assert (found.count, found.digest) == (10, "")
    with pytest.raises(DataError, match="'noise' is generated"):
        verify("noise", library)
    with pytest.raises(DataError, match="'kmnist' is not available"):
        verify("kmnist", library)


def test_the_embedded_subsets_verify() -> None:
    library = Library(root=None, index=None, hub=False)
    assert all(check.ok and check.expected for check in verify("mnist_20k", library))


def test_every_entry_says_what_a_paper_needs() -> None:
    for name, entry in catalogue().items():
        assert entry.name == name
        assert entry.title
        assert entry.licence
        if not entry.generate:
            assert entry.citation
            assert entry.counts.keys() == {"train", "test"}
