"""What the machine refuses: one line with the path, what the system said and what to do."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from tests.conftest import Command, Outcome

import ood_bench as package
from ood_bench.store import Store

WRITERS = {
    "run": "run tiny.yaml",
    "run elsewhere": "run tiny.yaml --results {out}",
    "report": "report",
    "report csv": "report --format csv",
    "report json": "report --format json",
    "report html": "report --format html",
    "report latex": "report --format latex",
    "report -o": "report -o {out}",
    "report of two": "report {run} {copy}",
    "archive": "archive -o {out}",
    "models export": "models export glow@low/0 -o {out}",
    "models new": "models new my-flow -o {out}",
    "detectors new": "detectors new my-score -o {out}",
    "score csv": "score --model glow@low/0 --images high.npz -o {out}.csv",
    "score parquet": "score --model glow@low/0 --images high.npz -o {out}.parquet",
    "schema": "schema -o {out}.json",
    "data show": "data show mnist_20k -o {out}.png",
    "data audit": "data audit tiny.yaml --results {out}",
}
SOME = ("run", "report", "archive", "models export", "score parquet")
READERS = {
    "dry run": "run tiny.yaml --dry-run",
    "dry run elsewhere": "run tiny.yaml --dry-run --results {out}",
    "compare": "compare {run} {copy}",
    "score": "score --model glow@low/0 --images high.npz",
}


@pytest.fixture(scope="module")
def run_twice(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run and a second one."""
    folder = tmp_path_factory.mktemp("twice")
    shutil.copytree(finished, folder, dirs_exist_ok=True)
    (run,) = (folder / "results").glob("tiny-*")
    shutil.copytree(run, folder / "results" / "copy")
    return folder


@pytest.fixture
def place(run_twice: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of its own, now the working directory, that other users may read."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copytree(run_twice, folder / "work")
        (folder / "work").chmod(0o755)
        for path in folder.rglob("*.safetensors"):
            path.chmod(0o644)
        monkeypatch.chdir(folder / "work")
        monkeypatch.setenv("OOD_BENCH_JOBS", "1")
        monkeypatch.delenv("OOD_BENCH_DATA", raising=False)
        yield folder / "work"


def mounted(folder: Path, option: str) -> None:
    made = subprocess.run(
        ["mount", *option.split(), "tmpfs", folder], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("may not mount a file system here")


@contextmanager
def small_file_system(folder: Path, *, read_only: bool) -> Iterator[None]:
    """Put the folder's content on a file system of its own that is full, or not to be written."""
    content = folder.parent / "content"
    folder.rename(content)
    folder.mkdir()
    mounted(folder, "-t tmpfs -o size=32m")
    try:
        shutil.copytree(content, folder, dirs_exist_ok=True)
        os.chdir(folder)
        if read_only:
            mounted(folder, "-o remount,ro")
        else:
            with (folder / "filler").open("wb", buffering=0) as file, pytest.raises(OSError):  # noqa: PT011
                while True:
                    file.write(bytes(1 << 16))
                    os.fsync(file)
        yield
    finally:
        os.chdir("/")
        subprocess.run(["umount", folder], check=True)


@contextmanager
def limited_file_size(_: Path) -> Iterator[None]:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def readable(path: Path) -> bool:
    """Tell whether the user that this process is just now may look at a path."""
    try:
        path.stat()
    except PermissionError:
        return False
    return True


@contextmanager
def another_user(folder: Path) -> Iterator[None]:
    """Be somebody who may read but not write."""
    if os.geteuid() == 0:
        os.seteuid(65534)
        try:
            if not readable(Path(package.__file__)) or not readable(Path(sys.prefix)):
                pytest.skip("ood-bench is installed where another user may not read it")
            yield
        finally:
            os.seteuid(0)
        return
    kept = {path: path.stat().st_mode for path in (folder, *folder.rglob("*")) if path.is_dir()}
    for path in kept:
        path.chmod(0o555)
    try:
        yield
    finally:
        for path, mode in kept.items():
            path.chmod(mode)


def condition(name: str, folder: Path) -> AbstractContextManager[None]:
    if name == "another user":
        return another_user(folder)
    if name == "file size limit":
        return limited_file_size(folder)
    return small_file_system(folder, read_only=name == "read-only")


CONDITIONS = {
    "full disk": "No space left on device",
    "file size limit": "File too large",
    "read-only": "Read-only file system",
    "another user": "Permission denied",
}


def arguments(line: str, place: Path) -> list[str]:
    run = next((place / "results").glob("tiny-*"))
    return line.format(out="out", run=run, copy=run.with_name("copy")).split()


def told(outcome: Outcome, line: str, condition: str) -> list[str]:
    """Return what was said on standard error, and print it as a row of a table."""
    said = [
        text
        for text in outcome.err.splitlines()
        if " cells, " not in text and " figures" not in text
    ]
    row = f"| `{line}` | {condition} | {outcome.status} | {'<br>'.join(said)} |"
    print(row)  # noqa: T201  pytest -rP shows the table
    assert "Traceback" not in outcome.err
    return said


@pytest.mark.parametrize(
    ("writer", "name"),
    [
        *((writer, name) for writer in WRITERS for name in ("file size limit", "read-only")),
        *((writer, name) for writer in SOME for name in ("full disk", "another user")),
    ],
)
def test_a_refusal_of_the_machine_is_one_line_and_status_1(
    place: Path, ood_bench: Command, writer: str, name: str
) -> None:
    line = arguments(WRITERS[writer], place)
    with condition(name, place):
        outcome = ood_bench(*line)
        if name == "full disk":
            (place / "filler").unlink()
            assert ood_bench(*line).status == 0, "goes on when there is space"
    said = told(outcome, WRITERS[writer], name)
    assert outcome.status == 1
    assert len(said) == 1
    path, system, advice = said[0].replace("; ", ": ", 1).split(": ", 2)
    assert path.startswith(("out", "results"))
    assert system == CONDITIONS[name]
    assert advice


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", ["read-only", "another user"])
def test_what_only_reads_needs_no_writing(
    place: Path, ood_bench: Command, reader: str, name: str
) -> None:
    line = arguments(READERS[reader], place)
    with condition(name, place):
        outcome = ood_bench(*line)
    assert outcome.status == 0, outcome.err
    assert not (place / "out").exists()


@pytest.mark.parametrize("lacking", [0, 1])
def test_of_a_store_that_may_only_be_read_what_is_there_is_used_and_what_it_lacks_is_refused(
    place: Path, ood_bench: Command, lacking: int
) -> None:
    store = Store(place / "results/store")
    keys = [key for key in store.finished_keys() if store.kind(key) == "metric"]
    names = [store.manifest(key)["name"] for key in keys]
    count = len(store.finished_keys())
    for key in keys[:lacking]:
        store.remove(key)
    left = store.partial("0" * 32) / "dead" / "a.txt"
    left.parent.mkdir(parents=True)
    left.write_text("of a run that was killed")
    with small_file_system(store.root, read_only=True):
        os.chdir(place)
        outcome = ood_bench("run", "tiny.yaml")
    if not lacking:
        assert outcome.status == 0, outcome.err
        assert f"{count} cells, {count} of them stored" in outcome.err
        return
    assert outcome.status == 2
    assert outcome.err == (
        f"results/store: Read-only file system, and 1 of {count} cells are not stored, such as "
        f"{names[0]}; name another folder by --results, or ask for the rights\n"
    )


OPTIONS = [
    *("report -o {}", "archive -o {}", "models export glow@low/0 -o {}", "models new f-x -o {}"),
    *("run tiny.yaml --results {}", "run tiny.yaml --dry-run --results {}", "report --results {}"),
    *("compare a b --results {}", "data audit tiny.yaml --results {}", "data fetch svhn --data {}"),
    *("data list --data {}", "run tiny.yaml --data {}", "archive -o x --results {}"),
]
FILES = [
    *("score --model glow@low/0 --images high.npz -o {}/x.csv", "schema -o {}/x.json"),
    "data show mnist_20k -o {}/x.png",
]


@pytest.mark.parametrize("line", [*OPTIONS, *FILES])
def test_a_file_where_a_folder_is_wanted_is_status_2_before_anything_is_computed(
    place: Path, ood_bench: Command, line: str
) -> None:
    for name in ("tiny.yaml", "tiny.yaml/below/it"):
        outcome = ood_bench(*line.format(name).split())
        (said,) = told(outcome, line.format(name), "path is a file")
        assert outcome.status == 2
        assert "tiny.yaml is a file; name a folder" in said


@pytest.mark.parametrize("line", FILES)
def test_a_folder_where_a_file_is_wanted_is_status_2(
    place: Path, ood_bench: Command, line: str
) -> None:
    name = line.split("/")[-1]
    (place / name).mkdir()
    outcome = ood_bench(*line.replace("{}/", "").split())
    (said,) = told(outcome, line.replace("{}/", ""), "path is a folder")
    assert outcome.status == 2
    assert said == f"--output {name}: is a folder; name a file"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("report {run}", "report.md"),
        ("report {run}", "made.json"),
        ("report {run}", "tables/results.csv"),
        ("report {run} --format csv", "results.csv"),
        ("report {run} --format json", "results.json"),
        ("report {run} --format html", "report.html"),
        ("report {run} --format latex", "report.tex"),
        ("run tiny.yaml", "run.json"),
        ("run tiny.yaml", "report.md"),
        ("run tiny.yaml", "failures.log"),
        ("archive -o {run}", "cells.zip"),
    ],
)
def test_a_folder_in_a_files_place_is_one_line_that_names_it(
    place: Path, ood_bench: Command, line: str, name: str
) -> None:
    run = next((place / "results").glob("tiny-*")).relative_to(place)
    (place / run / name).unlink(missing_ok=True)
    (place / run / name / "something").mkdir(parents=True)
    outcome = ood_bench(*line.format(run=run).split())
    said = told(outcome, line.format(run=run), f"{name} is a folder")
    assert outcome.status == 1
    assert len(said) == 1
    assert str(run / name) in said[0]
    assert "a folder stands in the file's place" in said[0]


def test_a_dry_run_writes_nothing(place: Path, ood_bench: Command) -> None:
    shutil.rmtree(place / "results" / "store" / "data", ignore_errors=True)
    before = sorted(place.rglob("*"))
    assert ood_bench("run", "tiny.yaml", "--dry-run").status == 0
    assert ood_bench("run", "tiny.yaml", "--dry-run", "--results", "other").status == 0
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize(
    "device", ["cpu:1", "cpu:0", "meta", "cuda:99", "mps", "xpu:1", "toaster", ""]
)
def test_a_refused_device_is_one_line_and_leaves_nothing(
    place: Path, ood_bench: Command, device: str
) -> None:
    before = sorted(place.rglob("*"))
    outcome = ood_bench("run", "tiny.yaml", "--results", "other", "--device", device)
    assert outcome.status == 2
    assert len(outcome.err.splitlines()) == 1
    assert f"--device {device}" in outcome.err
    assert sorted(place.rglob("*")) == before
