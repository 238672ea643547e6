"""Environment of a result: recorded beside it, never part of its key."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path

from ood_bench.execute.devices import threads_at_hand

PACKAGES = ("ood-bench", "torch", "pytorch-lightning", "numpy", "scipy", "scikit-learn", "pillow")
PLUGINS = ("models", "detectors", "statistics", "analyses", "datasets")


def environment(seconds: float, device: str) -> dict[str, str]:
    """Return the environment that is recorded beside a result.

    The number of threads is included since sums of floats depend on it in the last digits.

    Args:
        seconds: Wall time of the work.
        device: The device it ran on.
    """
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": f"{seconds:.4f}",
        "device": device,
        "threads": str(threads_at_hand()),
        **setting(),
    }


@cache
def setting() -> dict[str, str]:
    """Return what is constant within a process: machine, versions, commit.

    Packages that register plugins are listed with their versions too.
    """
    return {
        "machine": f"{platform.system()} {platform.machine()}, {_processor()}, "
        f"{len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()}"
        " cores",
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
        **_plugin_packages(),
        "commit": _commit(),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _plugin_packages() -> dict[str, str]:
    points = [point for kind in PLUGINS for point in entry_points(group=f"ood_bench.{kind}")]
    found = {point.dist.name: point.dist.version for point in points if point.dist}
    return {name: found[name] for name in sorted(found.keys() - set(PACKAGES))}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "processor unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "processor unknown"


def _commit() -> str:
    """Return the commit of a source checkout, marked if dirty; empty for an installed package."""
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return ""
    try:
        described = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return described.stdout.strip()
