"""OpenMax: an image is odd when its logits are far from the usual ones of its classes."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import logsumexp, softmax

from ood_bench.detectors import Columns, Detector, FitOn, Scorer, Scores
from ood_bench.detectors.last_layer import logits_of
from ood_bench.detectors.matrix import Matrix

_FEWEST = 3
_SHIFT = 10_000.0  # what libMR, the paper's library, adds before it fits a Weibull distribution


class OpenMax(Detector):
    """log(p_0 / (1 - p_0)), p_0 the probability of an unknown class, in nats.

    v are the logits. Each class has the mean v of the known images of it, by their labels, that
    are classified correctly, and a Weibull distribution of their largest distances |v - mean|. Of
    the likeliest classes, the i-th loses v_i F_i (α - i + 1) / α, with F_i the distribution
    function at the distance of x; the unknown class gets the sum of what they lose, and p is the
    softmax. The paper's distance adds a cosine distance, whose weight it chooses by validation;
    here it is the Euclidean one. A class with fewer than three such images keeps its logit.

    Args:
        tail: Most distances of a class that the Weibull distribution is fitted on.
        classes: α, the number of classes that lose something; all, if there are fewer.
        fit_on: The known images: those that the classifier was trained on, as in the paper, or
            those held out.

    Reference:
        Bendale & Boult, Towards Open Set Deep Networks, CVPR 2016, arXiv:1511.06233.
    """

    needs = ("classifier.logits.*",)
    fits_on = ("classifier.label",)

    def __init__(self, *, tail: int = 20, classes: int = 10, fit_on: FitOn = "train") -> None:
        if tail < _FEWEST:
            raise ValueError(f"tail must be at least {_FEWEST}, got {tail}")
        if classes < 1:
            raise ValueError(f"classes must be at least 1, got {classes}")
        self.tail = tail
        self.classes = classes
        self.fit_on = fit_on

    def fit(self, known: Columns) -> Scorer:
        """Return x ↦ the log odds of the unknown class.

        Raises:
            ValueError: If no class has enough images that are classified correctly.
        """
        logits, label = logits_of(known), known["classifier.label"]
        right = logits.argmax(axis=1) == label
        count = logits.shape[1]
        of_class = {c: logits[right & (label == c)] for c in range(count)}
        tails = {c: _Tail.of(own, self.tail) for c, own in of_class.items() if len(own) >= _FEWEST}
        if not tails:
            raise ValueError(f"no class has {_FEWEST} images that are classified correctly")
        most = min(self.classes, count)

        def score(images: Columns) -> Scores:
            logits = logits_of(images)
            order = np.argsort(-logits, axis=1, kind="stable")
            rank = np.argsort(order, axis=1, kind="stable")  # 0 for the likeliest class
            share = np.maximum(0.0, (most - rank) / most)
            lost = np.zeros_like(logits)
            for c, found in tails.items():
                lost[:, c] = logits[:, c] * found.beyond(logits) * share[:, c]
            odds: Scores = lost.sum(axis=1) - logsumexp(logits - lost, axis=1)
            return odds

        return score


class _Tail(NamedTuple):
    """The mean logits of a class, and the Weibull distribution of the largest distances to it."""

    mean: NDArray[np.float64]
    least: float
    shape: float
    log_scale: float

    @classmethod
    def of(cls, logits: Matrix, tail: int) -> "_Tail":
        mean = logits.mean(axis=0)
        largest = np.sort(np.linalg.norm(logits - mean, axis=1))[-tail:]
        shape, log_scale = weibull(largest - largest[0] + _SHIFT)
        return cls(mean, float(largest[0]), shape, log_scale)

    def beyond(self, logits: Matrix) -> Scores:
        """Return the distribution function at each image's distance."""
        distance = np.linalg.norm(logits - self.mean, axis=1)
        away = np.maximum(distance - self.least + _SHIFT, np.finfo(np.float64).tiny)
        with np.errstate(over="ignore"):
            found: Scores = -np.expm1(-np.exp(self.shape * (np.log(away) - self.log_scale)))
        return found


def weibull(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return shape and log scale of the Weibull distribution that makes values likeliest.

    Raises:
        ValueError: If the values do not differ.

    Example:
        >>> values = 3.0 * np.random.default_rng(0).weibull(2.0, 100_000)
        >>> shape, log_scale = weibull(values)
        >>> round(shape, 1), round(np.exp(log_scale), 1)
        (2.0, np.float64(3.0))
    """
    y = np.log(values)
    mean, spread = float(y.mean()), float(y.std())
    if not spread > 0:
        raise ValueError(f"the {len(values)} largest distances of a class are equal")
    z = (y - mean) / spread

    def slope(shape: float) -> float:  # of the log-likelihood, per image; it rises with the shape
        return float((softmax(shape * z) * z).sum()) - 1 / shape

    low, high = 1e-3, 1.0
    while slope(high) < 0:
        high *= 2
    shape = float(brentq(slope, low, high, xtol=1e-12)) / spread
    return shape, float(logsumexp(shape * (y - mean)) - np.log(len(y))) / shape + mean
