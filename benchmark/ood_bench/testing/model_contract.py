"""The contract of a model: all its laws, for pytest and without it."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from ood_bench.data import Shape
from ood_bench.testing.conduct_laws import CONDUCT_LAWS
from ood_bench.testing.denoising_law import DENOISING_LAW
from ood_bench.testing.density_laws import DENSITY_LAWS
from ood_bench.testing.estimate_law import ESTIMATE_LAW
from ood_bench.testing.gradient_law import GRADIENT_LAW
from ood_bench.testing.law import Law, Verdict, add_tests
from ood_bench.testing.model_subject import ModelSubject
from ood_bench.testing.noise_law import NOISE_LAW
from ood_bench.testing.reconstruction_law import RECONSTRUCTION_LAW
from ood_bench.testing.speed import speed

MODEL_LAWS: tuple[Law[ModelSubject], ...] = (
    CONDUCT_LAWS[0],
    *DENSITY_LAWS,
    ESTIMATE_LAW,
    NOISE_LAW,
    RECONSTRUCTION_LAW,
    DENOISING_LAW,
    GRADIENT_LAW,
    *CONDUCT_LAWS[1:],
)
"""All laws of a model, in the order in which a mistake is best looked for."""


class ModelContract:
    """Base class of a pytest class that holds a model to every law, one test a law.

    Laws that do not apply to a model (no `encode`, no samples) are skipped with the reason.
    pytest collects a subclass whose name begins with `Test`.

    Attributes:
        model: The model's class, or its name as a suite's `use` gives it.
        options: Options of its constructor; small ones keep the tests fast.
        tiny_options: Options that override these for images of two pixels.
        exact: Whether the probabilities of all images add up to exactly one, as they do for a
            model of the 8-bit image itself (an autoregressive one, say).
        shape: The only shape to test; default: the first of a few that it accepts.

    Example:
        >>> class TestGlow(ModelContract):
        ...     model = "glow"
        ...     options = {"steps": 2, "width": 8}
        ...     tiny_options = {"levels": 0}
        >>> TestGlow().test_terms_add_up()
    """

    model: ClassVar[type[Any] | str]
    options: ClassVar[Mapping[str, Any]] = {}
    tiny_options: ClassVar[Mapping[str, Any]] = {}
    exact: ClassVar[bool] = False
    shape: ClassVar[Shape | None] = None

    @classmethod
    def subject(cls) -> ModelSubject:
        """Return the model as the subject of its laws.

        Raises:
            PluginError: If it cannot be loaded, is no density, or refuses its options.
        """
        return ModelSubject.of(
            cls.model,
            cls.options,
            tiny_options=cls.tiny_options,
            exact=cls.exact,
            shape=cls.shape,
        )


add_tests(ModelContract, MODEL_LAWS)


def check_model(subject: ModelSubject) -> Iterable[Verdict]:
    """Yield a verdict for every law as it is reached, and how fast the model is at the end.

    Example:
        >>> verdicts = check_model(ModelSubject.of("glow", {"steps": 2, "width": 8}))
        >>> next(iter(verdicts)).outcome
        'passed'
    """
    for law in MODEL_LAWS:
        yield law.judge(subject)
    yield speed(subject)
