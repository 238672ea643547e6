"""A classifier under test, on small images of a few made-up classes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ood_bench.data import Shape
from ood_bench.errors import PluginError
from ood_bench.lit import ClassifierModule
from ood_bench.registry import Registry, arguments
from ood_bench.testing.subject import SMALL, ImageSubject, loaded

CLASSES = 3
"""Default number of classes; not the usual ten, so that a model that ignores the option fails."""


@dataclass(frozen=True)
class ClassifierSubject(ImageSubject[ClassifierModule]):
    """A classifier to test, with its options and the shapes to try."""

    @classmethod
    def of(
        cls,
        model: "type[Any] | str",
        options: Mapping[str, Any] | None = None,
        *,
        shape: Shape | None = None,
        registry: Registry | None = None,
    ) -> "ClassifierSubject":
        """Return a classifier as the subject of its laws.

        Args:
            model: A class, or what a suite's `use` may say: a registered name,
                `package.module:Class` or `./file.py:Class`.
            options: Options of its constructor; `classes` defaults to 3.
            shape: The only shape to test; default: the first of a few that the model accepts.
            registry: The plugins; by default files are relative to the working directory.

        Raises:
            PluginError: If it cannot be loaded, is no classifier, or refuses its options.
        """
        name, kind = loaded(model, registry)
        if not issubclass(kind, ClassifierModule):
            raise PluginError(
                f"'{name}' is no ClassifierModule; derive it from ood_bench.lit.ClassifierModule "
                "and write classify"
            )
        given = {"classes": CLASSES, **(options or {})}
        subject = cls(kind, arguments(kind, name, given), (shape,) if shape else SMALL)
        subject.require_a_score(name)
        return subject

    @property
    def classes(self) -> int:
        """The number of classes in the model's options."""
        number: int = self.options["classes"]
        return number

    def scores(self, model: ClassifierModule, x: Tensor) -> Tensor:
        """Return logits and features side by side, `(B, K + F)`."""
        return torch.cat(model.classify(intensities(model, x)), dim=1)

    def loss(self, model: ClassifierModule, x: Tensor) -> Tensor:
        """Return the cross-entropy for the labels 0, 1, … in turn."""
        labels = torch.arange(len(x)) % self.classes
        return cross_entropy(model.classify(intensities(model, x)).logits, labels)


def intensities(model: ClassifierModule, x: Tensor) -> Tensor:
    """Convert uint8 images to a classifier's input: floats on [0, 1] of the model's dtype."""
    return x.to(model.dtype) / 255.0
