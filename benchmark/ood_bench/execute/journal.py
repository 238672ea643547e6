"""What the jobs of a run on a cluster tell its driver, in files beside the store.

`submissions/<name>.json` says which bundles were submitted as which jobs; it is written before they
are, and again with their numbers. `bundles/<key>/<job>.jsonl` has one line for each event of a job,
`bundles/<key>/progress.json` the progress of its training. `logs/` is submitit's folder. All are
read as JSON of known types.
"""

import json
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from ood_bench.errors import StoreError
from ood_bench.files import write_whole
from ood_bench.owner import Owner
from ood_bench.typed import Count, Key, read_limited, typed

if TYPE_CHECKING:
    from ood_bench.lit import TrainingProgress

SLURM_FOLDER = "slurm"
"""The folder beside the store in which each run on Slurm has one."""

RAY_FOLDER = "ray"
"""The same for runs on Ray."""

PROGRESS_SECONDS = 2.0
"""Minimum time between two writings of a training's progress."""

log = logging.getLogger(__name__)

Number = Annotated[str, StringConstraints(pattern=r"^[0-9]+$")]
JobId = Annotated[str, StringConstraints(pattern=r"^[0-9]+(_[0-9]+)?$")]


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Part(_Read):
    """A bundle that was submitted.

    Attributes:
        key: Its key.
        name: Its name.
        cells: Number of its cells that were not finished.
    """

    key: Key
    name: str
    cells: Count


class Submission(_Read):
    """Bundles that were submitted together.

    Attributes:
        name: The name of the job, which no other submission has.
        parts: The bundles, in the order of the array.
        job: The number that Slurm gave the job; None as long as it is unknown.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$")]
    parts: tuple[Part, ...]
    job: Number | None = None

    def jobs(self) -> dict[str, str]:
        """Return the job of each bundle, by key."""
        alone = len(self.parts) == 1
        return {
            part.key: f"{self.job}" if alone else f"{self.job}_{place}"
            for place, part in enumerate(self.parts)
        }


class Entry(_Read):
    """A line of a job: it began, began a cell, finished one, was stopped, or ended.

    Attributes:
        event: What happened. `stopped`: preempted or out of time, and queued again.
        job: The job.
        host: The node.
        key: The cell.
        stored: For `done`, whether it existed before.
        seconds: For `done`, how long the work took.
        message: For `failed` and `broken`, the reason in one line.
        traceback: For `failed`, the traceback of an unexpected error.
        mistake: For `failed`, whether the user can fix it.
    """

    event: Literal["began", "cell", "done", "failed", "stopped", "broken", "ended"]
    job: JobId
    host: str
    key: Key | None = None
    stored: bool = False
    seconds: float = 0.0
    message: str = ""
    traceback: str = ""
    mistake: bool = False


class Training(_Read):
    """The progress of a training, as in `lit.TrainingProgress`, and the cell."""

    key: Key
    step: Count
    steps: Count
    loss: str
    images_per_second: float
    seconds_left: float | None = None

    def progress(self) -> "TrainingProgress":
        """Return the progress without the cell."""
        from ood_bench.lit import TrainingProgress

        return TrainingProgress(**self.model_dump(exclude={"key"}))


@dataclass
class Tail:
    """What has been read of a bundle's files, to read on from there.

    Attributes:
        entries: All entries so far.
    """

    folder: Path
    entries: list[Entry] = field(default_factory=list)
    _offsets: dict[str, int] = field(default_factory=dict)

    def read(self) -> list[Entry]:
        """Return the new entries; a line that is still being written waits.

        A line that is no entry is named in a warning and ignored.
        """
        found: list[Entry] = []
        for path in sorted(self.folder.glob("*.jsonl"), key=_written):
            offset = self._offsets.get(path.name, 0)
            try:
                with path.open("rb") as file:
                    file.seek(offset)
                    text = file.read()
            except OSError:
                continue
            whole = text[: text.rfind(b"\n") + 1]
            self._offsets[path.name] = offset + len(whole)
            for line in whole.splitlines():
                try:
                    found.append(typed(line, Entry, path))
                except StoreError as error:
                    log.warning("%s; the line is ignored", error)
        self.entries += found
        return found

    def training(self) -> Training | None:
        """Return the progress of the bundle's training; None if none is known."""
        path = self.folder / "progress.json"
        try:
            return typed(read_limited(path), Training, path)
        except (FileNotFoundError, StoreError):
            return None


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


class RunFiles:
    """The files of one run.

    Args:
        folder: The folder of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "logs"

    def submissions(self) -> list[Submission]:
        """Return what was submitted, in the order of submission.

        Raises:
            StoreError: If a file is damaged.
        """
        paths = sorted((self.folder / "submissions").glob("*.json"))
        return [typed(read_limited(path), Submission, path) for path in paths]

    def keep(self, submission: Submission, place: int) -> None:
        """Write what is submitted, as the `place`-th."""
        path = self.folder / "submissions" / f"{place:06}.json"
        write_whole(path, submission.model_dump_json())

    def tail(self, bundle: str) -> Tail:
        """Return the reader of a bundle's files."""
        return Tail(self.folder / "bundles" / bundle)

    def log(self, job: str) -> Path:
        """Return the path of a job's standard error."""
        return self.logs / f"{job}_0_log.err"

    def cancel(self, name: str) -> None:
        """Tell the jobs of a submission that a signal to end means that they were cancelled."""
        write_whole(self.folder / f"cancelled-{name}", "")

    def cancelled(self, name: str) -> bool:
        """Return whether the jobs of a submission were cancelled by the driver."""
        return (self.folder / f"cancelled-{name}").exists()

    def forget(self) -> None:
        """Remove what was submitted and what came of it; the logs stay."""
        for name in ("submissions", "bundles"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def clear(self) -> None:
        """Remove everything, the logs included."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):
            self.folder.parent.rmdir()


class Writer:
    """Writes the entries of one job on a bundle.

    Args:
        files: The files of the run.
        bundle: The key of the bundle.
        job: The job.
        host: The node.
    """

    def __init__(self, files: RunFiles, bundle: str, *, job: str, host: str) -> None:
        self._folder = files.tail(bundle).folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._path = self._folder / f"{job}-{Owner.here()}.jsonl"
        self._job, self._host = job, host
        self._last = 0.0

    def write(self, entry: Entry) -> None:
        """Append an entry."""
        line = f"{entry.model_dump_json(exclude_defaults=True)}\n".encode()
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(handle, line)
            os.fsync(handle)
        finally:
            os.close(handle)

    def say(
        self,
        event: Literal["began", "cell", "stopped", "broken", "ended"],
        key: str | None = None,
        message: str = "",
    ) -> None:
        """Append an entry about the job, or that a cell begins."""
        self.write(self.entry(event=event, key=key, message=message))

    def entry(self, **fields: Any) -> Entry:
        """Return an entry of this job."""
        return Entry(job=self._job, host=self._host, **fields)

    def train(self, training: Training, *, last: bool) -> None:
        """Write the progress of a training, now and then and at its last step."""
        now = time.monotonic()
        if not last and now - self._last < PROGRESS_SECONDS:
            return
        self._last = now
        new = self._folder / f".progress-{self._job}"
        new.write_text(json.dumps(training.model_dump()))
        new.replace(self._folder / "progress.json")


def runs_of(results: Path) -> Iterator[tuple[str, RunFiles]]:
    """Yield the name and the files of each run on a cluster that has not ended."""
    for kind in (SLURM_FOLDER, RAY_FOLDER):
        for folder in sorted((results / kind).glob("*")):
            if (folder / "submissions").is_dir():
                yield folder.name, RunFiles(folder)
