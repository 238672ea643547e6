"""Ctrl-C and SIGTERM: one line and exit status 128 + number, at whatever moment they come."""

import os
import signal
import sys
import time
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

SAYS = "stopped; run the same command to resume"

PATIENCE = 1.0
"""Seconds in which a second signal counts as the first; later it ends the process at once."""


class Stopped(BaseException):
    """Raised where a signal arrives, so that what is open is closed on the way out."""


class Signals:
    """Hears SIGINT and SIGTERM for this process, from its first moment to its last.

    As long as nothing is under way that must be closed, a signal ends the process at once.
    While the command works it raises `Stopped`. One that the caller had ignored, as `nohup` and
    a shell's background jobs do, stays ignored.

    Attributes:
        working: Whether there is something to close.
        asked: The signal that asked the process to end; None as long as none did.
    """

    def __init__(self) -> None:
        self.working = False
        self.asked: int | None = None
        self._when = 0.0

    def listen(self) -> None:
        """Begin to hear them."""
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._hear)
        self._unraisable = sys.unraisablehook
        sys.unraisablehook = self._hear_unraisable

    def leave(self, number: int) -> NoReturn:
        """Say so and end the process at once; other processes of the run see that and end too."""
        with suppress(OSError):
            os.write(2, f"{SAYS}\n".encode())
        os._exit(128 + number)

    def _hear(self, number: int, _: FrameType | None) -> None:
        if not self.working:
            self.leave(number)
        if self.asked is None:
            self.asked, self._when = number, time.monotonic()
            raise Stopped
        if time.monotonic() - self._when > PATIENCE:
            self.leave(self.asked)

    def _hear_unraisable(self, unraisable: Any) -> None:
        """End the process where `Stopped` was raised in code that can pass nothing on."""
        if isinstance(unraisable.exc_value, Stopped):
            self.leave(self.asked or signal.SIGINT)
        self._unraisable(unraisable)
