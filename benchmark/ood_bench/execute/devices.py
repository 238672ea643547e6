"""The device that models run on, by the name that a user gives."""

from ood_bench.errors import SuiteError


def device_named(name: str) -> str:
    """Return a device's name for PyTorch: a GPU for `auto` where there is one, else the CPU.

    Raises:
        SuiteError: If there is no such device, or none that computes.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name != "cpu" and name.startswith("cpu"):
        raise SuiteError(f"--device {name}: the CPU has no number; write cpu")
    if name.startswith("meta"):
        raise SuiteError(f"--device {name}: it holds no numbers; write cpu or cuda")
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise SuiteError(f"--device {name}: there is no such device here") from error
    return name


def threads_at_hand() -> int:
    """Return how many threads PyTorch takes here: one a core, or what OMP_NUM_THREADS says."""
    import torch

    return torch.get_num_threads()
