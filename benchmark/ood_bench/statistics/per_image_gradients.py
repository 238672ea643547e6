"""Gradients of each image's log-likelihood in a model's parameters, from one pass over a batch.

A weight is a tensor that depends only on parameters, such as a masked or scaled parameter. While
the model runs, a torch function mode intercepts each operation on weights and images. At a
convolution or a linear layer it passes the detached weight, and forms each image's gradient in
that weight from the layer's input and the gradient of its output; in element-wise operations it
passes one copy of the weight per image. The computation from parameters to weights is small, and
is differentiated for all images at once at the end.

An operation without a rule in this file raises `UnruledError`.

`torch.func.vmap` over `grad` gives the same gradients, at 0.6 to 1.3 times the time for small
models (4 times for a VAE of 128 samples). But it refuses the memory format `channels_last`, in
which convolutions are fast, and takes 2.5 to 20 times the memory: for 64 images 1×28×28 under a
PixelCNN 1.1 GB beside 55 MB. `tests/speed/test_vmap_speed.py` measures both.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ood_bench.statistics.kernel_gradients import kernel_gradients

S = TypeVar("S")
T = TypeVar("T")

_MARK = "_depends_on_images"
_F = torch.nn.functional

ELEMENTWISE: frozenset[Callable[..., Any]] = frozenset(
    getattr(owner, name)
    for name in ("add", "sub", "mul", "div", "true_divide", "lerp", "addcmul", "where")
    for owner in (torch, Tensor)
) | {
    getattr(Tensor, f"__{name}__")
    for name in ("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv")
}
"""Element-wise functions that broadcast."""
PRODUCTS: frozenset[Callable[..., Any]] = frozenset(
    {torch.matmul, Tensor.matmul, Tensor.__matmul__}
)


LIKE: frozenset[Callable[..., Any]] = frozenset(
    {Tensor.to, Tensor.type_as, Tensor.expand_as, Tensor.view_as, Tensor.reshape_as}
)
"""Functions that read only type, device or shape of every argument but the first."""


class UnruledError(RuntimeError):
    """An operation on images and weights has no rule."""


def gradients_one_by_one(
    log_prob: Callable[[Tensor], Tensor], parameters: Sequence[nn.Parameter], x: Tensor
) -> list[Tensor]:
    """Return per-image gradients by one pass per image, for any model.

    Args:
        log_prob: Log-likelihoods `(B,)` of images `(B, C, H, W)`.
        parameters: The parameters to differentiate in; all require gradients.
        x: The images.

    Returns:
        For each parameter of shape s, gradients of shape `(B, *s)`.
    """
    rows = []
    for number in range(len(x)):
        found = torch.autograd.grad(
            log_prob(x[number : number + 1]).sum(), parameters, allow_unused=True
        )
        rows.append([torch.zeros_like(p) if g is None else g for p, g in _zip(parameters, found)])
    return [torch.stack(column) for column in zip(*rows, strict=True)]


def gradients_at_once(
    log_prob: Callable[[Tensor], Tensor], parameters: Sequence[nn.Parameter], x: Tensor
) -> list[Tensor]:
    """Return the same as `gradients_one_by_one`, by one forward and one backward pass.

    Raises:
        UnruledError: If an operation on images and weights has no rule.
    """
    setattr(x, _MARK, True)
    meetings = _Meetings(len(x))
    with meetings:
        total = log_prob(x).sum()
    if not meetings.leaves:
        raise UnruledError("no operation takes both a weight and images")
    copies = torch.autograd.grad(total, meetings.leaves, allow_unused=True)
    for add, gradient in _zip(meetings.on_leaf, copies):
        if gradient is not None and add is not None:
            add(gradient)
    return meetings.of_parameters(parameters)


def layer_values(log_prob: Callable[[Tensor], Tensor], x: Tensor) -> int:
    """Return the total number of outputs of the layers with weights for some images.

    Raises:
        UnruledError: If an operation on images and weights has no rule.
    """
    setattr(x, _MARK, True)
    meetings = _Meetings(len(x))
    with meetings:
        log_prob(x)
    return meetings.values


@contextmanager
def differentiable(model: nn.Module) -> Iterator[list[nn.Parameter]]:
    """Enable gradients of all parameters within the context; yield them in order."""
    parameters = list(model.parameters())
    before = [parameter.requires_grad for parameter in parameters]
    try:
        for parameter in parameters:
            parameter.requires_grad_()
        yield parameters
    finally:
        for parameter, required in _zip(parameters, before):
            parameter.requires_grad_(required)


class _Meetings(TorchFunctionMode):
    """Intercepts operations on images and weights, and collects per-image gradients.

    Args:
        count: Number of images B. The first dimension of tensors that depend on them is a
            multiple of B, image by image.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.values = 0
        self.leaves: list[Tensor] = []
        self.on_leaf: list[Callable[[Tensor], None] | None] = []
        self.weights: dict[int, tuple[Tensor, Tensor]] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call a function with weights replaced where it also takes images; mark its result."""
        kwargs = kwargs or {}
        images = weights = False
        for tensor in _tensors((*args, *kwargs.values())):
            if _of_images(tensor):
                images = True
            elif tensor.requires_grad:
                weights = True
        if func is torch.autograd.grad:
            raise UnruledError("a gradient is taken on the way to log_prob")
        if not images or (func in LIKE and not _of_images(args[0])):
            return func(*args, **kwargs)
        result = self._meet(func, args, kwargs) if weights else func(*args, **kwargs)
        for tensor in _tensors((result,)):
            setattr(tensor, _MARK, True)
        if func is Tensor.__setitem__:
            setattr(args[0], _MARK, True)
        return result

    def _meet(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Tensor:
        if func is torch.conv2d:
            return self._convolve(func, *args, **kwargs)
        if func is torch.conv_transpose2d:
            return self._deconvolve(func, *args, **kwargs)
        if func is _F.linear:
            return self._linear(*args, **kwargs)
        if func in PRODUCTS and args[1].ndim == 2:
            return self._linear(args[0], args[1].mT)
        if func is _F.layer_norm:
            return self._layer_norm(*args, **kwargs)
        if func is _F.group_norm:
            return self._group_norm(*args, **kwargs)
        if func in ELEMENTWISE:
            rank = max(t.ndim for t in _tensors((*args, *kwargs.values())) if _of_images(t))
            result: Tensor = func(
                *(self._copies(value, rank) for value in args),
                **{name: self._copies(value, rank) for name, value in kwargs.items()},
            )
            return result
        raise UnruledError(f"a weight meets images in {func.__name__}")

    def _copies(self, value: Any, rank: int) -> Any:
        """Return one copy of a weight per image, for tensors of a rank; other values unchanged."""
        if not isinstance(value, Tensor) or not _is_weight(value):
            return value
        shape = value.shape
        if len(shape) >= max(rank, 1):
            if shape[0] != 1 or len(shape) > rank:
                raise UnruledError(f"a weight of shape {tuple(shape)} meets images of rank {rank}")
            inner = shape[1:]
        else:
            inner = torch.Size([1] * (rank - 1 - len(shape)) + list(shape))
        weight = value
        leaf = value.detach().reshape(1, *inner).expand(self.count, *inner).clone()
        leaf.requires_grad_()
        self._leaf(leaf, lambda gradient: self._add(weight, gradient.view(self.count, *shape)))
        return leaf

    def _convolve(
        self,
        func: Callable[..., Tensor],
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        kernel = weight.shape[2:]
        strides, dilations = _pair(stride), _pair(dilation)
        if padding == "valid":
            margins = (0, 0)
        elif padding == "same":
            spans = [d * (k - 1) for k, d in _zip(kernel, dilations)]
            if any(span % 2 for span in spans):
                raise UnruledError("a convolution pads more on one side than on the other")
            margins = (spans[0] // 2, spans[1] // 2)
        else:
            margins = _pair(padding)

        def run(w: Tensor, b: Tensor | None) -> Tensor:
            return func(x, w, b, stride, padding, dilation, groups)

        def of_weight(gradient: Tensor) -> Tensor:
            return kernel_gradients(
                x, gradient, self.count, kernel, strides, margins, dilations, groups=groups
            )

        return self._layer(run, x, weight, bias, of_weight, channels=1)

    def _deconvolve(
        self,
        func: Callable[..., Tensor],
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> Tensor:
        def run(w: Tensor, b: Tensor | None) -> Tensor:
            return func(x, w, b, stride, padding, output_padding, groups, dilation)

        def of_weight(gradient: Tensor) -> Tensor:  # that of the convolution from output to input
            sizes = _pair(stride), _pair(padding), _pair(dilation)
            return kernel_gradients(
                gradient, x, self.count, weight.shape[2:], *sizes, groups=groups
            )

        return self._layer(run, x, weight, bias, of_weight, channels=1)

    def _linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        def run(w: Tensor, b: Tensor | None) -> Tensor:
            return _F.linear(x, w, b)

        def of_weight(gradient: Tensor) -> Tensor:
            inputs = x.reshape(self.count, -1, x.shape[-1])
            return gradient.reshape(self.count, -1, gradient.shape[-1]).mT @ inputs

        return self._layer(run, x, weight, bias, of_weight, channels=-1)

    def _layer_norm(
        self,
        x: Tensor,
        normalized_shape: Sequence[int],
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        eps: float = 1e-5,
    ) -> Tensor:
        return self._scaled(_F.layer_norm(x, normalized_shape, eps=eps), weight, bias)

    def _group_norm(
        self,
        x: Tensor,
        num_groups: int,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        eps: float = 1e-5,
    ) -> Tensor:
        by_channel = [
            None if value is None else value.reshape(-1, *[1] * (x.ndim - 2))
            for value in (weight, bias)
        ]
        return self._scaled(_F.group_norm(x, num_groups, eps=eps), *by_channel)

    def _scaled(self, x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
        """Multiply by a weight and add a bias, each broadcast over the images."""
        if weight is not None:
            x = x * self._copies(weight, x.ndim)
        return x if bias is None else x + self._copies(bias, x.ndim)

    def _layer(
        self,
        run: Callable[[Tensor, Tensor | None], Tensor],
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        of_weight: Callable[[Tensor], Tensor],
        *,
        channels: int,
    ) -> Tensor:
        """Run a layer with detached weights; add to their gradients in the backward pass.

        Args:
            run: The layer, as a function of weight and bias.
            x: Its input.
            weight: Its weight.
            bias: Its bias.
            of_weight: Computes each image's gradient in the weight from the gradient of the output.
            channels: The dimension of the output that the bias is added along.
        """
        if not _of_images(x) or _of_images(weight) or (bias is not None and _of_images(bias)):
            raise UnruledError("a layer's weight depends on the image")
        if not x.ndim or x.shape[0] % self.count:
            raise UnruledError(f"{len(x)} rows do not fall into those of {self.count} images")
        offset = None if bias is None else bias.detach()
        if not x.requires_grad:  # then only a weight can make the output require a gradient
            if offset is None:
                offset = weight.new_zeros(run(weight.detach(), None).shape[channels])
            offset = offset.clone().requires_grad_()
            self._leaf(offset, None)
        version = x._version

        def on_output(gradient: Tensor) -> None:
            if x._version != version:
                raise UnruledError("the input of a layer was overwritten")
            if weight.requires_grad:
                self._add(weight, of_weight(gradient))
            if bias is not None and bias.requires_grad:
                others = [d for d in range(1, gradient.ndim) if d != channels % gradient.ndim]
                sums = gradient.sum(dim=others) if others else gradient
                self._add(bias, sums.view(self.count, -1, len(bias)).sum(dim=1))

        output = run(weight.detach(), offset)
        self.values += output.numel()
        output.register_hook(on_output)  # type: ignore[no-untyped-call]  # torch gives it no types
        return output

    def _leaf(self, leaf: Tensor, add: Callable[[Tensor], None] | None) -> None:
        self.leaves.append(leaf)
        self.on_leaf.append(add)

    def _add(self, weight: Tensor, gradient: Tensor) -> None:
        """Add to the gradients in a weight, shape `(B, *weight.shape)`."""
        _, before = self.weights.get(id(weight), (weight, None))
        total = gradient if before is None else before + gradient
        self.weights[id(weight)] = (weight, total)

    def of_parameters(self, parameters: Sequence[nn.Parameter]) -> list[Tensor]:
        """Return the gradients in the parameters, from those in the weights computed from them."""
        direct = {id(parameter) for parameter in parameters}
        made = [pair for key, pair in self.weights.items() if key not in direct]
        found: Sequence[Tensor | None] = [None] * len(parameters)
        if made:
            weights, gradients = zip(*made, strict=True)
            found = torch.autograd.grad(
                weights, parameters, gradients, is_grads_batched=True, allow_unused=True
            )
        sums = []
        for parameter, gradient in _zip(parameters, found):
            _, own = self.weights.get(id(parameter), (parameter, None))
            parts = [part for part in (gradient, own) if part is not None]
            sums.append(sum(parts[1:], parts[0]) if parts else _zeros(self.count, parameter))
        return sums


def _tensors(values: Iterable[Any]) -> list[Tensor]:
    """Return the tensors among values, and in lists and tuples among them."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += _tensors(value)
    return found


def _of_images(tensor: Tensor) -> bool:
    return hasattr(tensor, _MARK)


def _is_weight(tensor: Tensor) -> bool:
    return tensor.requires_grad and not _of_images(tensor)


def _pair(value: Any) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    first, *rest = value
    return (first, rest[0]) if rest else (first, first)


def _zeros(count: int, parameter: Tensor) -> Tensor:
    return parameter.new_zeros(count, *parameter.shape)


def _zip(first: Iterable[S], second: Iterable[T]) -> Iterator[tuple[S, T]]:
    return zip(first, second, strict=True)
