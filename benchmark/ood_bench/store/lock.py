"""Locks that are files: they hold on file systems that know no advisory locks, as many NFS do.

A lock spares the work of computing a cell twice. Nothing wrong is stored where it fails: each
writer has a folder of its own, and of two that finish the same cell the first counts.
"""

import errno
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from ood_bench.files import UNFINISHED
from ood_bench.owner import Owner

HEARTBEAT_SECONDS = 15.0
"""Time between two signs of life of a holder."""

STALE_SECONDS = 180.0
"""Time without one after which a holder counts as gone; directory caches of NFS last 60 s."""

UNREADABLE_SECONDS = 5.0
"""The same for a lock that names no holder."""

_LONGEST_PAUSE = 1.0


class _Sight(NamedTuple):
    """A lock as it was seen: who holds it, and its last sign of life."""

    token: str
    stamp: int


class Lock:
    """A file that names the process which holds something, with a sign of life now and then.

    A holder that has ended is found out at once on its own machine, by its process number and
    start time. One of another machine, or one that is stopped, counts as gone when its signs of
    life stay away; clocks are not compared. The file is then free for the next.

    Args:
        path: The file; there is none while nobody holds the lock.
        waiting: Called once if somebody else holds it.

    Attributes:
        token: Names the holder, and this holding; part of the names of what it writes.
        waited: Whether somebody else held it at first.
    """

    def __init__(self, path: Path, *, waiting: Callable[[], None] = lambda: None) -> None:
        self.path = path
        self.token = f"{Owner.here()}-{secrets.token_hex(4)}"
        self.waited = False
        self._waiting = waiting
        self._ended = threading.Event()
        self._seen: tuple[_Sight, float] | None = None

    def __enter__(self) -> Self:
        """Wait until the lock is this process's."""
        pause = 0.02
        while not self.take():
            if not self.waited:
                self.waited = True
                self._waiting()
            time.sleep(pause)
            pause = min(1.5 * pause, _LONGEST_PAUSE)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let the next have it."""
        self.release()

    def take(self) -> bool:
        """Try once; tell whether the lock is now this process's.

        Raises:
            OSError: If the folder cannot be written to.
        """
        if not self._created():
            sight = self._look()
            if sight is None or not self._gone(sight):
                return False
            self._set_aside(sight)
            if not self._created():
                return False
        threading.Thread(target=self._beat, daemon=True).start()
        return True

    def held(self) -> bool:
        """Tell whether nobody has taken the lock over from this process."""
        sight = self._look()
        return sight is not None and sight.token == self.token

    def clear(self) -> None:
        """Remove the file if its holder has ended."""
        sight = self._look()
        if sight is not None and self._gone(sight):
            self._set_aside(sight)

    def release(self) -> None:
        """Remove the file, unless another has taken the lock over."""
        self._ended.set()
        with suppress(OSError):
            if self.held():
                self.path.unlink()

    def _created(self) -> bool:
        """Create the file with its content at once; tell whether there was none."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        own = self._beside("new")
        own.write_text(self.token, encoding="ascii")
        try:
            os.link(own, self.path)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EDQUOT):
                raise
            # no hard links here; or, on NFS, one that was made and whose answer was lost
            return own.stat().st_nlink == 2 or self._created_without_link()
        finally:
            with suppress(OSError):
                own.unlink()
        return True

    def _beside(self, what: str) -> Path:
        """Return a name of this holding's own, which is cleared away if it ends here."""
        return self.path.with_name(f".{self.path.name}.{self.token}.{what}{UNFINISHED}")

    def _created_without_link(self) -> bool:
        try:
            handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except FileExistsError:
            return False
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(self.token)
        return True

    def _look(self) -> _Sight | None:
        """Return the lock as it is now; None if there is none."""
        try:
            # opening makes NFS ask the server; a status alone may be an old one
            with self.path.open("rb") as file:
                text = file.read(200).decode("ascii", errors="replace")
                return _Sight(text, os.fstat(file.fileno()).st_mtime_ns)
        except FileNotFoundError:
            return None
        except OSError:
            return _Sight("", 0)

    def _gone(self, sight: _Sight) -> bool:
        owner = Owner.read(sight.token)
        if owner is not None and owner.gone():
            return True
        now = time.monotonic()
        if self._seen is None or self._seen[0] != sight:
            self._seen = sight, now
        return now - self._seen[1] > (UNREADABLE_SECONDS if owner is None else STALE_SECONDS)

    def _set_aside(self, sight: _Sight) -> None:
        """Remove a lock whose holder is gone; one that another took meanwhile is put back."""
        aside = self._beside("gone")
        with suppress(OSError):
            self.path.rename(aside)
            if aside.is_dir():
                shutil.rmtree(aside, ignore_errors=True)
                return
            if aside.read_text(encoding="ascii", errors="replace") != sight.token:
                os.link(aside, self.path)
        with suppress(OSError):
            aside.unlink()

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            with suppress(OSError):
                if not self.held():
                    return
                os.utime(self.path)
