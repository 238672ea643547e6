"""The executor `slurm`: bundles of cells as jobs of a Slurm cluster, submitted by submitit."""

import shutil
from collections.abc import Generator

from ood_bench.cells.context import WorkContext
from ood_bench.errors import PluginError
from ood_bench.execute.cluster import Cluster
from ood_bench.execute.driver import driving
from ood_bench.execute.executor import Executor, Outcome
from ood_bench.execute.journal import SLURM_FOLDER
from ood_bench.execute.slurm_driver import SlurmDriver
from ood_bench.plan import Plan
from ood_bench.store import Store


class Slurm(Executor):
    """Computes cells as jobs of a Slurm cluster: one job for each training and what needs it.

    The folder of the results must be on a file system that all nodes see. A job that is preempted
    or out of time is queued again and resumes from the last training checkpoint. A job that is
    lost is submitted again, at most three times. If the calling process dies, the jobs go on, and
    the next run with the same arguments joins them; if it is interrupted, they are cancelled.

    Args:
        cluster: What a job asks for; default: Slurm's own defaults and a GPU for each training.
        detach: Leave the jobs running when the run is interrupted.
    """

    elsewhere = True

    def __init__(self, *, cluster: Cluster | None = None, detach: bool = False) -> None:
        try:
            import submitit  # noqa: F401
        except ImportError as error:
            raise PluginError(
                f"it needs submitit ({error}): pip install 'ood-bench[slurm]'"
            ) from error
        if shutil.which("sbatch") is None or shutil.which("srun") is None:
            raise PluginError("this machine has no sbatch and srun; use a login node of a cluster")
        if cluster is not None and cluster.ray is not None:
            raise PluginError("the cluster's file is for Ray: it has the key 'ray'")
        self.cluster = cluster or Cluster()
        self.detach = detach

    def manifest(self, plan: Plan, context: WorkContext) -> dict[str, str]:
        """Return that the cells were computed by Slurm, and with how many threads."""
        del plan, context
        cpus = {self.cluster.options(gpu=gpu)["cpus-per-task"] for gpu in (False, True)}
        threads = " or ".join(str(count) for count in sorted(cpus, key=str))
        return {"executor": type(self).__name__, "threads": f"{threads} in each job"}

    def run(self, plan: Plan, store: Store, context: WorkContext) -> Generator[Outcome, None, None]:
        """Yield an outcome for every cell; `context.progress` is called in this process.

        Raises:
            SlurmError: If Slurm refuses a submission.
        """
        with driving(SLURM_FOLDER, plan, store, context) as files:
            driver = SlurmDriver(self.cluster, plan, store, context, files)
            ended = False
            try:
                yield from driver.run()
                ended = True
            finally:
                driver.close(ended=ended, detach=self.detach)
