"""What the runs on a cluster are doing, from the files that their jobs write."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ood_bench.errors import OodBenchError, did_you_mean

if TYPE_CHECKING:
    from ood_bench.execute.journal import Entry, RunFiles

State = Literal["waiting", "running", "queued again", "broken", "ended"]


@dataclass(frozen=True)
class BundleStatus:
    """The state of a bundle that was submitted.

    Attributes:
        run: The name of the run's folder.
        bundle: The name of the bundle.
        job: Its last job; empty as long as Slurm has not numbered it.
        state: `waiting` for a node, `running`, `queued again` after it was stopped, `broken` by an
            unexpected error, or `ended`.
        host: The last node; empty if there was none.
        done: How many of its cells are finished.
        failed: How many have failed.
        cells: How many it was given.
        training: The progress of the training that runs; empty if none does.
    """

    run: str
    bundle: str
    job: str
    state: State
    host: str
    done: int
    failed: int
    cells: int
    training: str


def status(results: str | Path = "results", run: str | None = None) -> tuple[BundleStatus, ...]:
    """Return the state of each bundle of the runs on a cluster that have not ended.

    Args:
        results: The folder of the store and the reports.
        run: The name or the path of a run's folder; default: all runs.

    Raises:
        OodBenchError: If that run is not in progress, or one of its files is damaged.
    """
    from ood_bench.execute.journal import runs_of

    runs = dict(runs_of(Path(results)))
    if run is not None:
        name = Path(run).name
        if name not in runs:
            known = did_you_mean(name, runs)
            raise OodBenchError(f"{name}: no such run is in progress on a cluster{known}")
        runs = {name: runs[name]}
    return tuple(one for name, files in runs.items() for one in _bundles(name, files))


def _bundles(run: str, files: "RunFiles") -> Iterator[BundleStatus]:
    last = {
        part.key: (part, submission)
        for submission in files.submissions()
        for part in submission.parts
    }
    for key, (part, submission) in last.items():
        tail = files.tail(key)
        entries = tail.read()
        state = _state(entries)
        done = {entry.key for entry in entries if entry.event == "done"}
        failed = {entry.key for entry in entries if entry.event == "failed"}
        training = tail.training() if state == "running" else None
        begun = [entry.key for entry in entries if entry.event == "cell"]
        if training is None or [training.key] != begun[-1:] or training.key in done | failed:
            training = None
        yield BundleStatus(
            run,
            part.name,
            submission.jobs()[key] if submission.job else "",
            state,
            entries[-1].host if entries else "",
            len(done),
            len(failed - done),
            max(part.cells, len(done | failed)),
            str(training.progress()) if training else "",
        )


def _state(entries: "list[Entry]") -> State:
    states: dict[str, State] = {
        "began": "running",
        "stopped": "queued again",
        "broken": "broken",
        "ended": "ended",
    }
    found: State = "waiting"
    for entry in entries:
        found = states.get(entry.event, found)
    return found
