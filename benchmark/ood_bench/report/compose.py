"""The document of one run."""

import logging
from collections.abc import Iterable
from functools import partial

from ood_bench.report.document import Document, Overview, Shown, Span
from ood_bench.report.figures import figures, file_stem
from ood_bench.report.numbers import count, names, plural
from ood_bench.report.sections import closing_sections, measured_sections
from ood_bench.report.tabled import Undrawn, tabled
from ood_bench.report.tidy import content, records
from ood_bench.results import Results, Verdict, by_one

log = logging.getLogger(__name__)


def run_document(
    results: Results,
    drawn: Iterable[Shown | Undrawn] = (),
    overviews: Iterable[Overview] = (),
) -> Document:
    """Return the document of a run.

    Args:
        results: The results of the run.
        drawn: The shown tables of its analyses.
        overviews: The figures over all detectors.
    """
    shown, tables = list[Shown](), []
    for one in drawn:
        if isinstance(one, Undrawn):
            tables.append(tabled(one, file_stem(one.table)))
            log.warning("%s: no figure: %s", tables[-1].heading, one.reason)
        else:
            shown.append(one)
    return Document(
        name="report",
        kind=f"report · suite {results.suite}",
        title=results.title or results.suite,
        level=results.level,
        sections=tuple(measured_sections(results, tuple(overviews))),
        records=records(results),
        content=partial(content, results),
        about=results.about,
        summary=_summary(results),
        facts=_facts(results),
        caveats=results.notes,
        figures=figures(shown, results.findings),
        tables=tuple(tables),
        closing=tuple(closing_sections(results)),
    )


def _summary(results: Results) -> tuple[Span, ...]:
    """Return a paragraph that summarises the run and its results."""
    if not results.rows:
        return (Span(f"Nothing was measured in this run of {results.suite}."),)
    parts = []
    for attribute, noun in (
        ("model", "model"),
        ("inside", "data set"),
        ("outside", "data set"),
        ("detector", "detector"),
    ):
        found = [getattr(row, attribute) for row in results.rows]
        found = list(dict.fromkeys(filter(None, found)))
        parts.append(f"{plural(len(found), noun)} ({names(found)})" if found else f"no {noun}")
    models, inside, outside, detectors = parts
    seeds = len({row.seed for row in results.rows} - {"all"}) or 1
    sentences = [
        f"{models} trained on {inside} and scored on {outside} with {detectors}; "
        f"{plural(seeds, 'seed') if seeds > 1 else 'one training of each model'}."
    ]
    if results.claims:
        verdicts = [claim.verdict for claim in results.claims]
        order: tuple[Verdict, ...] = ("reproduced", "not reproduced", "not run")
        counts = [f"{verdicts.count(one)} {one}" for one in order if one in verdicts]
        by = by_one(claim.trainings for claim in results.claims)
        by = f", each{by}" if by else ""
        sentences.append(f"Of {plural(len(verdicts), 'claim')}: {', '.join(counts)}{by}.")
    if results.skips:
        sentences.append(
            f"{plural(len(results.skips), 'planned cell')} skipped; the reasons are below."
        )
    if results.not_kept:
        left = plural(len(results.not_kept), "figure")
        sentences.append(f"The archive leaves out {left} with the tables behind; they were made.")
    text = " ".join(sentences)
    if not results.failures:
        return (Span(text),)
    failed = f"{plural(len(results.failures), 'cell')} failed"
    return Span(f"{text} "), Span(failed, stressed=True), Span("; the errors are below.")


def _facts(results: Results) -> tuple[tuple[str, str], ...]:
    """Return a few counts of the run with their labels."""
    facts = []
    if results.claims:
        held = sum(claim.verdict == "reproduced" for claim in results.claims)
        by = by_one(claim.trainings for claim in results.claims)
        facts.append((f"{held} of {len(results.claims)}", f"claims reproduced{by}"))
    for noun, values in (
        ("model", {row.model for row in results.rows}),
        ("pair", {(row.inside, row.outside) for row in results.rows if row.detector}),
        ("detector", {row.detector for row in results.rows} - {""}),
        ("seed", {row.seed for row in results.rows} - {"all"}),
    ):
        number, _, word = plural(len(values), noun).partition(" ")
        facts.append((number, word))
    if results.skips:
        facts.append((count(len(results.skips)), "skipped"))
    if results.failures:
        facts.append((count(len(results.failures)), "failed"))
    return tuple(facts)
