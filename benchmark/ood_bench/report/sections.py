"""The tables of a report in their order, with their headings and what their columns mean."""

from collections.abc import Iterator
from typing import NamedTuple

from ood_bench.metrics.measure import percent
from ood_bench.report.audited import (
    SETS,
    overlaps_note,
    overlaps_table,
    separations_note,
    separations_table,
    sets_table,
)
from ood_bench.report.comparison import comparison_table, difference_table, quotation_table
from ood_bench.report.conventions import (
    BESIDE,
    BITS,
    CLAIMS,
    COMPARED,
    DATA,
    DETECTION,
    DIFFERENCES,
    FORMER_INTERVALS,
    INTERVALS,
    QUOTED,
    TRAINING,
)
from ood_bench.report.measured import bits_table, detection_table
from ood_bench.report.provenance import (
    beside_table,
    claims_table,
    data_table,
    omission_table,
    run_table,
    training_table,
)
from ood_bench.report.texttable import TextTable
from ood_bench.results import Results

COMPARED_HEADING = "Detectors compared"


class Section(NamedTuple):
    """A table with its heading and, with `**` around words to stress, what its columns mean."""

    name: str
    heading: str
    table: TextTable
    conventions: str = ""


def measured_sections(results: Results, *, rows: str) -> Iterator[Section]:
    """Yield the tables of what was asked, measured and read; those without rows are left out.

    Args:
        results: What a run found.
        rows: How the text names the file of all measured values.
    """
    level = percent(results.level)
    yield from _filled(
        Section("claims", "Claims", claims_table(results), CLAIMS.format(level=level)),
        Section("beside", "What was not reproduced", beside_table(results), BESIDE),
        Section("compared", COMPARED_HEADING, comparison_table(results), COMPARED),
        Section("quoted", "Measured and quoted", quotation_table(results), QUOTED),
        Section(
            "detection",
            "Detection",
            detection_table(results),
            DETECTION.format(
                level=level,
                rows=rows,
                intervals=FORMER_INTERVALS if results.former_intervals else INTERVALS,
            ),
        ),
        Section(
            "differences", "Differences from the baseline", difference_table(results), DIFFERENCES
        ),
        Section("bits", "Bits per dimension", bits_table(results), BITS.format(level=level)),
        Section("training", "Training", training_table(results), TRAINING),
        Section("data", "Data", data_table(results), DATA),
        Section("audit", "Audit of the data", sets_table(results.audit), SETS),
        Section(
            "separations",
            "What one number of an image tells apart",
            separations_table(results.audit),
            separations_note(results.level),
        ),
        Section(
            "overlaps",
            "Shared images",
            overlaps_table(results.audit),
            overlaps_note(results.audit),
        ),
    )


def other_sections(results: Results) -> Iterator[Section]:
    """Yield the tables that come last: what was left out or failed, and the circumstances."""
    yield from _filled(
        Section("left-out", "Left out", omission_table(results.skips, "Reason")),
        Section("failed", "Failed", omission_table(results.failures, "Message")),
        Section("circumstances", "Circumstances", run_table(results)),
    )


def _filled(*sections: Section) -> Iterator[Section]:
    yield from (section for section in sections if section.table.rows)
