"""A density under test, on images of two pixels or a few more."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ood_bench.data import Shape
from ood_bench.errors import PluginError
from ood_bench.lit import DensityModule, build
from ood_bench.registry import Registry, arguments
from ood_bench.testing.fitted import training_loss
from ood_bench.testing.law import NotApplicable
from ood_bench.testing.subject import SMALL, ImageSubject, displaced, loaded

TWO_PIXELS = (Shape(2, 1, 1), Shape(1, 1, 2), Shape(1, 2, 1))
FOUR_PIXELS = Shape(1, 2, 2)


@dataclass(frozen=True)
class ModelSubject(ImageSubject[DensityModule]):
    """A density to test, with its options and the shapes to try.

    Attributes:
        kind: The model's class.
        options: Options of its constructor.
        shapes: Shapes to try for all laws that are not about two pixels.
        tiny_options: Options that override these for images of two pixels.
        exact: Whether the probabilities of all images add up to one, as they do for a model of
            the 8-bit image itself; those of a density over floats add up to at most one.
    """

    tiny_options: Mapping[str, Any] = field(default_factory=dict)
    exact: bool = False

    @classmethod
    def of(
        cls,
        model: "type[Any] | str",
        options: Mapping[str, Any] | None = None,
        *,
        tiny_options: Mapping[str, Any] | None = None,
        exact: bool = False,
        shape: Shape | None = None,
        registry: Registry | None = None,
    ) -> "ModelSubject":
        """Return a model as the subject of its laws.

        Args:
            model: A class, or what a suite's `use` may say: a registered name,
                `package.module:Class` or `./file.py:Class`.
            options: Options of its constructor.
            tiny_options: Options that override these for images of two pixels.
            exact: Whether the probabilities of all images add up to one; they must for a model
                that says so, with `log_prob_is = "exact"`.
            shape: The only shape to test; default: the first of a few that the model accepts.
            registry: The plugins; by default files are relative to the working directory.

        Raises:
            PluginError: If the model cannot be loaded, is no density, or refuses its options.
        """
        name, kind = loaded(model, registry)
        if not issubclass(kind, DensityModule):
            raise PluginError(
                f"'{name}' is no DensityModule; derive it from ood_bench.lit.DensityModule and "
                "write log_prob"
            )
        given, tiny = dict(options or {}), dict(tiny_options or {})
        subject = cls(
            kind,
            arguments(kind, name, given),
            (shape,) if shape else SMALL,
            {key: arguments(kind, name, {**given, **tiny})[key] for key in tiny},
            exact or kind.log_prob_is == "exact",
        )
        subject.require_a_score(name)
        return subject

    def scores(self, model: DensityModule, x: Tensor) -> Tensor:
        """Return the log-likelihoods `(B,)`."""
        return model.log_prob(x)

    def loss(self, model: DensityModule, x: Tensor) -> Tensor:
        """Return minus the mean log-likelihood, or the loss that the model overrides it with."""
        return training_loss(model, x)

    def two_pixels(self) -> DensityModule:
        """Return the `displaced` model for images of two pixels.

        Raises:
            NotApplicable: If it accepts none.
        """
        return next(iter(self.all_two_pixels()))

    def few_pixels(self) -> DensityModule:
        """Return the `displaced` model for images of two pixels, or else of the first shape."""
        try:
            return self.two_pixels()
        except NotApplicable:
            return self.small()

    def all_few_pixels(self) -> Iterable[DensityModule]:
        """Yield the `displaced` model for each shape of two or four pixels that it accepts.

        Raises:
            NotApplicable: If it accepts none.
        """
        try:
            yield from self.all_two_pixels()
        except NotApplicable:
            if self.refusal(FOUR_PIXELS, self.options, score=True):
                raise
            yield displaced(build(self.kind, FOUR_PIXELS, self.options, 0))

    def all_two_pixels(self) -> Iterable[DensityModule]:
        """Yield the `displaced` model for each shape of two pixels that it accepts."""
        options = {**self.options, **self.tiny_options}
        refusals = {shape: self.refusal(shape, options, score=True) for shape in TWO_PIXELS}
        if all(refusals.values()):
            raise NotApplicable(
                f"it takes no images of two pixels ({refusals[TWO_PIXELS[0]]}); give options for "
                "these as tiny_options, or --tiny option=value"
            )
        for shape, refusal in refusals.items():
            if not refusal:
                yield displaced(build(self.kind, shape, options, 0))
