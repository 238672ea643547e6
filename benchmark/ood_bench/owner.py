"""Owner of files on disk: the process that wrote them, and whether it is still alive."""

import os
import platform
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

from ood_bench.hashing import digest

__all__ = [
    "Owner",
]

_FORM = re.compile(r"([0-9a-f]{8})-(\d+)-(\d+)")


@dataclass(frozen=True)
class Owner:
    """A process on a machine; its text form is part of file names.

    Attributes:
        place: Eight digits that identify the machine's boot and, in a container, its PID
            namespace.
        pid: The process's number there.
        start: Its start time in system ticks; 0 if unknown.
    """

    place: str
    pid: int
    start: int

    @classmethod
    def here(cls) -> Self:
        """Return this process."""
        pid = os.getpid()
        return cls(_place(), pid, _start(pid) or 0)

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Parse the first owner in a text, as formatted by `str`; None if there is none."""
        found = _FORM.search(text)
        return cls(found[1], int(found[2]), int(found[3])) if found else None

    def gone(self) -> bool | None:
        """Return whether the process has ended; None if it is on another machine.

        A reused process number is recognised by its start time.
        """
        if self.place != _place():
            return None
        start = _start(self.pid)
        return start is None or start != self.start

    def __str__(self) -> str:
        """Return the owner as text."""
        return f"{self.place}-{self.pid}-{self.start}"


@cache
def _place() -> str:
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        parts.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    return digest(parts)[:8]


def _start(pid: int) -> int | None:
    """Return the start time of a process; None if it does not exist or is a zombie."""
    if not Path("/proc/self/stat").exists():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except OSError:
            return 0
        return 0
    try:
        # the name, in parentheses, may hold anything; the state follows it
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])
