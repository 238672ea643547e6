"""Where the command meets the machine: what it does with mistakes, refusals and signals."""

import sys
import traceback

from ood_bench.cli.signals import SAYS, Signals
from ood_bench.errors import OodBenchError, machine_refusal
from ood_bench.streams import Steady, steady_streams, visible

CLOSED_PIPE = 141
"""Exit status of a command that only prints and whose reader has gone; that of SIGPIPE."""


def command(signals: Signals) -> int:
    """Run the command line and return its exit status.

    A mistake of the user's is one line and status 2, a refusal of the machine's one line and 1,
    SIGINT and SIGTERM one line and 130 and 143. Anything else is a bug: its traceback and 1.
    """
    out = steady_streams()
    try:
        status = _status(signals)
    finally:
        signals.working = False
    return _said(status, out)


def _status(signals: Signals) -> int | None:
    """Run the command and return its exit status; None if it has none of its own."""
    try:
        from ood_bench.cli.app import run_app

        signals.working = True
        return run_app()
    except BaseException as error:  # noqa: BLE001  a signal ends in what it interrupts
        signals.working = False
        if signals.asked is not None:
            _say(SAYS)
            return 128 + signals.asked
        if isinstance(error, KeyboardInterrupt):
            _say(SAYS)
            return 130
        return _refused(error)


def _refused(error: BaseException) -> int:
    if isinstance(error, OodBenchError):
        _say(str(error))
        return 2
    if isinstance(error, SystemExit):
        if isinstance(error.code, str):
            _say(error.code)
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    line = machine_refusal(error)
    if line is None and isinstance(error, OSError) and error.filename and error.strerror:
        line = f"{error.filename}: {error.strerror}"
    _say(line or traceback.format_exc().rstrip("\n"))
    return 1


def _said(status: int | None, out: Steady | None) -> int:
    """Return the exit status when all is written; see to it that all is."""
    sys.stdout.flush()
    sys.stderr.flush()
    if out is None or out.refusal is None:
        return status or 0
    if isinstance(out.refusal, BrokenPipeError):
        return CLOSED_PIPE if status is None else status
    _say(machine_refusal(out.refusal, "standard output") or f"standard output: {out.refusal}")
    return status or 1


def _say(text: str) -> None:
    sys.stderr.write(f"{visible(text)}\n")
