"""What a run will cost, as tables."""

from typing import TYPE_CHECKING

from rich.console import Console

from ood_bench.cli.tables import rich_table

if TYPE_CHECKING:
    from ood_bench.api import DryRun

_PREFIXES = ("", "k", "M", "G", "T", "P", "E")


def print_estimate(console: Console, planned: "DryRun") -> None:
    """Print about what the cells cost that would run; nothing without an estimate."""
    from ood_bench.report.numbers import ABSENT, duration
    from ood_bench.report.texttable import TextTable, numbers, words

    if planned.unmeasured:
        console.print(f"no estimate: {planned.unmeasured}", highlight=False, markup=False)
    found = planned.estimate
    if found is None or not found.kinds:
        return
    if found.trainings:
        rows = tuple(
            (
                training.cell,
                f"{training.parameters:,}",
                quantity(training.flops_per_step) if training.steps else ABSENT,
                quantity(training.flops) if training.steps else ABSENT,
                f"{quantity(training.memory)}B",
                duration(training.seconds),
                training.how,
            )
            for training in found.trainings
        )
        measures = numbers("parameters", "FLOPs a step", "FLOPs", "memory", "time")
        columns = (*words("training"), *measures, *words("time from"))
        console.print(rich_table(TextTable(columns, rows)))
    kinds = tuple((kind.kind, f"{kind.cells:,}", duration(kind.seconds)) for kind in found.kinds)
    columns = (*words("kind"), *numbers("cells", "time"))
    console.print(rich_table(TextTable(columns, kinds)))
    console.print(
        f"about {duration(found.seconds)} on {found.device}, one cell after the other; "
        f"about {quantity(found.disk)}B on disk",
        highlight=False,
        markup=False,
    )


def quantity(number: float) -> str:
    """Write a number with two or three digits and a prefix of its unit.

    Example:
        >>> quantity(39_227_433), quantity(3.1e9), quantity(0), quantity(999_999), quantity(12.3e18)
        ('39 M', '3.1 G', '0 ', '1.0 M', '12 E')
    """
    place = 0
    while place < len(_PREFIXES) - 1 and float(f"{number:.3g}") >= 1000:
        number, place = number / 1000, place + 1
    digits = f"{number:.1f}" if 0 < number < 9.95 and place else f"{number:.0f}"
    return f"{digits} {_PREFIXES[place]}"
