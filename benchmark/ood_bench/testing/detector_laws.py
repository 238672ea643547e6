"""Laws of a detector: what the harness and a reader of its scores rely on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ood_bench.detectors import Columns, Detector, Scorer, Scores
from ood_bench.detectors.made_up import random_columns, rows
from ood_bench.errors import PluginError
from ood_bench.plan.plugins import split_role
from ood_bench.registry import Registry
from ood_bench.statistics import unknown_column
from ood_bench.testing.law import Law, NotApplicable, require
from ood_bench.testing.plugin_subject import PluginSubject

IMAGES = 40


@dataclass(frozen=True)
class DetectorSubject(PluginSubject[Detector]):
    """A detector to test, with its options."""

    plugins, parent = "detectors", Detector
    package, writes = "ood_bench.detectors", "needs and fit"

    def held_out(self) -> Columns:
        """Return columns to fit on."""
        detector = self.build()
        return random_columns((*detector.needs, *detector.fits_on), 150, seed=0)

    def images(self, n: int = IMAGES) -> Columns:
        """Return columns of images to score."""
        return random_columns(self.build().needs, n, seed=1)

    def single(self) -> Detector:
        """Return a new detector that scores images one by one.

        Raises:
            NotApplicable: If it scores groups of them.
        """
        detector = self.build()
        if detector.group > 1:
            raise NotApplicable("it scores groups of images, not single ones")
        return detector


def it_states_what_it_reads_and_reads_no_more(subject: DetectorSubject) -> str:
    """It reads only the columns that it names, and returns one finite score per image."""
    detector = subject.build()
    needs = getattr(detector, "needs", ())
    require(
        isinstance(needs, tuple) and needs and all(isinstance(name, str) for name in needs),
        f"needs is {needs!r}, not a tuple of column names",
    )
    scorer = detector.fit(subject.held_out())
    require(callable(scorer), f"fit returns {scorer!r}, not a function from columns to scores")
    scores = scorer(subject.images())
    require(
        isinstance(scores, np.ndarray) and scores.dtype == np.float64,
        f"scores are {_described(scores)}, not a float64 array",
    )
    wanted = (IMAGES // detector.group,)
    require(scores.shape == wanted, f"{IMAGES} images have scores of shape {scores.shape}")
    require(np.isfinite(scores).all(), "not all scores are finite")
    return f"it reads {', '.join((*needs, *detector.fits_on))}"


def every_column_it_reads_is_one_that_a_statistic_yields(subject: DetectorSubject) -> None:
    """Each name in needs and fits_on is a column of an installed statistic, or `label`."""
    registry, detector = Registry(), subject.build()
    statistics = {}
    for name in registry.names("statistics"):
        try:
            statistics[name] = registry.load("statistics", name)
        except PluginError:
            continue
    for need in (*detector.needs, *detector.fits_on):
        reason = unknown_column(split_role(need)[1], statistics)
        require(not reason, str(reason))


def a_score_does_not_depend_on_the_images_beside_it(subject: DetectorSubject) -> None:
    """An image has the same score alone, among others and in any order."""
    scorer = subject.single().fit(subject.held_out())
    images = subject.images()
    scores = scorer(images)
    order = np.random.default_rng(0).permutation(IMAGES)
    require(_same(scorer(rows(images, order)), scores[order]), "scores differ in another order")
    alone = np.array([scorer(rows(images, [i]))[0] for i in range(IMAGES)])
    require(_same(alone, scores), "scores differ when images are scored alone")


def fitting_again_gives_the_same_scores(subject: DetectorSubject) -> None:
    """Another detector with the same options, fitted on the same columns, scores the same."""
    known, images = subject.held_out(), subject.images()
    scores = subject.build().fit(known)(images)
    again = subject.build().fit(known)(images)
    require(np.array_equal(scores, again), "two fits on the same columns give different scores")


def columns_are_left_as_they_were(subject: DetectorSubject) -> None:
    """Neither fitting nor scoring writes into the columns, which other detectors share."""
    known, images = subject.held_out(), subject.images()
    before = [{name: values.copy() for name, values in part.items()} for part in (known, images)]
    subject.build().fit(known)(images)
    changed = [
        name
        for part, was in zip((known, images), before, strict=True)
        for name in was
        if not np.array_equal(part[name], was[name])
    ]
    require(not changed, f"it writes into {', '.join(changed)}")


def scores_are_finite_at_any_finite_value(subject: DetectorSubject) -> None:
    """However far an image is from the held-out ones, its score is finite."""
    detector = subject.build()
    scorer = detector.fit(subject.held_out())
    images = subject.images(max(10, detector.group))
    count = len(next(iter(images.values())))
    for value in (-1e6, -7000.0, 0.0, 1e6):
        extreme = {name: np.full(count, abs(value) if "norm" in name else value) for name in images}
        for name in images:
            scores = scorer({**images, name: extreme[name]})
            require(np.isfinite(scores).all(), f"where {name} is {value:g}, a score is not finite")
        scores = scorer(extreme)
        require(np.isfinite(scores).all(), f"where all are {value:g}, a score is not finite")


def a_missing_value_is_not_hidden(subject: DetectorSubject) -> None:
    """A nan in a column gives that image alone the score nan, or raises an error."""
    scorer = subject.single().fit(subject.held_out())
    images = subject.images(10)
    read = _read(scorer, images)
    for column in images:
        damaged = np.where(np.arange(10) == 3, np.nan, images[column])
        try:
            scores = scorer({**images, column: damaged})
        except ValueError:
            continue
        wanted = [i == 3 and column in read for i in range(10)]
        require(
            np.isnan(scores).tolist() == wanted,
            f"with {column} of image 3 missing, the scores are {np.round(scores, 3).tolist()}",
        )


class _Watched(Mapping[str, NDArray[np.float64]]):
    """Columns that record which of them were read."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        self.read.add(name)
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


def _read(scorer: Scorer, images: Columns) -> set[str]:
    """Return the columns that a scorer reads."""
    watched = _Watched(images)
    scorer(watched)
    return watched.read


def _same(scores: Scores, expected: Scores) -> bool:
    return bool(np.allclose(scores, expected, rtol=1e-9, atol=1e-12))


def _described(scores: object) -> str:
    return f"{scores.dtype} array" if isinstance(scores, np.ndarray) else type(scores).__name__


DETECTOR_LAWS: tuple[Law[DetectorSubject], ...] = (
    Law(
        it_states_what_it_reads_and_reads_no_more,
        "Name every column that fit and the scorer read in needs (those that fit alone reads in "
        "fits_on), and return a float64 array with one score an image, larger = more OOD.",
    ),
    Law(
        every_column_it_reads_is_one_that_a_statistic_yields,
        "`ood-bench statistics list` shows the columns. One of another model begins with its role, "
        "background, member.* or classifier; one of a statistic of your own needs its package.",
    ),
    Law(
        a_score_does_not_depend_on_the_images_beside_it,
        "Take means, ranks and the like from the held-out images in fit, never from the images "
        "that are scored. A detector of groups says so with group.",
    ),
    Law(
        fitting_again_gives_the_same_scores,
        "Draw from np.random.default_rng(seed) with a fixed seed, and keep no state between fits.",
    ),
    Law(columns_are_left_as_they_were, "Work on a copy: x = x - mean in place of x -= mean."),
    Law(
        scores_are_finite_at_any_finite_value,
        "A logarithm of 0, an overflow of exp or a division by 0: work with logarithms "
        "(np.logaddexp, scipy's logsumexp) and keep divisors above a floor.",
    ),
    Law(
        a_missing_value_is_not_hidden,
        "A nan in a column must become a nan score of that image, or a ValueError; no nan_to_num, "
        "no nanmean.",
    ),
)
