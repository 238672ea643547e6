"""A remembered digest is trusted only where a file's stamp is the same and says enough."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from tests.conftest import Command
from tests.unit.data import sets
from tests.unit.data.sets import Pixels

from ood_bench.data import DataOptions, Library, Shape, index, verify
from ood_bench.data.index import Index, index_key, settled
from ood_bench.errors import PluginError
from ood_bench.execute import WorkContext
from ood_bench.registry import Registry

GRAY = Shape(1, 4, 4)
NEVER = -(10**18)


@pytest.fixture
def settles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files be remembered that were written a moment ago."""
    monkeypatch.setattr(index, "GRANULARITY", NEVER)


def library(folder: Path, *, fresh: bool = False, root: Path | None = None) -> Library:
    return Library(root=root, index=folder / "index", fresh=fresh, hub=False)


def npz(path: Path, value: int) -> DataOptions:
    np.savez(path, images=np.full((5, 4, 4), value, np.uint8))
    return DataOptions(npz=path)


def over(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file anew under its old modification time; its size must come out the same."""
    before = path.stat()
    write(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def in_place(path: Path, value: int) -> None:
    over(path, lambda to: npz(to, value))


def replaced(path: Path, value: int) -> None:
    other = path.with_name("other.npz")
    npz(other, value)
    stat = path.stat()
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(path)


def relinked(path: Path, value: int) -> None:
    """Let a link lead to another file of a store, as Nix and git-annex do."""
    other = path.with_name(f"other-{value}.npz")
    npz(other, value)
    stat = path.stat()
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    path.unlink()
    path.symlink_to(other)


@pytest.mark.usefixtures("settles")
@pytest.mark.parametrize("change", [in_place, replaced, relinked])
def test_other_content_under_the_same_size_and_time_is_read_again(
    tmp_path: Path, change: Callable[[Path, int], None]
) -> None:
    path = tmp_path / "images.npz"
    options = npz(path, 1)
    before = library(tmp_path).info("own", options, "test")
    assert library(tmp_path).info("own", options, "test") == before
    change(path, 2)
    after = library(tmp_path).info("own", options, "test")
    assert after.digest == library(tmp_path / "none").info("own", options, "test").digest
    assert after.digest != before.digest


@pytest.mark.usefixtures("settles")
def test_an_image_of_a_folder_that_changes_under_its_time_is_read_again(tmp_path: Path) -> None:
    def write(path: Path, level: int) -> None:
        Image.fromarray(np.full((4, 4), level, np.uint8)).save(path, format="BMP")

    (tmp_path / "images").mkdir()
    path = tmp_path / "images/a.bmp"
    write(path, 1)
    options = DataOptions(folder=tmp_path / "images")
    before = library(tmp_path).info("own", options, "test")
    over(path, lambda to: write(to, 2))
    assert library(tmp_path).info("own", options, "test").digest != before.digest


@pytest.mark.parametrize("part", ["st_ino", "st_ctime_ns", "st_size", "st_mtime_ns"])
def test_each_part_of_a_stamp_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    stamp = {"st_ino": 1, "st_ctime_ns": 2, "st_size": 3, "st_mtime_ns": 4}
    keys = set()
    for value in (stamp, stamp, {**stamp, part: stamp[part] + 1}):
        monkeypatch.setattr(index, "_stat", lambda _, value=value: SimpleNamespace(**value))
        keys.add(index_key([tmp_path], split="test"))
    assert len(keys) == 2


@pytest.mark.usefixtures("settles")
def test_what_is_remembered_is_not_decoded_again_unless_all_is_read_afresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = npz(tmp_path / "images.npz", 1)
    before = library(tmp_path).info("own", options, "test")

    def decode(*_: object) -> None:
        raise RuntimeError("decoded")

    monkeypatch.setattr("ood_bench.data.library._decode", decode)
    assert library(tmp_path).info("own", options, "test") == before
    fresh = library(tmp_path, fresh=True)
    make, _ = fresh.__reduce__()
    for one in (fresh, fresh.again(), make()):  # here, and in another process
        with pytest.raises(RuntimeError, match="decoded"):
            one.info("own", options, "test")


def test_a_file_that_was_just_written_is_not_remembered(tmp_path: Path) -> None:
    """It could change again under the same times, and nothing would tell."""
    path = tmp_path / "images.npz"
    options = npz(path, 1)
    library(tmp_path).info("own", options, "test")
    assert not list(tmp_path.glob("index/*"))
    assert not settled([path])
    os.utime(path, (1, 1))  # an old archive, unpacked a moment ago
    assert not settled([path])


@pytest.mark.parametrize(
    ("changed", "modified", "right"),
    [(10, 10, True), (1, 10, False), (10, 1, False), (10, -1000, True), (-1, 10, False)],
    ids=["old", "changed", "modified", "dated to come", "a clock ahead"],
)
def test_a_file_is_settled_once_its_clock_has_ticked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: int, modified: int, right: bool
) -> None:
    now = index.time.time_ns()
    stat = SimpleNamespace(
        st_ctime_ns=now - changed * 1_000_000_000, st_mtime_ns=now - modified * 1_000_000_000
    )
    monkeypatch.setattr(index, "_stat", lambda _: stat)
    assert settled([tmp_path]) is right


@pytest.mark.usefixtures("settles")
def test_verification_reads_the_files_whatever_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, colour: Pixels
) -> None:
    sets.write_parquet(tmp_path / "cifar10", colour)
    stamp = SimpleNamespace(st_ino=1, st_ctime_ns=2, st_size=3, st_mtime_ns=4)
    monkeypatch.setattr(index, "_stat", lambda _: stamp)  # no stamp tells that a file changed
    found = library(tmp_path, root=tmp_path)
    (before,) = verify("cifar10", found)
    sets.write_parquet(tmp_path / "cifar10", Pixels(255 - colour.images, colour.labels))
    (after,) = verify("cifar10", found)
    assert before.digest != after.digest


def test_a_fresh_run_asks_nothing_of_the_index(
    tiny: Path, ood_bench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(Index, "get", lambda _, key: asked.append(key))
    assert ood_bench("run", tiny, "--dry-run").status == 0
    assert asked
    asked.clear()
    assert ood_bench("run", tiny, "--dry-run", "--fresh").status == 0
    assert not asked


@pytest.mark.usefixtures("settles")
def test_labels_that_stand_in_a_file_beside_the_images_are_read_again(tmp_path: Path) -> None:
    folder = tmp_path / "tiny-imagenet-200/val"
    (folder / "images").mkdir(parents=True)
    for name in "ab":
        Image.new("RGB", (64, 64)).save(folder / f"images/{name}.JPEG")
    path = folder / "val_annotations.txt"
    path.write_text("a.JPEG\tn01\t\nb.JPEG\tn02\t\n")
    options, shape = DataOptions(), Shape(3, 64, 64)
    before = library(tmp_path, root=tmp_path).info("tiny_imagenet", options, "test", shape)
    over(path, lambda to: to.write_text("a.JPEG\tn02\t\nb.JPEG\tn01\t\n"))
    after = library(tmp_path, root=tmp_path).info("tiny_imagenet", options, "test", shape)
    assert (after.digest, after.labels) != (before.digest, before.labels)


PLUGIN = """
from ood_bench.detectors.likelihood import Likelihood


class Own(Likelihood):
    value = {value}
"""


def test_a_file_of_plugins_is_compiled_from_what_is_hashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    path = tmp_path / "own.py"
    path.write_text(PLUGIN.format(value=1))
    registry = Registry(tmp_path)
    first = registry.load("detectors", "./own.py:Own")
    revision = registry.revision("./own.py:Own", first)
    over(path, lambda to: to.write_text(PLUGIN.format(value=2)))
    assert registry.revision("./own.py:Own", first) == revision
    again = Registry(tmp_path)
    second = again.load("detectors", "./own.py:Own")
    assert (first.value, second.value) == (1, 2)
    assert again.revision("./own.py:Own", second) != revision


def test_a_plugin_that_changes_after_planning_does_not_do_the_work(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(PLUGIN.format(value=1))
    registry = Registry(tmp_path)
    plugin = registry.load("detectors", "./own.py:Own")
    name = "./own.py:Own"
    revision = registry.revision(name, plugin)
    path.write_text(PLUGIN.format(value=2))
    context = WorkContext(Registry(tmp_path), library(tmp_path))
    with pytest.raises(PluginError, match="own.py:Own' changed since the run was planned"):
        context.plugin("detectors", name, revision)
    assert WorkContext(registry, library(tmp_path)).plugin("detectors", name, revision) is plugin
