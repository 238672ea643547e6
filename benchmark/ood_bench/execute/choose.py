"""Choice of a run's executor, by name or by the number of concurrent cells."""

from ood_bench.errors import PluginError, SuiteError
from ood_bench.execute.devices import threads_at_hand
from ood_bench.execute.executor import Executor
from ood_bench.execute.inline import Inline
from ood_bench.execute.processes import Processes, jobs_for
from ood_bench.plan import Plan
from ood_bench.registry import Registry, construct, option_fields


def load_executor(name: str, *, jobs: int | None = None) -> Executor:
    """Return an executor by its name.

    Args:
        name: A registered name, `package.module:Class`, or `./file.py:Class`.
        jobs: Number of concurrent cells; None leaves it to the executor.

    Raises:
        PluginError: If it is unknown or not an executor.
        SuiteError: If it processes one cell at a time and `jobs` asks for more.
    """
    plugin = Registry().load("executors", name)
    if not issubclass(plugin, Executor):
        raise PluginError(f"'{name}' is no executor; derive it from ood_bench.execute.Executor")
    takes = "jobs" in option_fields(plugin)
    if jobs is not None and jobs > 1 and not takes:
        raise SuiteError(f"--jobs {jobs}: the executor '{name}' has no such option")
    given = {"jobs": jobs} if takes and jobs is not None else {}
    made: Executor = construct(plugin, name, given)
    return made


def usual_executor(plan: Plan, *, device: str, jobs: int | None = None) -> Executor:
    """Return the default executor: `inline` for one cell at a time, otherwise `processes`.

    Args:
        plan: The cells.
        device: The device that models run on.
        jobs: Number of concurrent cells; default: the number of threads or of trained models,
            whichever is smaller, and 1 on a GPU.
    """
    jobs = jobs or jobs_for(plan, device=device, threads=threads_at_hand())
    return Inline() if jobs == 1 else Processes(jobs=jobs)
