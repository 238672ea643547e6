"""Wrapper of any network as a classifier, with the features that its last layer takes."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from ood_bench.capabilities import Classification
from ood_bench.data import Shape
from ood_bench.errors import PluginError, did_you_mean, raised
from ood_bench.lit.class_order import other_order
from ood_bench.lit.image_input import ImageInput
from ood_bench.lit.module import Batch, ClassifierModule

Call = tuple[nn.Module, Any, Any]
"""A layer of a network, and what it took and returned."""


class NetworkClassifier(ClassifierModule):
    """A network of any origin as a classifier of 8-bit images, and its features by a hook.

    The logits are the network's own. The features are, by default, what the last linear layer
    takes: the `nn.Linear`, or 1×1 convolution of one pixel, whose output is the logits. With
    `features` they are what the named layer returns, feature maps averaged over their pixels.

    The constructor runs the network on two images, in evaluation, and so finds what does not fit.

    Args:
        shape: Shape of one image.
        network: Takes floats `(B, channels, height, width)`; returns logits `(B, K)`, or an object
            that has them as `logits`.
        classes: Number of classes of the data set.
        features: Path of a layer, as `network.named_modules()` has it; default: the input of the
            last linear layer.
        outputs: For each class of the data set, in the order of its labels, which of the K logits
            is its own; default: K = `classes`, in that order.
        image_input: What the network takes for an image; default: its values on [0, 1].

    Raises:
        ValueError: If the network takes no such images, does not return logits of the classes, or
            has no such layer.
    """

    chosen: Tensor | None

    def __init__(
        self,
        shape: Shape,
        network: nn.Module,
        *,
        classes: int,
        features: str | None = None,
        outputs: Sequence[int] | None = None,
        image_input: ImageInput | None = None,
    ) -> None:
        super().__init__(shape, classes=classes)
        if not isinstance(network, nn.Module):
            raise ValueError(f"a network is an nn.Module, not a {type(network).__name__}")
        self.network = network
        self.trained_here = False
        self.image_input = image_input or ImageInput(shape)
        self.outputs = None if outputs is None else list(outputs)
        chosen = None if outputs is None else torch.tensor(list(outputs))
        self.register_buffer("chosen", chosen, persistent=False)
        if features is not None:
            self._require_layer(features)
        was = network.training
        network.eval()
        with torch.no_grad():
            logits, calls = self._traced()
        network.train(was)
        self._require_classes(logits)
        last = _last_linear(logits, calls)
        self.last = None if last is None else self._path_of(last[0])
        """Path of the last linear layer; None if the logits are not the output of one."""
        if features is not None and features == self.last:
            raise ValueError(
                f"features: '{features}' returns the logits; leave `features` out to take its input"
            )
        if features is None and self.last is None:
            raise ValueError(
                f"the logits of {type(network).__name__} are not the output of a linear layer; "
                "name the layer whose output are the features with `features`"
            )
        self.features_of = features
        taken = [call for call in calls if call[0] is self._layer]
        if not taken:
            raise ValueError(f"features: '{features}' is not called for an image")
        self._features(taken[-1], len(logits))

    def classify(self, y: Tensor) -> Classification:
        """Return logits `(B, classes)` and features `(B, F)` of images on [0, 1]."""
        with self.autocast(), _calls_of([self._layer]) as calls:
            logits = _logits(self.network(self.image_input(y)))
        features = self._features(calls[-1], len(y))
        if self.chosen is not None:
            logits = logits[:, self.chosen]
        return Classification(logits.to(self.dtype), features.to(self.dtype))

    def on_train_start(self) -> None:
        """Note that the outputs learn the order of the labels."""
        self.trained_here = True

    @torch.no_grad()
    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Return `accuracy_validation`, the share of correctly classified images.

        Raises:
            PluginError: If another order of the outputs fits the labels far better, and it was not
                trained on them.
        """
        found = [(self._logits(x).argmax(dim=1), label) for x, label in batches]
        predicted, labels = (torch.cat(parts).cpu().numpy() for parts in zip(*found, strict=True))
        order = None if self.trained_here else other_order(predicted, labels, self.classes)
        if order is not None:
            outputs = (
                [self.outputs[one] for one in order.outputs] if self.outputs else order.outputs
            )
            raise PluginError(
                f"the outputs of {type(self.network).__name__} are in another order than the "
                f"labels: {order.own:.1%} of a class are classified correctly on average, and "
                f"{order.recall:.1%} with the option `outputs: {list(outputs)}`"
            )
        return {"accuracy_validation": float((predicted == labels).mean())}

    @torch.no_grad()
    def has_linear_head(self) -> bool:
        """Return whether the features are what the last linear layer takes.

        True as well if the logits are not the output of such a layer: then only values tell.
        """
        if self.features_of is None or self.last is None:
            return True
        was = self.network.training
        self.network.eval()
        logits, calls = self._traced()
        self.network.train(was)
        last = _last_linear(logits, calls)
        taken = [call for call in calls if call[0] is self._layer]
        if last is None or not taken:
            return True
        features, entered = self._features(taken[-1], len(logits)), _entered(last).flatten(1)
        rounding = 1e-5 * float(entered.abs().max())
        return features.shape == entered.shape and torch.allclose(
            features, entered, rtol=1e-4, atol=rounding
        )

    @property
    def _layer(self) -> nn.Module:
        """The layer that is watched: the last one, whose input, or the named one, whose output."""
        path = self.last if self.features_of is None else self.features_of
        return self.network.get_submodule(path or "")

    def _features(self, call: Call, count: int) -> Tensor:
        found = _entered(call) if self.features_of is None else call[2]
        if isinstance(found, Tensor) and found.ndim == 4:
            found = found.flatten(2).mean(dim=2)
        if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != count:
            got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ValueError(
                f"features: '{self.features_of or self.last}' of {count} images gives {got}, not "
                f"({count}, F) or ({count}, F, height, width)"
            )
        return found

    def _traced(self) -> tuple[Tensor, list[Call]]:
        """Return the logits of two images, and the calls of all layers."""
        parameter = next(self.network.parameters(), None)
        device = None if parameter is None else parameter.device
        count = 2 * self.shape.dims
        y = torch.linspace(0.0, 1.0, count, device=device).view(2, *self.shape).to(self.dtype)
        image_input = self.image_input if device is None else self.image_input.to(device)
        seen = image_input(y)
        with _calls_of(self.network.modules()) as calls:
            try:
                logits = _logits(self.network(seen))
            except Exception as error:
                raise ValueError(
                    f"{type(self.network).__name__} takes no images of "
                    f"{'×'.join(map(str, seen.shape[1:]))}: {raised(error)}"
                ) from error
        return logits, calls

    def _require_classes(self, logits: Any) -> None:
        name = type(self.network).__name__
        if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != 2:
            got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise ValueError(f"{name} returns {got} for 2 images, not logits (2, K)")
        outputs, known = self.outputs, logits.shape[1]
        if outputs is None:
            if known != self.classes:
                raise ValueError(
                    f"{name} returns {known} logits, and there are {self.classes} classes; give "
                    "the output of each class, in the order of the labels, as `outputs`"
                )
            return
        if len(outputs) != self.classes:
            raise ValueError(f"outputs has {len(outputs)} numbers for {self.classes} classes")
        if len(set(outputs)) < len(outputs) or not all(0 <= one < known for one in outputs):
            raise ValueError(
                f"outputs must be different numbers from 0 to {known - 1}, got {outputs}"
            )

    def _require_layer(self, path: str) -> None:
        names = [name for name, _ in self.network.named_modules() if name]
        if path not in names:
            near = did_you_mean(path, names)
            if "did you mean" not in near:  # hundreds of layers
                near = did_you_mean(path, [name for name, _ in self.network.named_children()])
            raise ValueError(f"features: {type(self.network).__name__} has no layer '{path}'{near}")

    def _path_of(self, layer: nn.Module) -> str:
        found: str = next(name for name, one in self.network.named_modules() if one is layer)
        return found


@contextmanager
def _calls_of(layers: Iterable[nn.Module]) -> Iterator[list[Call]]:
    """Record the calls of some layers."""
    calls: list[Call] = []

    def note(layer: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        taken = next(iter((*args, *kwargs.values())), None)
        calls.append((layer, taken, output))

    handles = [layer.register_forward_hook(note, with_kwargs=True) for layer in layers]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def _logits(found: Any) -> Any:
    """Return a network's logits, which may be a part of what it returns."""
    return found if isinstance(found, Tensor) else getattr(found, "logits", found)


def _entered(call: Call) -> Tensor:
    found: Tensor = call[1]
    return found


def _last_linear(logits: Tensor, calls: Sequence[Call]) -> Call | None:
    """Return the call of the linear layer that returned the logits; None if none did."""
    for call in reversed(calls):
        layer, taken, output = call
        if not isinstance(layer, nn.Linear | nn.Conv2d) or not isinstance(taken, Tensor):
            continue
        pixel = taken.ndim == 4 and taken.shape[2:] == (1, 1)
        fits = pixel if isinstance(layer, nn.Conv2d) else taken.ndim == 2
        flattened = logits._base is output  # in its own memory
        if fits and (output is logits or flattened):
            return call if _is_linear(layer, taken, logits) else None
    return None


@torch.no_grad()
def _is_linear(layer: nn.Linear | nn.Conv2d, taken: Tensor, logits: Tensor) -> bool:
    """Return whether a layer is linear by what it computes, and not by its class alone."""
    if taken.is_meta:
        if type(layer).forward in (nn.Linear.forward, nn.Conv2d.forward):
            return True
        raise NotImplementedError("values are needed, which the meta device has not")
    features, weight = taken.flatten(1), layer.weight.flatten(1)
    rounding = 1e-5 * float(linear(features.abs(), weight.abs()).max())
    return torch.allclose(linear(features, weight, layer.bias), logits, rtol=0, atol=rounding)
