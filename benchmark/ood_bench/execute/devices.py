"""Resolve the name of a device, and count the GPUs and threads of this process."""

import os

from ood_bench.errors import SuiteError


def device_named(name: str) -> str:
    """Return PyTorch's name of a device, such as `cpu`, `cuda:1`, `mps` or `xpu`.

    `auto` is a CUDA GPU if there is one, otherwise the CPU.

    Raises:
        SuiteError: If there is no such device, or it does not work.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name != "cpu" and name.startswith("cpu"):
        raise SuiteError(f"--device {name}: the CPU has no number; write cpu")
    if name.startswith("meta"):
        raise SuiteError(f"--device {name}: it holds no numbers; write cpu, cuda, mps or xpu")
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise SuiteError(f"--device {name}: there is no such device here") from error
    return name


def gpus_of(device: str) -> tuple[str, ...]:
    """Return the GPUs that a device stands for, as CUDA_VISIBLE_DEVICES names them.

    `cuda` stands for all that this process sees; `cuda:1` and other devices for none.
    """
    if device != "cuda":
        return ()
    import torch

    count = torch.cuda.device_count()
    given = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = [name.strip() for name in given.split(",")] if given else map(str, range(count))
    return tuple(names)[:count]


def threads_at_hand() -> int:
    """Return the number of PyTorch threads: one per core, or OMP_NUM_THREADS."""
    import torch

    return torch.get_num_threads()
