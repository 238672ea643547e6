"""Choice of a run's executor, by name or by the number of concurrent cells."""

from typing import Any

from ood_bench.errors import PluginError, SuiteError
from ood_bench.execute.cluster import Cluster
from ood_bench.execute.devices import threads_at_hand
from ood_bench.execute.executor import Executor
from ood_bench.execute.inline import Inline
from ood_bench.execute.processes import Processes, jobs_for
from ood_bench.plan import Plan
from ood_bench.registry import Registry, construct, option_fields


def load_executor(
    name: str, *, jobs: int | None = None, cluster: Cluster | None = None, detach: bool = False
) -> Executor:
    """Return an executor by its name.

    Args:
        name: A registered name, `package.module:Class`, or `./file.py:Class`.
        jobs: Number of concurrent cells; None leaves it to the executor.
        cluster: The cluster that it submits to, if it takes one.
        detach: Whether what it has submitted goes on when the run is interrupted.

    Raises:
        PluginError: If it is unknown or not an executor.
        SuiteError: If it has none of the options that are given, and `jobs` is more than one.
    """
    plugin = Registry().load("executors", name)
    if not issubclass(plugin, Executor):
        raise PluginError(f"'{name}' is no executor; derive it from ood_bench.execute.Executor")
    options = option_fields(plugin)
    given: dict[str, Any] = {}
    for option, value, matters in (
        ("jobs", jobs, jobs is not None and jobs > 1),
        ("cluster", cluster, cluster is not None),
        ("detach", detach or None, detach),
    ):
        if option in options and value is not None:
            given[option] = value
        elif matters:
            shown = f" {value}" if option == "jobs" else ""
            raise SuiteError(f"--{option}{shown}: the executor '{name}' has no such option")
    made: Executor = construct(plugin, name, given)
    return made


def usual_executor(plan: Plan, *, device: str, jobs: int | None = None) -> Executor:
    """Return the default executor: `inline` for one cell at a time, otherwise `processes`.

    Args:
        plan: The cells.
        device: The device that models run on.
        jobs: Number of concurrent cells; default: the number of threads or of trained models,
            whichever is smaller; on GPUs at most one for each.
    """
    jobs = jobs or jobs_for(plan, device=device, threads=threads_at_hand())
    return Inline() if jobs == 1 else Processes(jobs=jobs)
