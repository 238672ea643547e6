"""The command line."""

import sys

from ood_bench.cli.signals import Signals

__all__ = ["main"]


def main() -> None:
    """Run the command line and end the process with its exit status.

    Signals are heard before anything else is imported, which takes a second.
    """
    signals = Signals()
    signals.listen()

    from ood_bench.cli.edge import command

    sys.exit(command(signals))
