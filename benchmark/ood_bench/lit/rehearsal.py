"""Check before training that a density of another package can score images."""

from collections.abc import Callable

import torch

from ood_bench.errors import raised
from ood_bench.lit.floats import FloatDensity
from ood_bench.lit.size import Size

LARGEST = 64 << 20
"""Maximum bytes of weights of a model that is constructed for this check."""
IMAGES = 4


def cannot_score(outlined: FloatDensity, build: Callable[[], FloatDensity]) -> str | None:
    """Return why a density cannot score a few images; None if it can, or is too large to check.

    The meta device reveals mismatched shapes; a model that fails there for other reasons is
    constructed on the CPU and tried again, if it is small. The random state is restored.

    Args:
        outlined: The density, perhaps on the meta device.
        build: Constructs it on the CPU.
    """
    on_meta = any(tensor.is_meta for tensor in outlined.state_dict().values())
    small = Size.of(outlined).weights <= LARGEST
    with torch.random.fork_rng(devices=[]):
        if not on_meta:
            return _failure(outlined) if small else None
        if _failure(outlined, "meta") is None or not small:
            return None
        return _failure(build())


def _failure(model: FloatDensity, device: str = "cpu") -> str | None:
    generator = torch.Generator().manual_seed(0)
    y = torch.rand((IMAGES, *model.shape), generator=generator).to(device)
    try:
        with torch.no_grad():
            model.log_density(y)
    except Exception as error:  # noqa: BLE001  it may be anybody's code
        return str(error) if isinstance(error, ValueError) else raised(error)
    return None
