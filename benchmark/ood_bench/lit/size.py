"""Size of a model, determined before its memory is allocated."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from ood_bench.errors import TooLargeError

Model = TypeVar("Model")

GIB = 1 << 30
MOST_TENSORS = 10_000
"""Maximum number of weight tensors; more take minutes to construct and are untrainable."""
RULE = "weights, their gradients and the two moments of the optimiser"

_FACTORIES = (
    torch.empty,
    torch.zeros,
    torch.ones,
    torch.full,
    torch.rand,
    torch.randn,
    torch.randint,
    torch.eye,
    torch.arange,
    torch.linspace,
)
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@dataclass(frozen=True)
class Size:
    """Size of a model.

    Attributes:
        parameters: Number of trainable parameters.
        weights: Bytes of all weights and buffers.
        training: Minimum bytes for training: weights, their gradients and two moments of the
            optimizer, without activations.
    """

    parameters: int
    weights: int
    training: int

    @classmethod
    def of(cls, model: nn.Module) -> "Size":
        """Return the size of a model, which may lie on the meta device."""
        parameters = [p for p in model.parameters() if not is_lazy(p)]
        trained = [p for p in parameters if p.requires_grad]
        buffers = [b for b in model.buffers() if not is_lazy(b)]
        weights = sum(map(_bytes, [*parameters, *buffers]))
        return cls(
            parameters=sum(p.numel() for p in trained),
            weights=weights,
            training=weights + 3 * sum(map(_bytes, trained)),
        )

    def __str__(self) -> str:
        return (
            f"{self.parameters:,} parameters; training takes at least "
            f"{in_gib(self.training)} ({RULE})"
        )


def in_gib(count: int) -> str:
    """Return a number of bytes in GiB.

    Example:
        >>> in_gib(3 << 29), in_gib(1 << 28), in_gib(200 << 40)
        ('1.5 GiB', '0.25 GiB', '204,800 GiB')
    """
    gib = count / GIB
    return f"{gib:,.0f} GiB" if gib >= 100 else f"{gib:.2g} GiB"


def memory_at_hand() -> int | None:
    """Return the bytes of memory available to this process; None if unknown."""
    try:
        found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        return None
    for path in map(Path, _LIMITS):
        try:
            found.append(int(path.read_text()))
        except (OSError, ValueError):  # no such limit, or "max"
            continue
    return min(found)


def outline(name: str, construct: Callable[[], Model], *, most: int | None = None) -> Model:
    """Construct a model without allocating memory: on the meta device, if possible.

    A constructor that reads values cannot run there. It is run on the CPU, and stopped if it
    requests more memory than the machine has; its own errors are raised. The random state is
    restored.

    Args:
        name: Its name in messages.
        construct: Constructs it.
        most: Maximum parameters of a model that is constructed on the CPU.

    Raises:
        TooLargeError: If the weights alone do not fit in the machine's memory, or there are more
            parameters than that.
    """
    at_hand = memory_at_hand()
    with torch.random.fork_rng(devices=[]):
        try:
            with (
                _Watch(name, at_hand, meta=True),
                torch.device("meta"),
                _counted(name, at_hand, most),
            ):
                return construct()
        except TooLargeError:
            raise
        except Exception:  # noqa: BLE001  it says what is wrong when it is built for real
            pass
        with _Watch(name, at_hand, meta=False), _counted(name, at_hand, most):
            return construct()


def refuse_too_large(
    name: str, size: Size, *, trained: bool = True, most: int | None = None
) -> None:
    """Check that this machine has enough memory for a model.

    Args:
        name: Its name in messages.
        size: Its size.
        trained: Whether it is trained, or only scores.
        most: Maximum number of parameters, if there is a limit.

    Raises:
        TooLargeError: If its weights do not fit in memory, or all that training keeps of them, or
            there are more parameters than that.
    """
    at_hand = memory_at_hand()
    need = size.training if trained else size.weights
    if at_hand is None or need <= at_hand:
        if most is not None and size.parameters > most:
            raise _too_many(name, most)
        return
    what = f"training takes at least {in_gib(need)} ({RULE})"
    if not trained:
        what = f"its weights take {in_gib(need)}"
    raise TooLargeError(
        f"'{name}' has {size.parameters:,} parameters: {what}, and this machine has "
        f"{in_gib(at_hand)}"
    )


def _too_many(name: str, most: int) -> TooLargeError:
    return TooLargeError(
        f"'{name}' has more than {most:,} parameters, too many for laws that build it again and "
        "again on images of a few pixels; give it options that make it smaller"
    )


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


@contextmanager
def _counted(name: str, at_hand: int | None, most: int | None) -> Iterator[None]:
    """Stop a constructor with too many parameters; a shared block counts once."""
    seen: dict[int, nn.Parameter] = {}
    total = 0

    def count(module: nn.Module, key: str, parameter: nn.Parameter | None) -> None:
        del module, key
        nonlocal total
        if parameter is None or is_lazy(parameter) or id(parameter) in seen:
            return
        seen[id(parameter)] = parameter
        total += parameter.numel()
        if len(seen) > MOST_TENSORS:
            raise TooLargeError(f"'{name}' has more than {MOST_TENSORS:,} tensors of parameters")
        # a constructor may replace parameters; the total is checked at the end
        if parameter.device.type == "meta":
            return
        if most is not None and total > most:
            raise _too_many(name, most)
        if at_hand is not None and 4 * total > at_hand:
            raise TooLargeError(
                f"'{name}' has more than {total:,} parameters: its weights take more than "
                f"{in_gib(4 * total)}, and this machine has {in_gib(at_hand)}"
            )

    handle = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        handle.remove()


class _Watch(TorchFunctionMode):
    """Stops a constructor before it allocates a tensor larger than the memory."""

    def __init__(self, name: str, at_hand: int | None, *, meta: bool) -> None:
        super().__init__()
        self.name = name
        self.at_hand = at_hand
        self.meta = meta

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: tuple[type, ...],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of torch; check first that the result of a factory fits."""
        del types
        given = dict(kwargs or {})
        device = given.get("device", "meta" if self.meta else "cpu")
        if func in _FACTORIES and self.at_hand is not None and str(device) != "meta":
            rest = {key: value for key, value in given.items() if key in ("size", "dtype")}
            size = _bytes(func(*args, **{**rest, "device": "meta"}))
            if size > self.at_hand:
                raise TooLargeError(
                    f"'{self.name}' asks for a tensor of {in_gib(size)} while it is built, and "
                    f"this machine has {in_gib(self.at_hand)}"
                )
        return func(*args, **given)
