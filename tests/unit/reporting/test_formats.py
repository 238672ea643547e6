"""A format of a report is one file; an analysis says what a page may draw of it."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from tests.conftest import Command

from ood_bench.analyses import Analysis, Study
from ood_bench.analyses.bins import Series
from ood_bench.analyses.histogram import Histogram
from ood_bench.analyses.strips import Strip
from ood_bench.errors import PluginError
from ood_bench.registry import Registry
from ood_bench.report import Format, load_format, run_document, write_report, write_run_comparison
from ood_bench.report.html import html
from ood_bench.results import AnalysisTable, ComparedClaim, ComparedRow, Results, RunComparison

ORG = '''\
from ood_bench.files import write_whole
from ood_bench.report import Format
from ood_bench.report.document import Picture


class Org(Format):
    """Emacs Org mode."""

    def write(self, document, folder):
        lines = [f"#+TITLE: {document.title}", *document.caveats, *document.notes]
        for section in (*document.sections, *document.tables, *document.closing):
            lines += [f"* {section.heading}", f"| {' | '.join(section.table.headers)} |", "|--"]
            lines += [f"| {' | '.join(row)} |" for row in section.table.rows]
            lines += [*section.table.footnotes, section.meaning("tables/results.csv")]
        for group in document.groups(Picture):
            lines.append(f"* {group.title}")
            for figure in group.figures:
                lines += [f"[[file:{picture.path}]]" for _, picture in figure.seeds]
        return write_whole(folder / f"{document.name}.org", "\\n".join(lines))
'''
RUN = ComparedRow("m", "i", "o", "d", "first", 0.6, 0.5, 0.7, 9, 9)
COMPARED = RunComparison(
    runs=("first", "other"),
    level=0.95,
    rows=(RUN, replace(RUN, run="other", value=0.7, note="scores were not kept")),
    claims=(ComparedClaim("C1", "says", "first", "reproduced", 0.6, 0.5, 0.7, "one training"),),
    notes=("other: <b> & a_b",),
)


@pytest.fixture
def org(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which a stranger's package with the format is installed."""
    place = tmp_path / "installed"
    (place / "org_for_ood_bench-1.dist-info").mkdir(parents=True)
    (place / "org_for_ood_bench-1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: org-for-ood-bench\nVersion: 1\n"
    )
    (place / "org_for_ood_bench-1.dist-info" / "entry_points.txt").write_text(
        "[ood_bench.formats]\norg = org_for_ood_bench:Org\n"
    )
    (place / "org_for_ood_bench.py").write_text(ORG)
    monkeypatch.syspath_prepend(place)
    return place


def test_a_strangers_format_writes_all_tables_and_figures(
    org: Path, results: Results, tmp_path: Path, ood_bench: Command
) -> None:
    analyses = {"histogram": Histogram()}
    text = write_report(results, tmp_path, format="org", analyses=analyses).read_text()
    document = run_document(results)
    for section in (*document.sections, *document.closing):
        assert f"* {section.heading}\n" in text
        for row in section.table.rows:
            assert f"| {' | '.join(row)} |" in text
    (path,) = re.findall(r"\[\[file:(.*)\]\]", text)
    assert (tmp_path / path).read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "tables/results.csv").is_file()
    assert "{values}" not in text
    compared = write_run_comparison(COMPARED, tmp_path, format="org")
    assert compared.name == "compare.org"
    assert "0.600 [0.500, 0.700]" in compared.read_text()
    assert "Emacs Org mode" in ood_bench("formats", "list").out


def test_a_format_of_a_file_is_named_with_its_class(results: Results, tmp_path: Path) -> None:
    (tmp_path / "org.py").write_text(ORG)
    name = f"{tmp_path / 'org.py'}:Org"
    bare = replace(results, analyses=())
    assert write_report(bare, tmp_path, format=name, analyses={}).name == "report.org"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("htlm", "unknown format 'htlm'; did you mean 'html'?"),
        (
            "ood_bench.report.file_cache:FileCache",
            "is no format; derive it from ood_bench.report.Format",
        ),
    ],
)
def test_what_is_no_format_is_one_line(name: str, message: str, ood_bench: Command) -> None:
    with pytest.raises(PluginError, match=re.escape(message)):
        load_format(name)
    for command in (("report", "nowhere"), ("compare", "a", "b")):
        done = ood_bench(*command, "--format", name)
        assert done.status == 2
        assert message in done.err
        assert len(done.err.splitlines()) == 1


def test_every_format_of_ours_says_what_it_is_and_writes_several_runs(tmp_path: Path) -> None:
    for name in Registry().names("formats"):
        assert type(load_format(name)).__doc__ != Format.__doc__
        text = write_run_comparison(COMPARED, tmp_path, format=name).read_text()
        assert "first" in text
        if name == "latex":
            text += (tmp_path / "tables/auroc.tex").read_text()
        for value in ("0.6", "0.7"):
            assert value in text


def test_a_comparison_is_a_page_of_the_same_kind_as_a_report(tmp_path: Path) -> None:
    page = write_run_comparison(COMPARED, tmp_path, format="html").read_text()
    assert '<p class="kind">ood-bench comparison of runs</p>' in page
    assert "<h1>first against other</h1>" in page
    for anchor, name in (("claims", "Claims"), ("auroc", "AUROC")):
        assert f'<li><a href="#{anchor}">{name}</a></li>' in page
        assert f'<section id="{anchor}"' in page
    assert '<th scope="col" class="number">AUROC, first (95 % interval)</th>' in page
    assert "other: &lt;b&gt; &amp; a_b" in page
    tex = write_run_comparison(COMPARED, tmp_path, format="latex").read_text()
    for name in ("claims", "auroc"):
        assert rf"\input{{tables/{name}.tex}}" in tex
    assert r"\emph{other: \textless{}b\textgreater{} \& a\_\allowbreak{}b}" in tex


class Mine(Analysis):
    """Says what a page may draw of it."""

    title = "My own"

    def tabulate(self, study: Study) -> pd.DataFrame:
        raise NotImplementedError

    def draw(self, table: pd.DataFrame) -> Figure:
        raise NotImplementedError

    def caption(self, table: pd.DataFrame) -> str:
        return "What to see."

    def series(self, table: pd.DataFrame) -> tuple[Series, ...]:
        if table["shows"][0] != "series":
            return ()
        bits = np.array([1.0, 2.0, 2.0])
        return (Series.of(bits, 0.5, data="mine", split="test", outside=False),)

    def gallery(self, table: pd.DataFrame) -> tuple[Strip, ...]:
        if table["shows"][0] == "broken":
            return (Strip("mine", "odd ones", pd.DataFrame({"row": [3]})),)
        images = pd.DataFrame({"row": [3], "bits_per_dim": [2.5], "png": [b"\x89PNG"]})
        return (Strip("mine", "odd ones", images),)


def page(results: Results, tmp_path: Path, shows: str) -> str:
    table = AnalysisTable("own", "glow", "mnist", 0, lambda: pd.DataFrame({"shows": [shows]}))
    shown = replace(results, analyses=(table,))
    return write_report(shown, tmp_path, format="html", analyses={"own": Mine()}).read_text()


def test_a_strangers_series_are_a_chart_of_the_page(results: Results, tmp_path: Path) -> None:
    text = page(results, tmp_path, "series")
    assert '<h2 id="histograms-heading">My own</h2>' in text
    assert '<li><a href="#histograms">My own</a></li>' in text
    assert "What to see." in text
    (content,) = re.findall(r'id="content">(.*?)</script>', text)
    ((chart,), (one,)) = (json.loads(content)["charts"], json.loads(content)["charts"][0]["seeds"])
    assert (chart["model"], chart["inside"]) == ("glow", "mnist")
    (drawn,) = one["series"]
    assert (drawn["data"], drawn["total"], drawn["median"]) == ("mine", 3, 2.0)
    assert "<img" not in text


def test_a_strangers_gallery_is_laid_out_on_the_page(results: Results, tmp_path: Path) -> None:
    text = page(results, tmp_path, "gallery")
    assert '<h2 id="own-heading">My own</h2>' in text
    assert '<p class="of"><b>mine</b> odd ones</p>' in text
    assert "mine, test image 3: 2.500 bits per dimension" in text
    assert 'src="data:image/png;base64,iVBORw=="' in text


def test_what_a_page_cannot_draw_is_a_table_with_the_reason(
    results: Results, tmp_path: Path
) -> None:
    text = page(results, tmp_path, "broken")
    assert "No figure: &#39;own&#39; does not draw this table: KeyError" in text


def test_a_page_without_analyses_has_no_empty_parts(results: Results) -> None:
    text = html(run_document(replace(results, analyses=(), claims=())))
    for part in ("claims", "histograms", "figures"):
        assert f'id="{part}"' not in text
        assert f'href="#{part}"' not in text
