"""A run by its folder or its name."""

from pathlib import Path

from ood_bench.api.frames import Run
from ood_bench.runs import find_run


def load_run(
    run: str | Path | None = None, *, results: str | Path = "results", trust_code: bool = False
) -> Run:
    """Read a finished run, or an archive of one.

    Args:
        run: The run's folder or the name of that folder; or its suite's name, which stands for
            the newest run of the whole suite (`"quickstart@latest"` for the newest of all);
            default: the latest run.
        results: The folder of all runs.
        trust_code: Whether to run code that the run names and that no installed package registers,
            such as a detector whose scores were not stored. Your own runs are trusted anyway.

    Raises:
        OodBenchError: If there is none, or it is damaged.

    Example:
        >>> run = load_run("results/reference/paper-zoo")
        >>> run.claims["verdict"].value_counts().to_dict()
        {'reproduced': 28, 'not reproduced': 4}
        >>> run.metrics.query(
        ...     "model == 'glow' and inside == 'cifar10' and outside == 'svhn' "
        ...     "and metric == 'auroc' and seed == 'all'"
        ... )[["detector", "value"]].round(3)
                     detector  value
        607  input_complexity  0.942
        622        likelihood  0.061
        637        typicality  0.885
        >>> scores = run.scores("glow", "likelihood", "svhn", inside="cifar10", seed=0)
        >>> scores.round(1).head(3).tolist()
        [5191.3, 5112.8, 5611.8]
    """
    folder = find_run(Path(results), None if run is None else str(run))
    beside = (folder.parent / "store").is_dir()
    where = folder.parent if beside else Path(results)
    return Run(folder, results=where, trust_code=trust_code)
