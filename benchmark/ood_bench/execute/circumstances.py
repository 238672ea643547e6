"""Where and with what a result was made: recorded beside it, never part of its key."""

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


def circumstances(seconds: float, device: str) -> dict[str, str]:
    """Return what is recorded beside a result.

    Sums of many floats differ in their last digits with the number of threads.

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
    """Return what does not change while a process runs: machine, versions, commit.

    Beside the versions that every run has stand those of the installed packages with plugins.
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
    """Return the commit of a source checkout, marked if it has changes; empty elsewhere."""
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
