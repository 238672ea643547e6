"""Run a suite: compute what is not stored, and write the report."""

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ood_bench.api.planning import Globs, Prepared, Settings, SuiteLike, globs, prepare
from ood_bench.errors import StoreError, SuiteError
from ood_bench.files import write_whole

if TYPE_CHECKING:
    from ood_bench.api.events import Event, Progress
    from ood_bench.api.frames import Run
    from ood_bench.execute import Executor, Failed, WorkContext
    from ood_bench.execute.cluster import ClusterLike
    from ood_bench.store import Store

_LONG = 20_000
"""Steps, and images that models score, from which on a run is timed before it begins."""

_BUNDLED = (
    "Bundled subsets used (20,000 training images each, all test images); pairs whose data is "
    "neither bundled nor available are skipped."
)


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
    cluster: "ClusterLike | None" = None,
    detach: bool = False,
    checkpoint_seconds: float = 30.0,
    progress: "Progress | None" = None,
) -> "Run":
    """Run a suite: train, score, measure, and write the report.

    Finished cells are stored in the results folder, which `ood-bench run` shares. After an
    interruption at any moment (Ctrl-C, the kernel's stop button), the same call resumes.

    A failed cell raises no error: cells that depend on it are left out, all others are finished,
    and `Run.failures` names both. Mistakes in the suite, a plugin or the data raise an error before
    anything is computed, as far as they can be detected.

    Args:
        suite: A YAML file, the name of a bundled suite (`"quickstart"`), or a mapping with the
            content of the YAML; paths in a mapping are relative to the working directory.
        data: The folder of data sets; default: the environment variable OOD_BENCH_DATA.
        results: The folder for the store and the reports.
        embedded: Use the bundled subsets and skip the pairs that lack data; the tables say so.
        skip_missing: Skip the pairs whose data is missing.
        scale: Factor on training steps; 0.05 for a quick look.
        set: Values to set by their paths, `{"seeds": [0, 1], "models.glow.options.width": 64}`,
            or as `"path=value"`.
        only: Globs over cell names; matching cells and their inputs are run.
        skip: Globs; matching cells are left out.
        fresh: Read all data and compute all cells again, even stored ones.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        jobs: Number of concurrent cells, each in a process with its share of the threads; default:
            the number of threads or of models, whichever is smaller; on GPUs one for each of
            them, and as many beside them for cells that need none.
        executor: The executor: `inline`, `processes`, `slurm`, `ray`, the name of a plugin,
            `package.module:Class`, `./file.py:Class`, or an object; default: `inline` for one job,
            `processes` for more.
        cluster: For an executor that submits to a cluster: the YAML file of the cluster, or a
            mapping with its content.
        detach: Leave what was submitted to a cluster running when the run is interrupted; the same
            call joins it.
        checkpoint_seconds: Time between two training checkpoints.
        progress: Called with each `Event`, whose text is one line, so `print` works. If it raises
            an error, the run ends after the current cell. Default: silent.

    Returns:
        The run, with its metrics, claims and scores as frames. The report is in its `folder`.

    Raises:
        OodBenchError: If there is a mistake in the suite, a plugin, the data or an argument.
        OSError: If the results cannot be written, for instance on a full disk.
        KeyboardInterrupt: If it is interrupted.

    Example:
        >>> found = run("quickstart", only="metric/glow@*/bpd")  # doctest: +SKIP
        >>> found.metrics[["model", "metric", "value"]]  # doctest: +SKIP
    """
    began = time.perf_counter()
    folder_of_all = Path(results)
    given = _given(executor, jobs, cluster, detach=detach)
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
        elsewhere=given is not None and given.elsewhere,
    )

    from ood_bench.api.events import Begun
    from ood_bench.api.frames import Run
    from ood_bench.execute import WorkContext, usual_executor
    from ood_bench.execute.environment import setting
    from ood_bench.results import Omission
    from ood_bench.runs import Changes, RunRecord, run_folder, write_record

    plan, store, follower = prepared.plan, prepared.store, _Follower(progress)
    asked = {"embedded": embedded, "only": globs(only), "skip": globs(skip)}
    folder = run_folder(folder_of_all, prepared.loaded.suite, asked)
    context = WorkContext(
        prepared.registry,
        prepared.library,
        prepared.device,
        follower,
        checkpoint_seconds,
        folder.name,
    )
    chosen = given or usual_executor(plan, device=prepared.device, jobs=jobs)
    manifest = {
        "suite": str(prepared.loaded.source.path),
        **chosen.manifest(plan, context),
        **setting(),
    }
    kept = {cell.key for cell in prepared.reported.cells}
    changes = Changes(
        scale=scale,
        set=prepared.settings,
        only=tuple(globs(only)),
        skip=tuple(globs(skip)),
        embedded=embedded,
    )
    record = replace(
        RunRecord.begun(
            prepared.loaded.suite,
            prepared.reported,
            changes=changes,
            notes=(*filter(None, (changes.note, _BUNDLED if embedded else "")),),
            base=prepared.loaded.folder,
        ),
        planned=tuple(cell.key for cell in prepared.whole.cells if cell.key not in kept),
    )
    write_record(folder, replace(record, manifest=manifest))
    lacking = [cell.name for cell in plan.cells if fresh or not store.has(cell.key)]
    if lacking and (refusal := store.refusal()):
        raise StoreError(
            f"{store.root}: {refusal}, and {len(lacking)} of {len(plan.cells)} cells are not "
            f"stored, such as {lacking[0]}; name another folder by --results, or ask for the rights"
        )
    with _cleared(store, folder):
        if fresh:
            for cell in plan.cells:
                with store.lock(cell.key):
                    store.remove(cell.key)
        stored = {cell.key for cell in plan.cells if store.has(cell.key)}
        expected = {} if progress is None else _expected(prepared, stored, context, chosen)
        follower(Begun(plan, sum(cell.key in stored for cell in plan.cells), expected))
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


def _expected(
    prepared: Prepared, stored: Collection[str], context: "WorkContext", executor: "Executor"
) -> "dict[str, float | None]":
    """Return about how long each cell takes that is not stored.

    Models are run for it, a second or two each, if a run is long enough to make up for that and
    computes on the CPU of this machine.
    """
    from ood_bench.execute.meter import expected

    here = context.device == "cpu" and not executor.elsewhere
    cells, store = prepared.plan.cells, prepared.store
    return expected(cells, stored, store, context, least=_LONG if here else None)


class _Follower:
    """Forwards events, and keeps failures and an error of the callback."""

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


def _given(
    executor: "str | Executor | None",
    jobs: int | None,
    cluster: "ClusterLike | None",
    *,
    detach: bool,
) -> "Executor | None":
    """Return the executor that was asked for; None leaves the choice to the plan."""
    from ood_bench.execute import load_cluster, load_executor

    if jobs is not None and jobs < 1:
        raise SuiteError(f"jobs={jobs}: there must be one at least")
    if executor is None:
        if cluster is not None or detach:
            option = "--detach" if cluster is None else "--cluster"
            raise SuiteError(f"{option}: name the executor too, such as --executor slurm")
        return None
    if isinstance(executor, str):
        found = None if cluster is None else load_cluster(cluster)
        return load_executor(executor, jobs=jobs, cluster=found, detach=detach)
    for name, value in (("jobs", jobs), ("cluster", cluster), ("detach", detach or None)):
        if value is not None:
            raise SuiteError(f"{name}={value}: give it to the executor itself")
    return executor


@contextmanager
def _cleared(store: "Store", folder: Path) -> Iterator[None]:
    """Remove the remains of interrupted runs, before a run and after it, however it ends."""
    from ood_bench.files import clear_unfinished

    store.clear()
    clear_unfinished(folder)
    try:
        yield
    finally:
        store.clear()


def _log_tracebacks(folder: Path, failures: "Sequence[Failed]") -> None:
    """Write the tracebacks of unexpected failures beside the report."""
    path = folder / "failures.log"
    texts = [f"{failed.cell.name}\n{failed.traceback}" for failed in failures if failed.traceback]
    if texts:
        write_whole(path, "\n".join(texts))
    else:
        path.unlink(missing_ok=True)
