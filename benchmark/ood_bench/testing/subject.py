"""A model under test: built afresh for every law, on images of two pixels or a few more."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from ood_bench.data import Shape
from ood_bench.errors import PluginError, raised
from ood_bench.lit import DensityModule, build
from ood_bench.registry import Registry, arguments, construct
from ood_bench.testing.law import NotApplicable

Model = TypeVar("Model", bound=DensityModule)

TWO_PIXELS = (Shape(2, 1, 1), Shape(1, 1, 2), Shape(1, 2, 1))
SMALL = tuple(Shape(*s) for s in ((1, 4, 4), (2, 4, 4), (1, 8, 8), (1, 28, 28), (3, 32, 32)))
"""Shapes that laws are tried on: the first that a model takes."""


def random_images(shape: Shape, n: int, *, seed: int = 0) -> Tensor:
    """Return uniformly random images, uint8 `(n, C, H, W)`."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (n, *shape), dtype=torch.uint8, generator=generator)


def displaced(model: Model, *, scale: float = 0.03, seed: int = 0) -> Model:
    """Initialise a model on random images and move all parameters off where they start.

    Zero-initialised layers hide mistakes: a log-determinant of the wrong sign is right at 0.
    """
    model.initialise(random_images(model.shape, 1024))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=scale)
    return model.eval()


@dataclass(frozen=True)
class ModelSubject:
    """A density, with the options and shapes that its laws are tried with.

    Attributes:
        kind: The model's class.
        options: Options of its constructor.
        tiny_options: On top of these for images of two pixels.
        exact: Whether the probabilities of all images add up to one, as they do for a model of
            the 8-bit image itself; those of a density over floats add up to at most one.
        shapes: Shapes to try for all laws that are not about two pixels.
    """

    kind: type[DensityModule]
    options: Mapping[str, Any] = field(default_factory=dict)
    tiny_options: Mapping[str, Any] = field(default_factory=dict)
    exact: bool = False
    shapes: tuple[Shape, ...] = SMALL

    @classmethod
    def of(
        cls,
        model: "type[Any] | str",
        options: Mapping[str, Any] | None = None,
        *,
        tiny_options: Mapping[str, Any] | None = None,
        exact: bool = False,
        shape: Shape | None = None,
        base: Path | None = None,
    ) -> "ModelSubject":
        """Return a model as its laws take it.

        Args:
            model: A class, or what a suite's `use` may say: a registered name,
                `package.module:Class` or `./file.py:Class`.
            options: Options of its constructor.
            tiny_options: On top of these for images of two pixels.
            exact: Whether the probabilities of all images add up to one.
            shape: The one shape to try; unless given the first of a few that the model takes.
            base: The folder that files are relative to; the working directory unless given.

        Raises:
            PluginError: If the model cannot be loaded, is no density, or refuses its options.
        """
        name = model if isinstance(model, str) else model.__name__
        loaded = Registry(base).load("models", model) if isinstance(model, str) else model
        if not issubclass(loaded, DensityModule):
            raise PluginError(
                f"'{name}' is no DensityModule; derive it from ood_bench.lit.DensityModule and "
                "write log_prob"
            )
        given, tiny = dict(options or {}), dict(tiny_options or {})
        subject = cls(
            loaded,
            arguments(loaded, name, given),
            {key: arguments(loaded, name, {**given, **tiny})[key] for key in tiny},
            exact,
            (shape,) if shape else SMALL,
        )
        construct(loaded, name, given, subject.shape)
        return subject

    @cached_property
    def shape(self) -> Shape:
        """The first of the shapes that the model takes and scores, or else that it takes."""
        takes = [shape for shape in self.shapes if not self._refusal(shape, self.options)]
        scores = (shape for shape in takes if not self._refusal(shape, self.options, score=True))
        return next(scores, (*takes, self.shapes[-1])[0])

    def fresh(self, seed: int = 0) -> DensityModule:
        """Return the model at its initialisation, never shown an image."""
        return build(self.kind, self.shape, self.options, seed)

    def small(self) -> DensityModule:
        """Return the model displaced, on images of a few pixels."""
        return displaced(self.fresh())

    def two_pixels(self) -> DensityModule:
        """Return the model displaced, on images of two pixels.

        Raises:
            NotApplicable: If it does not take any.
        """
        return next(iter(self.all_two_pixels()))

    def all_two_pixels(self) -> Iterable[DensityModule]:
        """Yield the model on each shape of two pixels that it takes, as `two_pixels`."""
        options = {**self.options, **self.tiny_options}
        refusals = {shape: self._refusal(shape, options, score=True) for shape in TWO_PIXELS}
        if all(refusals.values()):
            raise NotApplicable(
                f"it takes no images of two pixels ({refusals[TWO_PIXELS[0]]}); options for such "
                "are tiny_options, or --tiny option=value"
            )
        for shape, refusal in refusals.items():
            if not refusal:
                yield displaced(build(self.kind, shape, options, 0))

    def _refusal(self, shape: Shape, options: Mapping[str, Any], *, score: bool = False) -> str:
        """Return why the model does not take images of a shape; empty if it does."""
        try:
            model = build(self.kind, shape, options, 0)
            if score:
                model.initialise(random_images(shape, 16))
                with torch.no_grad():
                    model.eval().log_prob(random_images(shape, 2))
        except Exception as error:  # noqa: BLE001  a model may run anybody's code
            return str(error) if isinstance(error, ValueError) else raised(error)
        return ""
