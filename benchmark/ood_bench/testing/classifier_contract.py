"""The contract of a classifier: all its laws, for pytest and without it."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from ood_bench.data import Shape
from ood_bench.testing.classifier_laws import CLASSIFIER_LAWS
from ood_bench.testing.classifier_subject import ClassifierSubject
from ood_bench.testing.law import Verdict, add_tests
from ood_bench.testing.speed import speed


class ClassifierContract:
    """Base class of a pytest class that holds a classifier to every law, one test a law.

    Attributes:
        model: The classifier's class, or its name as a suite's `use` gives it.
        options: Options of its constructor; small ones keep the tests fast.
        shape: The only shape to test; default: the first of a few that it accepts.

    Example:
        >>> class TestClassifier(ClassifierContract):
        ...     model = "classifier"
        ...     options = {"width": 8}
        >>> TestClassifier().test_logits_are_an_affine_function_of_the_features()
    """

    model: ClassVar[type[Any] | str]
    options: ClassVar[Mapping[str, Any]] = {}
    shape: ClassVar[Shape | None] = None

    @classmethod
    def subject(cls) -> ClassifierSubject:
        """Return the classifier as the subject of its laws.

        Raises:
            PluginError: If it cannot be loaded, is no classifier, or refuses its options.
        """
        return ClassifierSubject.of(cls.model, cls.options, shape=cls.shape)


add_tests(ClassifierContract, CLASSIFIER_LAWS)


def check_classifier(subject: ClassifierSubject) -> Iterable[Verdict]:
    """Yield a verdict for every law as it is reached, and how fast the classifier is at the end.

    Example:
        >>> verdicts = check_classifier(ClassifierSubject.of("classifier", {"width": 8}))
        >>> next(iter(verdicts)).outcome
        'passed'
    """
    for law in CLASSIFIER_LAWS:
        yield law.judge(subject)
    yield speed(subject)
