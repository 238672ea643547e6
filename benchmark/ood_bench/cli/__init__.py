"""The command line."""

from ood_bench.cli.app import main

__all__ = ["main"]
