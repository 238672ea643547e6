"""A plugin of images under test: built afresh for every law, on images of a few pixels."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from ood_bench.data import Shape
from ood_bench.errors import OodBenchError, PluginError, TooLargeError, raised
from ood_bench.lit import Size, build, outline, refuse_too_large
from ood_bench.lit.module import ImageModule
from ood_bench.registry import Registry, construct

Model = TypeVar("Model", bound=ImageModule)

SMALL = tuple(Shape(*s) for s in ((1, 4, 4), (2, 4, 4), (1, 8, 8), (1, 28, 28), (3, 32, 32)))
"""Shapes to test: a model is tested on the first that it accepts."""

MOST_PARAMETERS = 100_000_000
"""A larger model takes minutes for each law."""


def random_images(shape: Shape, n: int, *, seed: int = 0) -> Tensor:
    """Return uniformly random images, uint8 `(n, C, H, W)`."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (n, *shape), dtype=torch.uint8, generator=generator)


def displaced(model: Model, *, scale: float = 0.03, seed: int = 0) -> Model:
    """Initialise a model on random images and move every parameter off its initial value.

    Zero-initialised layers hide mistakes: a log-determinant of the wrong sign is right at 0.
    """
    model.initialise(random_images(model.shape, 1024))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=scale)
    return model.eval()


@dataclass(frozen=True)
class ImageSubject(ABC, Generic[Model]):
    """A model of images to test, with its options and the shapes to try.

    Attributes:
        kind: The model's class.
        options: Options of its constructor.
        shapes: Shapes to try.
    """

    kind: type[Model]
    options: Mapping[str, Any] = field(default_factory=dict)
    shapes: tuple[Shape, ...] = SMALL

    @abstractmethod
    def scores(self, model: Model, x: Tensor) -> Tensor:
        """Return a model's outputs for B uint8 images, `B` rows."""

    @abstractmethod
    def loss(self, model: Model, x: Tensor) -> Tensor:
        """Return a scalar that training on uint8 images minimises."""

    @cached_property
    def shape(self) -> Shape:
        """The first of the shapes that the model accepts and scores, or else accepts."""
        scored = (s for s in self.shapes if not self.refusal(s, self.options, score=True))
        taken = (s for s in self.shapes if not self.refusal(s, self.options))
        return next(scored, None) or next(taken, self.shapes[-1])

    def require_a_score(self, name: str) -> None:
        """Raise unless the model scores one of the shapes; otherwise no law could be checked.

        Raises:
            PluginError: If it scores none; says why the first that it accepts is not scored.
            TooLargeError: If it needs more memory than the machine has.
        """
        shape = self.shape
        construct(self.kind, name, self.options, shape)
        try:
            self._try(shape, self.options, score=True)
        except (ValueError, TypeError, NotImplementedError, SystemExit, OodBenchError) as error:
            if isinstance(error, TooLargeError):
                raise
            raise PluginError(f"'{name}' scores no images of {shape}: {_said(error)}") from error
        except Exception:  # noqa: BLE001  the laws say what breaks, and where
            return

    def fresh(self, seed: int = 0) -> Model:
        """Return the model at its initialisation, never shown an image."""
        return build(self.kind, self.shape, self.options, seed)

    def small(self) -> Model:
        """Return the `displaced` model for images of a few pixels."""
        return displaced(self.fresh())

    def precise(self) -> tuple[Model, float]:
        """Return `small`, in float64 if the model can compute in it, and a relative tolerance."""
        model = self.small().double()
        try:
            self.scores(model, random_images(model.shape, 2))
        except RuntimeError:  # a constant of its own in float32, which nothing forbids
            return self.small(), 1e-4
        return model, 1e-9

    def refusal(self, shape: Shape, options: Mapping[str, Any], *, score: bool = False) -> str:
        """Return why the model refuses images of a shape; empty if it accepts them.

        Raises:
            TooLargeError: If it needs more memory than the machine has, or has too many parameters.
        """
        try:
            self._try(shape, options, score=score)
        except TooLargeError:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001  a model may run anybody's code
            return _said(error)
        return ""

    def _try(self, shape: Shape, options: Mapping[str, Any], *, score: bool) -> None:
        """Build the model, and let it score two images; raises what the model raises."""
        name = self.kind.__name__
        model = outline(name, lambda: build(self.kind, shape, options, 0), most=MOST_PARAMETERS)
        refuse_too_large(name, Size.of(model), most=MOST_PARAMETERS)
        if any(tensor.is_meta for tensor in model.state_dict().values()):
            model = build(self.kind, shape, options, 0)
        if score:
            model.initialise(random_images(shape, 16))
            with torch.no_grad():
                self.scores(model.eval(), random_images(shape, 2))


def _said(error: BaseException) -> str:
    return str(error) if isinstance(error, ValueError | OodBenchError) else raised(error)


def loaded(model: "type[Any] | str", registry: Registry | None = None) -> tuple[str, type[Any]]:
    """Return the name and the class of a model that is given as either.

    Args:
        model: A class, or what a suite's `use` may say: a registered name,
            `package.module:Class` or `./file.py:Class`.
        registry: The plugins; by default files are relative to the working directory.

    Raises:
        PluginError: If it cannot be loaded.
    """
    if isinstance(model, type):
        return model.__name__, model
    return model, (registry or Registry()).load("models", model)
