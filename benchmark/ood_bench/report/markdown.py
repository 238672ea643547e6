"""The report as a Markdown page, as GitHub shows it."""

import re
from collections.abc import Iterable, Sequence

from ood_bench.report.audited import (
    SETS,
    overlaps_note,
    overlaps_table,
    separations_note,
    separations_table,
    sets_table,
)
from ood_bench.report.comparison import comparison_table, difference_table, quotation_table
from ood_bench.report.escape import escape, paragraph
from ood_bench.report.figures import Picture
from ood_bench.report.findings import findings_table
from ood_bench.report.measured import bits_table, detection_table
from ood_bench.report.numbers import names, percent, plural
from ood_bench.report.overview import Overview
from ood_bench.report.provenance import (
    beside_table,
    claims_table,
    data_table,
    omission_table,
    run_table,
    training_table,
)
from ood_bench.report.texttable import TextTable
from ood_bench.results import FindingRow, Results, Verdict

_INTERVAL = re.compile(r"-?[\d.]+ \[-?[\d.]+, -?[\d.]+\]")


def markdown(
    results: Results, pictures: Sequence[Picture] = (), overviews: Sequence[Overview] = ()
) -> str:
    """Return the whole page.

    Args:
        results: What a run found.
        pictures: Its figures, referred to by their paths.
        overviews: Its figures over all detectors, likewise.
    """
    notes = ["\n>\n".join(f"> {paragraph(note)}" for note in results.notes)]
    level = percent(results.level)
    blocks = [f"# {escape(results.title or results.suite)}", paragraph(results.about)]
    blocks += [_summary(results)]
    for heading, table, conventions in (
        ("Claims", claims_table(results), _CLAIMS.format(level=level)),
        ("What was not reproduced", beside_table(results), _BESIDE),
        ("Detectors compared", comparison_table(results), _COMPARED),
        ("Measured and quoted", quotation_table(results), _QUOTED),
        ("Detection", detection_table(results), _DETECTION.format(level=level)),
        ("Differences from the baseline", difference_table(results), _DIFFERENCES),
        ("Bits per dimension", bits_table(results), _BITS.format(level=level)),
        ("Training", training_table(results), _TRAINING),
        ("Data", data_table(results), _DATA),
        ("Audit of the data", sets_table(results.audit), SETS),
        (
            "What one number of an image tells apart",
            separations_table(results.audit),
            separations_note(results.level),
        ),
        ("Shared images", overlaps_table(results.audit), overlaps_note(results.audit)),
    ):
        if table.rows:
            blocks += [f"## {heading}", *notes, _table(table), conventions]
        if heading == "Detectors compared":
            blocks += [
                f"![{escape(overview.title)}]({overview.path})\n\n{paragraph(overview.caption)}"
                for overview in overviews
            ]
    if pictures:
        blocks += ["## Figures", *notes, *_figures(pictures, results.findings)]
    for heading, table in (
        ("Left out", omission_table(results.skips, "Reason")),
        ("Failed", omission_table(results.failures, "Message")),
        ("Circumstances", run_table(results)),
    ):
        if table.rows:
            blocks += [f"## {heading}", _table(table)]
    return "\n\n".join(filter(None, blocks)) + "\n"


_CLAIMS = (
    "A claim counts as reproduced only if the whole {level} interval of what was measured meets "
    "the expectation. Quoted values are those of the source, shown for comparison. Intervals of "
    "sums and differences are taken as if their terms were independent."
)
_BESIDE = (
    "Figures that the suite names beside a claim, which tell why it was not reproduced here. "
    "They come from the same run."
)
_COMPARED = (
    "AUROC, the baseline's difference tested image by image (paired DeLong): ▲ above and ▼ below "
    "the baseline at 5 % after Holm's correction for all comparisons of this run. Mean, worst and "
    "mean rank are over the pairs tried both ways on which a detector was measured, ranked on each "
    "among all that were measured there. No detector takes OOD images; what it takes beside the "
    "model and held-out ID images is named. Milliseconds are those of its columns and scores on "
    "this run's machine, training left out."
)
_QUOTED = (
    "AUROC as the literature gives it, for other models and trainings, beside what this run "
    "measured; nothing is tuned to it. They differ where the measured interval holds none of the "
    "span of the quoted values."
)
_DIFFERENCES = (
    "Paired by DeLong on the same images; p is two-sided, with Holm's correction for all rows. "
    "Scores of groups of images cannot be paired."
)
_DETECTION = (
    "A larger score means more out of distribution (OOD). "
    "**AUROC**: the share of pairs of an OOD and an in-distribution (ID) image in which the OOD "
    "image scores higher, ties counting one half; one below 0.5 is shown as it is, never "
    "flipped. "
    "**AUPR-Out** has OOD as the positive class and **AUPR-In** ID; both are average precision, "
    "which at chance equals the share of the positive class (the OOD share, and one minus it). "
    "**FPR@95TPR** has ID as the positive class: the share of OOD images accepted when 95 % of "
    "ID images are. "
    "**Detection error**: the smallest mean of the two error rates at any threshold. "
    "Brackets hold {level} intervals: DeLong for AUROC, a bootstrap over the images of each side "
    "for the others, whose intervals are in [tables/results.csv](tables/results.csv) with the "
    "rows of single seeds. With several seeds, values are means, and intervals count both the "
    "images and the seeds as samples."
)
_BITS = (
    "Minus log₂ of the probability of the 8-bit image over its number of dimensions, averaged "
    "over images: lower is more likely, and a uniform model has 8. "
    "Brackets hold {level} intervals of the mean."
)
_TRAINING = (
    "Validation: bits per dimension on images held out from training, or the share of them that a "
    "classifier gets right."
)
_DATA = "Digests are the first 12 digits of that of the pixels as the models see them."


def _summary(results: Results) -> str:
    """Return a paragraph on what was run and what came out."""
    if not results.rows:
        return f"Nothing was measured in this run of {escape(results.suite)}."
    parts = []
    for attribute, noun in (
        ("model", "model"),
        ("inside", "data set"),
        ("outside", "data set"),
        ("detector", "detector"),
    ):
        found = list(dict.fromkeys(getattr(row, attribute) for row in results.rows))
        found = [escape(name) for name in found if name]
        parts.append(f"{plural(len(found), noun)} ({names(found)})" if found else f"no {noun}")
    models, inside, outside, detectors = parts
    seeds = len({row.seed for row in results.rows} - {"all"}) or 1
    sentences = [
        f"{models} trained on {inside} and tried on {outside} with {detectors}; "
        f"{plural(seeds, 'seed')}."
    ]
    if results.claims:
        verdicts = [claim.verdict for claim in results.claims]
        known: tuple[Verdict, ...] = ("reproduced", "not reproduced", "not run")
        told = [f"{verdicts.count(verdict)} {verdict}" for verdict in known if verdict in verdicts]
        sentences.append(f"Of {plural(len(verdicts), 'claim')}: {', '.join(told)}.")
    if results.skips:
        sentences.append(
            f"{plural(len(results.skips), 'planned item')} left out, with reasons below."
        )
    if results.failures:
        sentences.append(f"**{plural(len(results.failures), 'item')} failed**, listed below.")
    return " ".join(sentences)


def _table(table: TextTable) -> str:
    rule = ["---:" if header in table.numeric else ":---" for header in table.headers]
    head = [escape(header) for header in table.headers]
    body = ([_cell(text) for text in row] for row in table.rows)
    lines = "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *body))
    footnotes = "<br>\n".join(escape(note) for note in table.footnotes)
    return f"{lines}\n\n{footnotes}" if footnotes else lines


def _cell(text: str) -> str:
    """Return a cell; a number with its interval is left readable in the source."""
    return text if _INTERVAL.fullmatch(text) else escape(text)


def _figures(pictures: Iterable[Picture], findings: Sequence[FindingRow]) -> Iterable[str]:
    """Yield each analysis's figures and findings, with links to the figures of other seeds."""
    groups: dict[tuple[str, str], dict[tuple[str, str], list[Picture]]] = {}
    for picture in pictures:
        group = groups.setdefault((picture.table.analysis, picture.title), {})
        group.setdefault((picture.table.model, picture.table.inside), []).append(picture)
    for (analysis, title), studies in groups.items():
        yield f"### {escape(title)}"
        for (model, inside), (first, *others) in studies.items():
            alt = escape(f"{title}: {model} trained on {inside}")
            yield f"![{alt}]({first.path})"
            links = [f"[{other.table.seed}]({other.path})" for other in others]
            more = f" Seed {first.table.seed} is shown; also {names(links)}." if links else ""
            yield f"{paragraph(first.caption)}{more}"
            found = [
                row
                for row in findings
                if (row.analysis, row.model, row.inside) == (analysis, model, inside)
            ]
            if found:
                yield _table(findings_table(found))
