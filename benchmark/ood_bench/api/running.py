"""A suite to a run: what is not stored is computed, and the report written."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ood_bench.api.planning import Globs, Prepared, Settings, SuiteLike, globs, prepare
from ood_bench.errors import SuiteError
from ood_bench.files import write_whole

if TYPE_CHECKING:
    from ood_bench.api.events import Event, Progress
    from ood_bench.api.frames import Run
    from ood_bench.execute import Executor, Failed
    from ood_bench.store import Store


def run(
    suite: SuiteLike,
    *,
    data: str | Path | None = None,
    results: str | Path = "results",
    embedded: bool = False,
    skip_missing: bool = False,
    scale: float = 1.0,
    set: Settings = (),
    only: Globs = (),
    skip: Globs = (),
    fresh: bool = False,
    device: str = "auto",
    jobs: int | None = None,
    executor: "str | Executor | None" = None,
    checkpoint_seconds: float = 30.0,
    progress: "Progress | None" = None,
) -> "Run":
    """Run a suite: train what is not trained, score, measure, and write the report.

    What is finished is kept in the results folder, where `ood-bench run` finds it too. Interrupted
    at any moment (Ctrl-C, the kernel's stop button), the same call goes on from there.

    A cell that fails does not raise: what needs it is left out, all others are finished, and
    `Run.failures` names both. A mistake in the suite, a plugin or the data that can be seen
    beforehand raises before anything is computed.

    Args:
        suite: A YAML file, the name of a suite that is shipped (`"quickstart"`), or a mapping with
            what the YAML would hold; paths in a mapping are relative to the working directory.
        data: The folder of data sets; default: what the variable OOD_BENCH_DATA says.
        results: Where the store and the reports lie.
        embedded: Use the bundled subsets and skip the pairs that lack data; the tables say so.
        skip_missing: Skip the pairs whose data is missing.
        scale: Factor on training steps; 0.05 for a quick look.
        set: Values to change by their paths, `{"seeds": [0, 1], "models.glow.options.width": 64}`,
            or as `"path=value"`.
        only: Globs over cell names; these are run, with what they need.
        skip: Globs; these are left out.
        fresh: Read all data and compute all cells anew, also those that are stored.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        jobs: Cells at a time, each in a process with its share of the threads; default: as many as
            threads and models, 1 on a GPU.
        executor: What works on the cells: `inline`, `processes`, the name of a plugin,
            `package.module:Class`, `./file.py:Class`, or an object; default: `inline` for one job,
            `processes` for more.
        checkpoint_seconds: Time between two training checkpoints.
        progress: Called with each `Event`, which as text is one line: `print` will do. What it
            raises ends the run once the cell in work is finished. None is silent.

    Returns:
        The run, with its metrics, claims and scores as frames. The report lies in its `folder`.

    Raises:
        OodBenchError: If there is a mistake in the suite, a plugin, the data or an argument.
        OSError: If the machine refuses to write the results, on a full disk say.
        KeyboardInterrupt: If it was interrupted.

    Example:
        >>> found = run("quickstart", only="metric/glow@*/bpd")  # doctest: +SKIP
        >>> found.metrics[["model", "metric", "value"]]  # doctest: +SKIP
    """
    began = time.perf_counter()
    folder_of_all = Path(results)
    prepared = prepare(
        suite,
        data=data,
        results=folder_of_all,
        embedded=embedded,
        scale=scale,
        set=set,
        only=only,
        skip=skip,
        fresh=fresh,
        device=device,
        lenient=skip_missing or embedded,
        remember=True,
    )

    from ood_bench.api.events import Begun
    from ood_bench.api.frames import Run
    from ood_bench.execute import WorkContext
    from ood_bench.execute.environment import setting
    from ood_bench.results import Omission
    from ood_bench.runs import RunRecord, run_folder, write_record

    plan, store, follower = prepared.plan, prepared.store, _Follower(progress)
    context = WorkContext(
        prepared.registry, prepared.library, prepared.device, follower, checkpoint_seconds
    )
    chosen = _chosen(executor, prepared, jobs)
    manifest = {
        "suite": str(prepared.loaded.source.path),
        **chosen.manifest(plan, context),
        **setting(),
    }
    kept = {cell.key for cell in prepared.reported.cells}
    record = replace(
        RunRecord.begun(
            prepared.loaded.suite,
            prepared.reported,
            notes=_notes(embedded=embedded, scale=scale, settings=prepared.settings),
            base=prepared.loaded.folder,
        ),
        planned=tuple(cell.key for cell in prepared.whole.cells if cell.key not in kept),
    )
    asked = {"embedded": embedded, "only": globs(only), "skip": globs(skip)}
    folder = run_folder(folder_of_all, prepared.loaded.suite, asked)
    write_record(folder, replace(record, manifest=manifest))
    with _cleared(store, folder):
        if fresh:
            for cell in plan.cells:
                with store.lock(cell.key):
                    store.remove(cell.key)
        follower(Begun(plan, sum(store.has(cell.key) for cell in plan.cells)))
        with closing(chosen.run(plan, store, context)) as outcomes:
            for outcome in outcomes:
                follower(outcome)
                follower.raise_what_it_raised()
    manifest["wall time"] = f"{time.perf_counter() - began:.0f} s"
    failures = tuple(
        Omission(failed.cell.name, failed.message, **failed.cell.rows)
        for failed in follower.failures
    )
    write_record(folder, replace(record, failures=failures, manifest=manifest))
    _log_tracebacks(folder, follower.failures)
    made = Run(folder, results=folder_of_all, trust_code=True)
    made.report(progress=progress)
    return made


class _Follower:
    """Passes events on, and keeps the failures among them and what the callback raised."""

    def __init__(self, progress: "Progress | None") -> None:
        self.failures: list[Failed] = []
        self._progress = progress
        self._raised: Exception | None = None

    def __call__(self, event: "Event") -> None:
        from ood_bench.execute import Failed

        if isinstance(event, Failed):
            self.failures.append(event)
        if self._progress is not None and self._raised is None:
            try:
                self._progress(event)
            except Exception as error:  # noqa: BLE001  not the cell's failure that is in work
                self._raised = error

    def raise_what_it_raised(self) -> None:
        if self._raised is not None:
            raise self._raised


def _chosen(executor: "str | Executor | None", prepared: Prepared, jobs: int | None) -> "Executor":
    from ood_bench.execute import load_executor, usual_executor

    if jobs is not None and jobs < 1:
        raise SuiteError(f"jobs={jobs}: there must be one at least")
    if executor is None:
        return usual_executor(prepared.plan, device=prepared.device, jobs=jobs)
    if isinstance(executor, str):
        return load_executor(executor, jobs=jobs)
    if jobs is not None:
        raise SuiteError(f"jobs={jobs}: give it to the executor itself")
    return executor


@contextmanager
def _cleared(store: "Store", folder: Path) -> Iterator[None]:
    """Remove what broken-off runs have left, before a run and after it, however it ends."""
    from ood_bench.files import clear_unfinished

    store.clear()
    clear_unfinished(folder)
    try:
        yield
    finally:
        store.clear()


def _notes(*, embedded: bool, scale: float, settings: Sequence[str]) -> tuple[str, ...]:
    """Return what must be said above every table."""
    notes = []
    if embedded:
        notes.append(
            "Bundled subsets used (20,000 training images each, all test images); pairs whose "
            "data is neither bundled nor available are skipped."
        )
    if scale != 1.0:
        notes.append(f"Training steps scaled by {scale:g}.")
    if settings:
        notes.append(f"Set on top of the suite: {', '.join(settings)}.")
    return tuple(notes)


def _log_tracebacks(folder: Path, failures: "Sequence[Failed]") -> None:
    """Leave the tracebacks of unexpected failures beside the report."""
    path = folder / "failures.log"
    texts = [f"{failed.cell.name}\n{failed.traceback}" for failed in failures if failed.traceback]
    if texts:
        write_whole(path, "\n".join(texts))
    else:
        path.unlink(missing_ok=True)
