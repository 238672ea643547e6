"""What a run on a cluster would submit."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ood_bench.api.planning import DryRun, Globs, Settings, SuiteLike, dry_run

if TYPE_CHECKING:
    from ood_bench.execute.cluster import Cluster, ClusterLike
    from ood_bench.plan import Bundle


@dataclass(frozen=True)
class JobArray:
    """Bundles that are submitted together, and what each asks for.

    Attributes:
        engine: `slurm` or `ray`.
        wave: Number of the wave, from 1. On Slurm it begins when the one before it has ended; on
            Ray a bundle begins when those that it needs have.
        gpu: Whether each is given a GPU.
        bundles: The bundles.
        to_run: How many cells of each bundle are not stored.
        options: The options of `sbatch`, or the arguments of `ray.remote`.
        preparation: The lines of shell that run before each bundle.
    """

    engine: Literal["slurm", "ray"]
    wave: int
    gpu: bool
    bundles: "tuple[Bundle, ...]"
    to_run: tuple[int, ...]
    options: "Mapping[str, object]"
    preparation: tuple[str, ...]


def job_arrays(
    suite: SuiteLike,
    *,
    cluster: "ClusterLike",
    data: str | Path | None = None,
    results: str | Path = "results",
    embedded: bool = False,
    scale: float = 1.0,
    set: Settings = (),
    only: Globs = (),
    skip: Globs = (),
    device: str = "auto",
) -> tuple[JobArray, ...]:
    """Return what `run` would submit to a cluster with the same arguments; nothing is submitted.

    Args:
        suite: As in `run`, and so are the other arguments.
        cluster: The cluster's YAML file, or a mapping with its content.
        data: The data root.
        results: The folder for the store and the reports.
        embedded: Use the bundled subsets.
        scale: Factor on training steps.
        set: Values to set.
        only: Globs over cell names to run.
        skip: Globs over cell names to leave out.
        device: The device of bundles that train or call a model; with `cpu` no GPU is asked for.

    Raises:
        OodBenchError: If there is a mistake in the cluster, the suite, a plugin or the data.
    """
    from ood_bench.execute.cluster import load_cluster

    found = load_cluster(cluster)
    planned = dry_run(
        suite,
        data=data,
        results=results,
        embedded=embedded,
        scale=scale,
        set=set,
        only=only,
        skip=skip,
        device="cpu",  # that of a plan matters to its estimate alone
        estimate=False,
    )
    return job_arrays_of(planned, found, device=device)


def job_arrays_of(
    planned: DryRun, cluster: "Cluster", *, device: str = "auto"
) -> tuple[JobArray, ...]:
    """Return what a planned run would submit to a cluster.

    Args:
        planned: The plan.
        cluster: The cluster.
        device: The device of bundles that train or call a model; with `cpu` no GPU is asked for.
    """
    from ood_bench.execute.waves import arrays_of
    from ood_bench.plan import bundles_of

    cells = planned.plan.cells
    stored = {cell.key for cell in cells if cell.name in planned.stored}
    made = []
    for number, wave in enumerate(arrays_of(bundles_of(cells), stored), 1):
        for bundles in wave:
            gpu = cluster.gives_gpu(gpu=bundles[0].gpu, device=device)
            to_run = tuple(sum(cell.key not in stored for cell in one.cells) for one in bundles)
            if cluster.ray is None:
                options = {**cluster.options(gpu=gpu), "array": cluster.array(len(bundles))}
                lines = tuple(cluster.preparation(gpu=gpu))
                made.append(JobArray("slurm", number, gpu, bundles, to_run, options, lines))
            else:
                taken = cluster.resources(gpu=gpu)
                made.append(JobArray("ray", number, gpu, bundles, to_run, taken, ()))
    return tuple(made)
