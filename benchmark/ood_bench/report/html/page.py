"""The page: all parts of a report put into one template."""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from ood_bench.errors import raised
from ood_bench.metrics.measure import percent
from ood_bench.report.figures import Picture
from ood_bench.report.findings import findings_table
from ood_bench.report.html.charts import charts, elements
from ood_bench.report.html.galleries import data_uri, errors, extremes
from ood_bench.report.html.matrix import matrix
from ood_bench.report.numbers import ABSENT, count, plural, with_interval
from ood_bench.report.overview import Overview
from ood_bench.report.sections import Section, measured_sections, other_sections
from ood_bench.report.texttable import TextTable
from ood_bench.results import AnalysisTable, ClaimResult, Results, by_one

if TYPE_CHECKING:
    from ood_bench.analyses import Analysis

SCRIPTS = ("page.js", "matrix.js", "chart.js")
ROWS = "what `--format csv` writes"
_STRESSED = re.compile(r"\*\*(.+?)\*\*")


class Group(NamedTuple):
    """The figures of one analysis, each with a table of what was found."""

    id: str
    title: str
    figures: "list[Figure]"


class Figure(NamedTuple):
    """A figure as a data URI, for one model trained on one inside."""

    title: str
    caption: str
    source: str
    findings: TextTable


def html(
    results: Results,
    analyses: "Mapping[str, Analysis]",
    pictures: Sequence[Picture] = (),
    overviews: Sequence[Overview] = (),
    tables: Sequence[Section] = (),
) -> str:
    """Return the whole page; it refers to nothing outside itself.

    Args:
        results: What a run found.
        analyses: The analyses by the suite's names; histograms and images are drawn in the page.
        pictures: The figures of all others.
        overviews: The figures over all detectors.
        tables: Tables of analyses that have no figure.
    """
    from ood_bench.analyses.errors import Errors
    from ood_bench.analyses.extremes import Extremes
    from ood_bench.analyses.histogram import Histogram

    def of(kind: type) -> list[tuple[AnalysisTable, str]]:
        return [
            (table, analyses[table.analysis].caption(table.table))
            for table in results.analyses
            if isinstance(analyses[table.analysis], kind)
        ]

    histograms = of(Histogram)
    drawn = charts([table for table, _ in histograms], [caption for _, caption in histograms])
    sections = {
        section.name: section
        for section in (*measured_sections(results, rows=ROWS), *other_sections(results))
    }

    def chosen(*names: str) -> list[Section]:
        return [sections[name] for name in names if name in sections]

    templates = files("ood_bench.report.html") / "templates"
    style = (templates / "style.css").read_text(encoding="utf-8")
    script = "\n".join((templates / name).read_text(encoding="utf-8") for name in SCRIPTS)
    page = _environment().get_template("page.html")
    return page.render(
        results=results,
        title=results.title or results.suite,
        policy=_policy(style, script),
        style=Markup(style),
        script=Markup(script),
        data={
            "level": percent(results.level),
            "matrix": matrix(results, elements(drawn)),
            "charts": [chart._asdict() for chart in drawn],
        },
        facts=_facts(results),
        claims=[_claim(claim) for claim in results.claims],
        sections=sections,
        charts=drawn,
        extremes=extremes(of(Extremes)),
        errors=errors(of(Errors)),
        overviews=overviews,
        compared=chosen("compared", "quoted", "differences"),
        measured=[*tables, *chosen("bits", "training")],
        audited=chosen("audit", "separations", "overlaps"),
        omitted=chosen("failed", "left-out"),
        groups=_groups(pictures, results),
    )


def drawn_in_page(analysis: "Analysis") -> bool:
    """Tell whether the page shows an analysis itself, without its figure."""
    from ood_bench.analyses.errors import Errors
    from ood_bench.analyses.extremes import Extremes
    from ood_bench.analyses.histogram import Histogram

    return isinstance(analysis, Errors | Extremes | Histogram)


def fails_in_page(table: AnalysisTable, analysis: "Analysis") -> str:
    """Return why the page cannot show a table of an analysis that it shows itself, or nothing."""
    from ood_bench.analyses.errors import Errors
    from ood_bench.analyses.histogram import Histogram

    try:
        caption = analysis.caption(table.table)
        if isinstance(analysis, Histogram):
            charts([table], [caption])
        else:
            (errors if isinstance(analysis, Errors) else extremes)([(table, caption)])
    except Exception as error:  # noqa: BLE001  anybody's table
        return f"'{table.analysis}' does not draw this table: {raised(error)}"
    return ""


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("ood_bench.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"uri": data_uri, "stressed": _stressed, "count": count}
    environment.globals["absent"] = ABSENT
    return environment


def _policy(style: str, script: str) -> str:
    """Return a content security policy under which this style and script run and nothing else."""
    hashes = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (style, script)
    ]
    return (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'"
    )


def _stressed(text: str) -> Markup:
    """Return a text in which what stands between `**` is strong."""
    return Markup(_STRESSED.sub(r"<strong>\1</strong>", str(escape(text))))


def _facts(results: Results) -> list[tuple[str, str]]:
    """Return a few numbers on the run, each with what it counts."""
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
        facts.append((count(len(results.skips)), "left out"))
    if results.failures:
        facts.append((count(len(results.failures)), "failed"))
    return facts


def _claim(claim: ClaimResult) -> dict[str, Any]:
    return {
        "claim": claim,
        "measured": with_interval(claim.measured, claim.low, claim.high),
        "beside": [
            (one.says, with_interval(one.measured, one.low, one.high), one.note)
            for one in claim.beside
        ],
    }


def _groups(pictures: Iterable[Picture], results: Results) -> list[Group]:
    """Return the figures by analysis, of several seeds the first."""
    groups: dict[tuple[str, str], dict[tuple[str, str], Picture]] = {}
    for picture in pictures:
        studies = groups.setdefault((picture.table.analysis, picture.title), {})
        studies.setdefault((picture.table.model, picture.table.inside), picture)
    return [
        Group(
            f"figures-{i}",
            title,
            [
                Figure(
                    f"{model} trained on {inside}",
                    picture.caption,
                    data_uri(picture.file),
                    findings_table(
                        row
                        for row in results.findings
                        if (row.analysis, row.model, row.inside) == (analysis, model, inside)
                    ),
                )
                for (model, inside), picture in studies.items()
            ],
        )
        for i, ((analysis, title), studies) in enumerate(groups.items())
    ]
