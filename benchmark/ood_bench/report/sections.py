"""The tables of a report in their order, with their headings and what their columns mean."""

from collections.abc import Iterator

from ood_bench.metrics.measure import percent
from ood_bench.report.audited import (
    SETS,
    overlaps_note,
    overlaps_table,
    remark,
    separations_note,
    separations_table,
    sets_table,
)
from ood_bench.report.categories import categories_table, nearness_table
from ood_bench.report.conventions import (
    BESIDE,
    BITS,
    CATEGORIES,
    CLAIMS,
    COMPARED,
    CORRUPTIONS,
    DATA,
    DETECTION,
    DIFFERENCES,
    FORMER_INTERVALS,
    INTERVALS,
    NEARNESS,
    PUBLISHED,
    SOURCES,
    TRAINING,
)
from ood_bench.report.corruptions import STEM as CURVES
from ood_bench.report.corruptions import corruptions_table
from ood_bench.report.document import VALUES, ClaimList, DataCards, Detections, Overview, Section
from ood_bench.report.measured import bits_table, detection_table, detections
from ood_bench.report.provenance import (
    beside_table,
    claims_table,
    data_table,
    omission_table,
    run_table,
    training_table,
)
from ood_bench.report.published import published_table, sources_table
from ood_bench.report.ranking import boards, difference_table, ranking_table
from ood_bench.report.variants import SAID, STEM, variants_table
from ood_bench.results import Audit, Results


def measured_sections(results: Results, overviews: tuple[Overview, ...] = ()) -> Iterator[Section]:
    """Yield the tables of claims, measured values, trainings and data; empty ones are left out.

    Args:
        results: The results of a run.
        overviews: The figures over all its detectors.
    """
    level = percent(results.level)
    yield from _filled(
        Section(
            "claims",
            "Claims",
            claims_table(results),
            CLAIMS.format(level=level),
            detail=ClaimList(results.claims),
        ),
        Section("beside", "Claims not reproduced", beside_table(results), BESIDE),
        *_rankings(results, _of("overview-", overviews)),
        Section(
            "variants",
            "Variants",
            variants_table(results),
            SAID,
            overviews=_of(STEM, overviews),
        ),
        Section(
            "categories",
            "Near-OOD, far-OOD and shifted images",
            categories_table(results),
            CATEGORIES.format(level=level),
        ),
        Section("nearness", "How near the OOD sets are", nearness_table(results), NEARNESS),
        Section(
            "corruptions",
            "ID images, corrupted",
            corruptions_table(results),
            CORRUPTIONS.format(level=level),
            overviews=_of(CURVES, overviews),
        ),
        Section("quoted", "Measured and published", published_table(results), PUBLISHED),
        Section("sources", "Published values", sources_table(results), SOURCES),
        Section(
            "detection",
            "Detection",
            detection_table(results),
            DETECTION.format(
                level=level,
                metrics=" ".join(spec.says for spec in results.metrics if spec.says),
                values=VALUES,
                intervals=FORMER_INTERVALS if results.former_intervals else INTERVALS,
            ),
            detail=found_on_pairs(results),
        ),
        Section(
            "differences", "Differences from the baseline", difference_table(results), DIFFERENCES
        ),
        Section("bits", "Bits per dimension", bits_table(results), BITS.format(level=level)),
        Section("training", "Training", training_table(results), TRAINING),
        Section("data", "Data", data_table(results), DATA, detail=DataCards(results.data)),
    )
    yield from audit_sections(results.audit, results.level)


def audit_sections(audit: Audit | None, level: float) -> Iterator[Section]:
    """Yield the tables of the data audit."""
    yield from _filled(
        Section("audit", "Data audit", sets_table(audit), SETS),
        Section(
            "separations",
            "Pairs separable without a model",
            separations_table(audit),
            separations_note(level),
        ),
        Section("overlaps", "Shared images", overlaps_table(audit), overlaps_note(audit)),
    )


def closing_sections(results: Results) -> Iterator[Section]:
    """Yield the tables that come last: what was skipped or failed, and the environment."""
    yield from _filled(
        Section("left-out", "Skipped", omission_table(results.skips, "Reason")),
        Section(
            "not-kept",
            "Figures and tables that the archive does not hold",
            omission_table(results.not_kept, "Reason"),
        ),
        Section("failed", "Failed", omission_table(results.failures, "Message")),
        Section("circumstances", "Environment", run_table(results)),
    )


def _rankings(results: Results, overviews: tuple[Overview, ...]) -> Iterator[Section]:
    """Yield a table for each ranking: the first with its conventions, the last with the figures."""
    if results.ranking is None:
        return
    found = boards(results)
    for place, board in enumerate(found, 1):
        yield Section(
            "compared" if place == 1 else f"compared-{place}",
            board.heading,
            ranking_table(results, board),
            COMPARED if place == 1 else "",
            overviews=overviews if place == len(found) else (),
        )


def found_on_pairs(results: Results) -> Detections:
    """Return the detectors' values on every pair, and the audit's remark on it."""
    pairs = {(row.inside, row.outside) for row in results.rows}
    remarks = {pair: remark(results, *pair) for pair in pairs}
    return Detections(tuple(detections(results)), remarks, results.metrics)


def _of(stem: str, overviews: tuple[Overview, ...]) -> tuple[Overview, ...]:
    """Return the figures whose files have names with this beginning."""
    return tuple(one for one in overviews if one.path.startswith(f"figures/{stem}"))


def _filled(*sections: Section) -> Iterator[Section]:
    yield from (section for section in sections if section.table.rows)
