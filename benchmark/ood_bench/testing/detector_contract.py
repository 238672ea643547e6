"""The contract of a detector: all its laws, for pytest and without it."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from ood_bench.testing.detector_laws import DETECTOR_LAWS, DetectorSubject
from ood_bench.testing.law import Verdict, add_tests


class DetectorContract:
    """Base class of a pytest class that holds a detector to every law, one test a law.

    The columns that it reads are made up, at the scale of real ones.

    Attributes:
        detector: The detector's class, or its name as a suite's `use` gives it.
        options: Options of its constructor.

    Example:
        >>> class TestTypicality(DetectorContract):
        ...     detector = "typicality"
        >>> TestTypicality().test_scores_are_finite_at_any_finite_value()
    """

    detector: ClassVar[type[Any] | str]
    options: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def subject(cls) -> DetectorSubject:
        """Return the detector as the subject of its laws.

        Raises:
            PluginError: If it cannot be loaded, is no detector, or refuses its options.
        """
        return DetectorSubject.of(cls.detector, cls.options)


add_tests(DetectorContract, DETECTOR_LAWS)


def check_detector(subject: DetectorSubject) -> Iterable[Verdict]:
    """Yield a verdict for every law as it is reached.

    Example:
        >>> {verdict.outcome for verdict in check_detector(DetectorSubject.of("likelihood"))}
        {'passed'}
    """
    for law in DETECTOR_LAWS:
        yield law.judge(subject)
