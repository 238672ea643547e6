"""The page: all parts of a document put into one template."""

import base64
import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from ood_bench.files import write_whole
from ood_bench.metrics import SPECS
from ood_bench.metrics.measure import percent
from ood_bench.report.claimed import expected, failures_first, measured
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
from ood_bench.report.html.charts import chart_data
from ood_bench.report.html.matrix import detection_matrix
from ood_bench.report.numbers import ABSENT, count, with_interval
from ood_bench.results import ClaimResult
from ood_bench.units import legible

SCRIPTS = ("page.js", "matrix.js", "chart.js")
ROWS = "what `--format csv` writes"
PLACES = {
    "compared": (
        "compared",
        "categories",
        "nearness",
        "corruptions",
        "quoted",
        "sources",
        "differences",
    ),
    "measured": ("bits", "training"),
    "audited": ("audit", "separations", "overlaps"),
    "omitted": ("failed", "left-out", "not-kept"),
    "others": ("beside", "circumstances"),
}
"""Names of the sections at each place of the page; sections not named here come first."""
D = TypeVar("D", ClaimList, Detections, DataCards)
_STRESSED = re.compile(r"\*\*(.+?)\*\*")


class Html(Format):
    """One page that opens without a network: tables that sort, charts, images, figures."""

    single = True
    draws = True

    def write(self, document: Document, folder: Path) -> Path:
        """Write `report.html`, of several runs `compare.html`."""
        return write_whole(folder / f"{document.name}.html", html(document))


def html(document: Document) -> str:
    """Return the whole page, which loads nothing from outside."""
    sections = {section.name: section for section in (*document.sections, *document.closing)}
    claims, cards = _detail(sections, ClaimList), _detail(sections, DataCards)
    charted = document.of(Chart)
    charts = [chart_data(figure, f"chart-{number}") for number, figure in enumerate(charted)]
    places = {(chart["model"], chart["inside"]): chart["id"] for chart in reversed(charts)}
    detections = _detail(sections, Detections) or Detections((), {}, SPECS)
    templates = files("ood_bench.report.html") / "templates"
    style = (templates / "style.css").read_text(encoding="utf-8")
    script = "\n".join((templates / name).read_text(encoding="utf-8") for name in SCRIPTS)
    page = _environment().get_template("page.html")
    return page.render(
        document=document,
        policy=_policy(style, script),
        style=Markup(style),
        script=Markup(script),
        data={
            "level": percent(document.level),
            "matrix": detection_matrix(detections, places),
            "charts": charts,
        },
        sections=sections,
        claims=[_claim(claim) for claim in failures_first(claims.claims)] if claims else [],
        cards=cards.cards if cards else (),
        charted=charted,
        charts=document.groups(Chart),
        galleries=document.groups(Gallery),
        groups=document.groups(Picture),
        **_placed(document, sections),
    )


def _placed(document: Document, sections: Mapping[str, Section]) -> dict[str, list[Section]]:
    """Return the sections by their place on the page."""
    found = {
        place: [one for name in names for one in sections.values() if _kind(one) == name]
        for place, names in PLACES.items()
    }
    known = {name for names in PLACES.values() for name in names}
    first = [one for one in sections.values() if _kind(one) not in known and one.detail is None]
    return found | {"first": first, "measured": [*document.tables, *found["measured"]]}


def _kind(section: Section) -> str:
    """Return a section's name without the number of one of several."""
    return re.sub(r"-\d+$", "", section.name)


def _detail(sections: Mapping[str, Section], kind: type[D]) -> D | None:
    """Return the first detail of a type among the sections; None without one."""
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
    environment.filters |= {"uri": _uri, "meaning": _meaning, "count": count, "anchor": _anchor}
    environment.filters["legible"] = legible
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


def _meaning(section: Section) -> Markup:
    """Return a section's conventions as HTML; words between `**` are strong."""
    return Markup(_STRESSED.sub(r"<strong>\1</strong>", str(escape(section.meaning(ROWS)))))


def _claim(claim: ClaimResult) -> dict[str, Any]:
    return {
        "claim": claim,
        "measured": measured(claim),
        "expected": expected(claim),
        "beside": [
            (one.says, with_interval(one.measured, one.low, one.high), one.note)
            for one in claim.beside
        ],
    }


def _uri(png: bytes) -> str:
    """Return a PNG file as a data URI."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _anchor(name: str) -> str:
    """Return the id of the element for a name."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name)
