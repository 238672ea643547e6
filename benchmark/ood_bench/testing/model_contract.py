"""The contract of a model: all its laws, for pytest and without it."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import torch

from ood_bench.data import Shape
from ood_bench.errors import raised
from ood_bench.lit import build
from ood_bench.testing.conduct_laws import CONDUCT_LAWS
from ood_bench.testing.density_laws import DENSITY_LAWS
from ood_bench.testing.law import Law, Verdict, add_tests
from ood_bench.testing.subject import ModelSubject, random_images

MODEL_LAWS: tuple[Law[ModelSubject], ...] = (CONDUCT_LAWS[0], *DENSITY_LAWS, *CONDUCT_LAWS[1:])
"""All laws of a model, in the order in which a mistake is best looked for."""


class ModelContract:
    """Base class of a pytest class that holds a model to every law, one test a law.

    Laws that say nothing of a model (no `encode`, no samples) are skipped with the reason.
    pytest collects a subclass whose name begins with `Test`.

    Attributes:
        model: The model's class, or its name as a suite's `use` gives it.
        options: Options of its constructor; small ones keep the tests fast.
        tiny_options: On top of these for images of two pixels, where it needs others.
        exact: Whether the probabilities of all images add up to exactly one, as they do for a
            model of the 8-bit image itself (an autoregressive one, say).
        shape: The one shape of image to try; the first of a few that the model takes, unless
            given.

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
        """Return the model as the laws take it.

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
    yield _speed(subject)


def _speed(subject: ModelSubject, seconds: float = 0.5) -> Verdict:
    """Measure images a second, scored and trained on, at the size of MNIST where it is taken."""
    shape = Shape(1, 28, 28)
    try:
        model = build(subject.kind, shape, subject.options, 0)
        model.initialise(random_images(shape, 64))
    except Exception:  # noqa: BLE001  it does not take such images
        shape, model = subject.shape, subject.small()
    x = random_images(shape, 64)

    def train() -> None:
        model.zero_grad()
        torch.autograd.backward(-model.train().log_prob(x).mean())

    def score() -> None:
        with torch.no_grad():
            model.eval().log_prob(x)

    try:
        rates = [_rate(act, len(x), seconds) for act in (score, train)]
    except Exception as error:  # noqa: BLE001  a model may run anybody's code
        return Verdict("speed", "skipped", raised(error))
    return Verdict(
        "speed",
        "measured",
        f"{rates[0]:,.0f} images of {shape} scored a second, {rates[1]:,.0f} trained on, in "
        f"batches of {len(x)} with {torch.get_num_threads()} of the CPU's threads",
    )


def _rate(act: Callable[[], None], images: int, seconds: float) -> float:
    act()
    began, done = time.perf_counter(), 0
    while not done or time.perf_counter() - began < seconds:
        act()
        done += 1
    return done * images / (time.perf_counter() - began)
