"""Passes of images through a network, counted while a statistic is computed."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.autograd import forward_ad

from ood_bench.statistics.passes import Passes


class PassCount:
    """Rows that passed each part of a model: a module that the model itself calls.

    A pass is one of an image, or of a latent, through the part that most pass: of a VAE that
    scores sixteen draws of z, sixteen through the decoder.
    """

    def __init__(self) -> None:
        self._forward = Counter[int]()
        self._products = Counter[int]()
        self._backward = Counter[int]()
        self._inside = 0

    def of(self, images: int) -> Passes | None:
        """Return the passes of each of some images; None if the model called no module."""
        if not self._forward:
            return None
        rows = (self._forward, self._products, self._backward)
        return Passes(*(max(part.values(), default=0) / images for part in rows))

    def enter(self, module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Count the rows of a call, unless it is within another."""
        self._inside += 1
        batch = _batch((*inputs, *named.values()))
        if self._inside == 1 and batch is not None:
            self._forward[id(module)] += len(batch)
            unpacked = forward_ad.unpack_dual(batch)  # type: ignore[no-untyped-call]  # torch gives it no types
            if unpacked.tangent is not None:
                self._products[id(module)] += len(batch)

    def leave(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Count the rows of the gradient of a call's output, when there is one."""
        self._inside -= 1
        batch = _batch(inputs)
        if self._inside or batch is None:
            return
        found = output if isinstance(output, (tuple, list)) else (output,)
        for tensor in found:
            if isinstance(tensor, Tensor) and tensor.requires_grad:
                self._await(tensor, id(module), len(batch))
                return

    def _await(self, output: Tensor, part: int, rows: int) -> None:
        def count(_: Tensor) -> None:
            self._backward[part] += rows

        output.register_hook(count)  # type: ignore[no-untyped-call]  # torch gives it no types


@contextmanager
def counted(model: object) -> Iterator[PassCount]:
    """Count the passes of a model within the context; of one that is no torch module, none.

    Rows that `torch.func.vmap` hides are not seen.
    """
    count = PassCount()
    parts = (
        [part for part in model.modules() if part is not model]
        if isinstance(model, nn.Module)
        else []
    )
    handles = [part.register_forward_pre_hook(count.enter, with_kwargs=True) for part in parts]
    handles += [part.register_forward_hook(count.leave, always_call=True) for part in parts]
    try:
        yield count
    finally:
        for handle in handles:
            handle.remove()


def _batch(values: Iterable[Any]) -> Tensor | None:
    """Return the first tensor with rows of numbers; times and levels have no columns."""
    return next((v for v in values if isinstance(v, Tensor) and v.ndim >= 2), None)
