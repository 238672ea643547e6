"""Detectors: map statistics of an image to one score; larger means more OOD.

Every detector of this package can be imported from here: `from ood_bench.detectors import Knn`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ood_bench.detectors.ash import Ash
    from ood_bench.detectors.background_ratio import BackgroundRatio
    from ood_bench.detectors.ddpm_ood import DdpmOod
    from ood_bench.detectors.dice import Dice
    from ood_bench.detectors.diffpath import DiffPath
    from ood_bench.detectors.dose import Dose
    from ood_bench.detectors.energy import Energy
    from ood_bench.detectors.entropy import Entropy
    from ood_bench.detectors.fdbd import Fdbd
    from ood_bench.detectors.fisher import Fisher
    from ood_bench.detectors.gen import Gen
    from ood_bench.detectors.gmm import Gmm
    from ood_bench.detectors.gradient_fisher import GradientFisher
    from ood_bench.detectors.hierarchical_ratio import HierarchicalRatio
    from ood_bench.detectors.input_complexity import InputComplexity
    from ood_bench.detectors.input_gradient_norm import InputGradientNorm
    from ood_bench.detectors.kl_matching import KlMatching
    from ood_bench.detectors.knn import Knn
    from ood_bench.detectors.lid import Lid
    from ood_bench.detectors.lid_thresholds import LidThresholds
    from ood_bench.detectors.likelihood import Likelihood
    from ood_bench.detectors.likelihood_regret import LikelihoodRegret
    from ood_bench.detectors.lmd import Lmd
    from ood_bench.detectors.lpath import LPath
    from ood_bench.detectors.mahalanobis import Mahalanobis
    from ood_bench.detectors.max_logit import MaxLogit
    from ood_bench.detectors.msma import Msma
    from ood_bench.detectors.msp import Msp
    from ood_bench.detectors.nci import Nci
    from ood_bench.detectors.nnguide import NnGuide
    from ood_bench.detectors.odin import Odin
    from ood_bench.detectors.openmax import OpenMax
    from ood_bench.detectors.precomputed import Precomputed
    from ood_bench.detectors.pyod_models import PyodModel
    from ood_bench.detectors.pytorch_ood_detectors import PytorchOod
    from ood_bench.detectors.react import React
    from ood_bench.detectors.residual import Residual
    from ood_bench.detectors.rmds import Rmds
    from ood_bench.detectors.scale import Scale
    from ood_bench.detectors.scikit_learn import SklearnEstimator
    from ood_bench.detectors.scoped import Scoped
    from ood_bench.detectors.she import She
    from ood_bench.detectors.sitn import Sitn
    from ood_bench.detectors.typicality import Typicality
    from ood_bench.detectors.typicality_density import TypicalityDensity
    from ood_bench.detectors.vim import Vim
    from ood_bench.detectors.waic import Waic

__all__ = [
    "Ash",
    "BackgroundRatio",
    "Columns",
    "DdpmOod",
    "Detector",
    "Dice",
    "DiffPath",
    "Dose",
    "Energy",
    "Entropy",
    "Fdbd",
    "Fisher",
    "FitOn",
    "Gen",
    "Gmm",
    "GradientFisher",
    "HierarchicalRatio",
    "InputComplexity",
    "InputGradientNorm",
    "KlMatching",
    "Knn",
    "LPath",
    "Lid",
    "LidThresholds",
    "Likelihood",
    "LikelihoodRegret",
    "Lmd",
    "Mahalanobis",
    "MaxLogit",
    "Msma",
    "Msp",
    "Nci",
    "NnGuide",
    "Odin",
    "OpenMax",
    "Precomputed",
    "PyodModel",
    "PytorchOod",
    "React",
    "Residual",
    "Rmds",
    "Scale",
    "Scoped",
    "Scorer",
    "Scores",
    "She",
    "Sitn",
    "SklearnEstimator",
    "Typicality",
    "TypicalityDensity",
    "Vim",
    "Waic",
    "family",
    "members",
]

_MODULES = {
    "Ash": "ash",
    "BackgroundRatio": "background_ratio",
    "DdpmOod": "ddpm_ood",
    "Dice": "dice",
    "DiffPath": "diffpath",
    "Dose": "dose",
    "Energy": "energy",
    "Entropy": "entropy",
    "Fdbd": "fdbd",
    "Fisher": "fisher",
    "Gen": "gen",
    "Gmm": "gmm",
    "GradientFisher": "gradient_fisher",
    "HierarchicalRatio": "hierarchical_ratio",
    "InputComplexity": "input_complexity",
    "InputGradientNorm": "input_gradient_norm",
    "KlMatching": "kl_matching",
    "Knn": "knn",
    "Lid": "lid",
    "LidThresholds": "lid_thresholds",
    "Likelihood": "likelihood",
    "LikelihoodRegret": "likelihood_regret",
    "Lmd": "lmd",
    "LPath": "lpath",
    "Mahalanobis": "mahalanobis",
    "MaxLogit": "max_logit",
    "Msma": "msma",
    "Msp": "msp",
    "Nci": "nci",
    "NnGuide": "nnguide",
    "Odin": "odin",
    "OpenMax": "openmax",
    "Precomputed": "precomputed",
    "PyodModel": "pyod_models",
    "PytorchOod": "pytorch_ood_detectors",
    "React": "react",
    "Residual": "residual",
    "Rmds": "rmds",
    "Scale": "scale",
    "Scoped": "scoped",
    "She": "she",
    "Sitn": "sitn",
    "SklearnEstimator": "scikit_learn",
    "Typicality": "typicality",
    "TypicalityDensity": "typicality_density",
    "Vim": "vim",
    "Waic": "waic",
}

Scores: TypeAlias = NDArray[np.float64]
Columns: TypeAlias = Mapping[str, NDArray[np.float64]]
Scorer: TypeAlias = Callable[[Columns], Scores]
FitOn: TypeAlias = Literal["train", "held_out"]


class Detector(ABC):
    """A detector plugin: a score of statistics, fitted on in-distribution images only.

    Attributes:
        revision: Raised when the computation changes; old scores are then stale.
        added_options: Options that came later. At their defaults, which stay for good, they are
            left out of keys, so that older results are found again.
        needs: Names of the columns that `fit` and the scorer read. A name that ends in `.*` is
            a family: all columns with that prefix. A role as prefix means the column of that
            role's model: `background.log_prob`, `classifier.logits.*`, and of each member
            `member.*.log_prob`. If options change the columns, the constructor sets `needs`.
        fits_on: Columns of the images to fit on that only `fit` reads, such as `label`.
        fit_on: The ID images that it is fitted on: `held_out`, which the model was not trained on,
            or `train`, those that it was trained on, without augmentation. A detector that lets
            users choose takes an option of this name.
        reads_last_layer: Whether it needs the logits to be an affine function of the features; it
            is skipped for a classifier that names an earlier layer as its features.
        group: Number of images per score; the scorer returns one score per whole group.
    """

    revision: ClassVar[int] = 1
    added_options: ClassVar[frozenset[str]] = frozenset()
    needs: tuple[str, ...]
    fits_on: tuple[str, ...] = ()
    fit_on: FitOn = "held_out"
    reads_last_layer: bool = False
    group: int = 1

    @abstractmethod
    def fit(self, held_out: Columns, /) -> Scorer:
        """Fit on columns of in-distribution images, those that `fit_on` says.

        Returns:
            A function from columns to scores, one per image; larger means more OOD.
        """


def family(columns: Columns, name: str) -> NDArray[np.float64]:
    """Return the columns of a family as a matrix, shape `(N, K)`.

    Columns are ordered by the number at the end of their names, or else by name.

    Args:
        columns: Columns, which include those of the family.
        name: The prefix before `.*`.

    Raises:
        KeyError: If there are none.

    Example:
        >>> columns = {f"logits.{k}": np.array([float(k)]) for k in (10, 9, 0)}
        >>> family(columns, "logits")
        array([[ 0.,  9., 10.]])
    """
    found = [column for column in columns if column.startswith(f"{name}.")]
    if not found:
        raise KeyError(f"{name}.*")

    def order(column: str) -> tuple[int, str]:
        rest = column.removeprefix(f"{name}.")
        return (int(rest) if rest.isdecimal() else -1, rest)

    return np.stack([columns[column] for column in sorted(found, key=order)], axis=1)


def members(columns: Columns, name: str) -> list[NDArray[np.float64]]:
    """Return one column of every member of an ensemble, from `member.0.<name>` on.

    Raises:
        KeyError: If there are none.
    """
    found: list[NDArray[np.float64]] = []
    while f"member.{len(found)}.{name}" in columns:
        found.append(columns[f"member.{len(found)}.{name}"])
    if not found:
        raise KeyError(f"member.*.{name}")
    return found


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"ood_bench.detectors.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'ood_bench.detectors' has no attribute '{name}'")
