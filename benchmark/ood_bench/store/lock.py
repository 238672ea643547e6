"""Lock files, which work on file systems without advisory locks, such as many NFS mounts.

A lock avoids computing a cell twice. If it fails, nothing wrong is stored: each writer has its
own folder, and of two that finish the same cell the first counts.
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
"""Seconds between two heartbeats of a holder."""

STALE_SECONDS = 180.0
"""Seconds without a heartbeat after which a holder counts as dead; NFS caches last 60 s."""

UNREADABLE_SECONDS = 5.0
"""The same for a lock file that names no holder."""

_LONGEST_PAUSE = 1.0


class _Sight(NamedTuple):
    """Observed state of a lock: its holder and last heartbeat."""

    token: str
    stamp: int


class Lock:
    """A lock file that names its holder, which renews it by heartbeats.

    On the same machine, a holder that has ended is recognised at once by its process number and
    start time. A holder on another machine, or a stopped one, counts as dead when its heartbeats
    cease; clocks are not compared. The lock can then be taken over.

    Args:
        path: The file; it exists while the lock is held.
        waiting: Called once if another process holds it.

    Attributes:
        token: Unique name of this holder and acquisition, used in the names of its files.
        waited: Whether another process held it at first.
    """

    def __init__(self, path: Path, *, waiting: Callable[[], None] = lambda: None) -> None:
        self.path = path
        self.token = f"{Owner.here()}-{secrets.token_hex(4)}"
        self.waited = False
        self._waiting = waiting
        self._ended = threading.Event()
        self._seen: tuple[_Sight, float] | None = None

    def __enter__(self) -> Self:
        """Wait until this process holds the lock."""
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
        """Release the lock."""
        self.release()

    def take(self) -> bool:
        """Try once to take the lock; return whether this process now holds it.

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

    def free(self) -> bool:
        """Return whether no process that may be alive holds the lock; this one does not take it."""
        sight = self._look()
        return sight is None or self._gone(sight)

    def held(self) -> bool:
        """Return whether this process still holds the lock."""
        sight = self._look()
        return sight is not None and sight.token == self.token

    def clear(self) -> None:
        """Remove the file if its holder has ended."""
        sight = self._look()
        if sight is not None and self._gone(sight):
            self._set_aside(sight)

    def release(self) -> None:
        """Remove the file, unless another process has taken the lock over."""
        self._ended.set()
        with suppress(OSError):
            if self.held():
                self.path.unlink()

    def _created(self) -> bool:
        """Create the file with its content atomically; return whether there was none."""
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
            # no hard links; or, on NFS, a link that was made but whose reply was lost
            return own.stat().st_nlink == 2 or self._created_without_link()
        finally:
            with suppress(OSError):
                own.unlink()
        return True

    def _beside(self, what: str) -> Path:
        """Return a temporary path unique to this acquisition."""
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
        """Return the current state of the lock; None if there is no file."""
        try:
            # opening makes NFS ask the server; a mere stat may be cached
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
        """Remove a dead holder's lock; if another process took it meanwhile, restore it."""
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
