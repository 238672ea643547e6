"""The page: all parts of a document put into one template."""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from ood_bench.files import write_whole
from ood_bench.metrics.measure import percent
from ood_bench.report.document import (
    Chart,
    ClaimList,
    DataCards,
    Detections,
    Document,
    Gallery,
    Picture,
    Section,
)
from ood_bench.report.formats import Format
from ood_bench.report.html.charts import ChartGroup, chart_groups
from ood_bench.report.html.galleries import GalleryGroup, data_uri, gallery_groups
from ood_bench.report.html.matrix import matrix
from ood_bench.report.numbers import ABSENT, count, with_interval
from ood_bench.report.texttable import TextTable
from ood_bench.results import ClaimResult, DataCard

SCRIPTS = ("page.js", "matrix.js", "chart.js")
ROWS = "what `--format csv` writes"
COMPARED = ("compared", "quoted", "differences")
"""Sections on all detectors, one entry of the menu."""
MEASURED, AUDITED = ("bits", "training"), ("audit", "separations", "overlaps")
"""Sections below the figures."""
OMITTED = ("failed", "left-out")
"""Sections that are folded where they are long."""
WITHIN = ("beside", "circumstances")
"""Sections that are shown within others, and the last one."""
D = TypeVar("D", ClaimList, Detections, DataCards)
_STRESSED = re.compile(r"\*\*(.+?)\*\*")


class Html(Format):
    """One page that opens without a network: tables that sort, charts, images, figures."""

    single = True
    draws = True

    def write(self, document: Document, folder: Path) -> Path:
        """Write `report.html`, of several runs `compare.html`."""
        return write_whole(folder / f"{document.name}.html", html(document))


class Figure(NamedTuple):
    """A figure as a data URI, for one model trained on one inside."""

    title: str
    caption: str
    source: str
    findings: TextTable | None


class Group(NamedTuple):
    """The figures of one analysis, each with a table of what was found."""

    id: str
    title: str
    figures: list[Figure]


class Parts(NamedTuple):
    """The sections of a document by their place on the page; what is not known stands first."""

    first: list[Section]
    compared: list[Section]
    measured: list[Section]
    audited: list[Section]
    omitted: list[Section]


def html(document: Document) -> str:
    """Return the whole page; it refers to nothing outside itself."""
    sections = {section.name: section for section in (*document.sections, *document.closing)}
    claims = _detail(sections, ClaimList)
    cards = _detail(sections, DataCards)
    charts = chart_groups(document.groups(Chart))
    drawn = [chart for group in charts for chart in group.charts]
    places = {(chart.model, chart.inside): chart.id for chart in reversed(drawn)}
    found = matrix(_detail(sections, Detections) or Detections((), {}), places)
    shown = {
        "claims": claims.claims if claims else (),
        "matrix": found["rows"],
        "parts": _parts(document, sections),
        "charts": charts,
        "galleries": gallery_groups(document.groups(Gallery)),
        "groups": _groups(document),
        "cards": cards.cards if cards else (),
        "sections": sections,
    }
    templates = files("ood_bench.report.html") / "templates"
    style = (templates / "style.css").read_text(encoding="utf-8")
    script = "\n".join((templates / name).read_text(encoding="utf-8") for name in SCRIPTS)
    page = _environment().get_template("page.html")
    return page.render(
        shown,
        document=document,
        policy=_policy(style, script),
        style=Markup(style),
        script=Markup(script),
        menu=list(_menu(**shown)),
        data={
            "level": percent(document.level),
            "matrix": found,
            "charts": [chart._asdict() for chart in drawn],
        },
        measures=[_claim(claim) for claim in shown["claims"]],
    )


def _parts(document: Document, sections: Mapping[str, Section]) -> Parts:
    """Return the sections by their place; those that the page shows otherwise are left out."""

    def chosen(names: Iterable[str]) -> list[Section]:
        return [sections[name] for name in names if name in sections]

    placed = (*COMPARED, *MEASURED, *AUDITED, *OMITTED, *WITHIN)
    first = [one for one in sections.values() if one.name not in placed and one.detail is None]
    measured = [*document.tables, *chosen(MEASURED)]
    return Parts(first, chosen(COMPARED), measured, chosen(AUDITED), chosen(OMITTED))


def _menu(
    *,
    claims: Sequence[ClaimResult],
    matrix: Sequence[object],
    parts: Parts,
    charts: Sequence[ChartGroup],
    galleries: Sequence[GalleryGroup],
    groups: Sequence[Group],
    cards: Sequence[DataCard],
    sections: Mapping[str, Section],
) -> Iterator[tuple[str, str]]:
    """Yield the anchor and the name of each part of the page, in its order."""
    if claims:
        yield "claims", "Claims"
    if matrix:
        yield "detection", "Detection"
    yield from _entries(parts.first)
    if parts.compared:
        yield parts.compared[0].name, "Compared"
    yield from ((group.id, group.menu) for group in charts)
    yield from ((group.id, group.menu) for group in galleries)
    if groups:
        yield "figures", "Figures"
    yield from _entries(parts.measured)
    if cards:
        yield "data", "Data"
    if parts.audited:
        yield parts.audited[0].name, "Audit"
    yield from _entries(parts.omitted)
    if "circumstances" in sections:
        yield "run", "Run"


def _entries(sections: Iterable[Section]) -> Iterator[tuple[str, str]]:
    yield from ((section.name, section.heading) for section in sections)


def _detail(sections: Mapping[str, Section], kind: type[D]) -> D | None:
    """Return the detail of a kind that a section has, if one has it."""
    found = (section.detail for section in sections.values())
    return next((detail for detail in found if isinstance(detail, kind)), None)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("ood_bench.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"uri": data_uri, "told": _told, "count": count}
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


def _told(section: Section) -> Markup:
    """Return what a section's columns mean; what stands between `**` is strong."""
    return Markup(_STRESSED.sub(r"<strong>\1</strong>", str(escape(section.told(ROWS)))))


def _claim(claim: ClaimResult) -> dict[str, Any]:
    return {
        "measured": with_interval(claim.measured, claim.low, claim.high),
        "beside": [
            (one.says, with_interval(one.measured, one.low, one.high), one.note)
            for one in claim.beside
        ],
    }


def _groups(document: Document) -> list[Group]:
    """Return the figures by analysis, of several seeds the first."""
    return [
        Group(
            f"figures-{i}",
            group.title,
            [
                Figure(
                    figure.study,
                    figure.first.caption,
                    data_uri(figure.seeds[0][1].file),
                    figure.findings,
                )
                for figure in group.figures
            ],
        )
        for i, group in enumerate(document.groups(Picture))
    ]
