"""Outlier estimators of other packages: imported by path, checked, fitted on statistics."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ood_bench.detectors import Columns, Scorer, Scores
from ood_bench.detectors.matrix import Matrix, scale, stacked
from ood_bench.errors import did_you_mean

_PROBE = 16  # held-out images that are scored again one by one


def estimator_class(path: str, package: str, base: type) -> type[Any]:
    """Import a class of a package by its path.

    Nothing outside the package is imported.

    Args:
        path: Such as `sklearn.ensemble.IsolationForest`.
        package: The package that must contain it.
        base: The base class of its estimators.

    Raises:
        ValueError: If there is no such class in the package.
    """
    module, _, name = path.rpartition(".")
    parts = path.split(".")
    if parts[0] != package or len(parts) < 3 or not all(part.isidentifier() for part in parts):
        raise ValueError(f"estimator must be the path of a class in {package}, got '{path}'")
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise ValueError(f"estimator '{path}': {error}") from error
    known = [
        key
        for key, value in vars(found).items()
        if isinstance(value, type) and issubclass(value, base) and not key.startswith("_")
    ]
    if name not in known:
        raise ValueError(f"{module} has no estimator '{name}'{did_you_mean(name, known)}")
    estimator: type[Any] = getattr(found, name)
    return estimator


def checked_options(
    estimator: type[Any], options: Mapping[str, object], seed: int
) -> dict[str, object]:
    """Return an estimator's options, with the seed as `random_state` if it has one.

    Raises:
        ValueError: If it has no such option, or the seed is given twice.
    """
    names = set(inspect.signature(estimator).parameters)
    for option in options:
        if option == "random_state":
            raise ValueError("give the random state as seed, not among the options")
        if option not in names:
            near = did_you_mean(option, names - {"random_state"})
            raise ValueError(f"{estimator.__name__} has no option '{option}'{near}")
    return {**options, **({"random_state": seed} if "random_state" in names else {})}


def fit_estimator(
    fitted: Callable[[Matrix], Callable[[Matrix], Any]],
    held_out: Columns,
    statistics: tuple[str, ...],
    *,
    standardise: bool,
) -> Scorer:
    """Fit an estimator on statistics of held-out images.

    Args:
        fitted: Fits on rows of held-out images and returns a function from rows to outlier scores.
        held_out: Columns of held-out images.
        statistics: The statistics that form a row.
        standardise: Whether to standardise each column by its held-out mean and standard
            deviation; constant columns are then left out.

    Raises:
        ValueError: If held-out values are missing, or the score of an image depends on other
            images of the batch.
    """
    values = stacked(held_out, statistics)
    if np.isnan(values).any():
        raise ValueError(f"{', '.join(statistics)}: values are missing among the held-out images")
    standard = scale(values, statistics) if standardise else None

    def rows(columns: Columns) -> Matrix:
        found = stacked(columns, statistics)
        return np.ascontiguousarray(standard(found) if standard else found)

    surprise = fitted(rows(held_out))

    def score(images: Columns) -> Scores:
        values = rows(images)
        known = ~np.isnan(values).any(axis=1)  # some estimators take a missing value as usual
        found = np.full(len(values), np.nan)
        if known.any():
            found[known] = np.asarray(surprise(values[known]), np.float64).reshape(-1)
        return found

    _refuse_company(score, held_out)
    return score


def _refuse_company(score: Scorer, held_out: Columns) -> None:
    """Check that an estimator scores images alike together and one by one."""
    few = {name: values[:_PROBE] for name, values in held_out.items()}
    together = score(few)
    alone = [
        score({name: values[i : i + 1] for name, values in few.items()})[0]
        for i in range(len(together))
    ]
    if not np.allclose(together, alone, rtol=1e-6, atol=1e-9, equal_nan=True):
        raise ValueError(
            "the estimator's score of an image depends on the images that are scored with it; "
            "such a score says nothing of the image alone"
        )
