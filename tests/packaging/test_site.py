"""The documentation site: its commands run, its suites are valid, its links lead somewhere."""

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml
from tests.conftest import Command
from tests.packaging.pages import ROOT, blocks, run_page

import ood_bench
from ood_bench.execute import load_cluster
from ood_bench.suite import load_suite
from ood_bench.suite.keys import suite_keys

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
RUN = [
    page for page in PAGES if any(b.language in ("sh", "python") for b in blocks(page.read_text()))
]


@pytest.fixture
def clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder that looks like a clone to a page, with results that all pages share."""
    shared = tmp_path_factory.getbasetemp() / "site-results"
    (shared / "reference").mkdir(parents=True, exist_ok=True)
    for name in ("paper-zoo", "detectors-zoo", "quickstart"):
        kept = shared / "reference" / name
        if not kept.exists():
            kept.symlink_to(ROOT / "results" / "reference" / name)
    (tmp_path / "results").symlink_to(shared)
    (tmp_path / "suites").symlink_to(ROOT / "suites")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OOD_BENCH_DATA", raising=False)
    monkeypatch.setenv("OOD_BENCH_ZOO", str(tmp_path / "zoo"))
    return tmp_path


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*LeafSpec", "ignore:.*many workers")  # Lightning's own
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_what_a_page_says_to_type_works(
    page: Path, clone: Path, ood_bench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    if re.search(r"(?<!reference/)quickstart", page.read_text()) and page.stem != "quickstart":
        from tests.packaging.pages import QUICK

        done = ood_bench("run", "suites/quickstart.yaml", *QUICK)
        assert done.status == 0, done.err
    run_page(page.read_text(encoding="utf-8"), clone, ood_bench)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_suite_of_a_page_is_valid(page: Path, tmp_path: Path) -> None:
    (tmp_path / "suites").symlink_to(ROOT / "suites")
    for i, block in enumerate(blocks(page.read_text(encoding="utf-8"))):
        if block.title in ("cluster.yaml", "ray.yaml"):
            load_cluster(yaml.safe_load(block.code))
        elif block.language == "yaml":
            content = yaml.safe_load(block.code)
            whole = (
                content if "name" in content else {"extends": "suites/quickstart.yaml"} | content
            )
            path = tmp_path / f"{i}.yaml"
            path.write_text(yaml.safe_dump(whole))
            load_suite(path)


def test_every_page_is_in_the_navigation_and_every_plugin_has_a_page() -> None:
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in PAGES:
        assert str(page.relative_to(DOCS)) in settings
    assert {f"reference/{kind}.md" in settings for kind in _kinds()} == {True}


def _kinds() -> set[str]:
    groups = entry_points().groups
    return {group.partition(".")[2] for group in groups if group.startswith("ood_bench.")}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a link to nothing fails it."""
    for package in ("mkdocs", "material", "mkdocstrings", "latex2mathml"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_site_builds_and_loads_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(
            r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(?!data:)([^"]+)"', text
        )
        assert not [url for url in loaded if "//" in url], page
    for style in site.rglob("*.css"):
        assert not re.findall(r"url\(['\"]?https?:", style.read_text(encoding="utf-8"))


def test_the_site_holds_the_schema_the_commands_and_every_plugin(site: Path) -> None:
    assert (site / "schema.json").read_bytes() == (ROOT / "suites" / "schema.json").read_bytes()
    changes = (site / "changelog.html").read_text(encoding="utf-8")
    assert f"{ood_bench.__version__} (" in changes
    assert 'href="cluster.html"' in changes
    commands = (site / "reference" / "cli.html").read_text(encoding="utf-8")
    for command in ("run", "score", "models export", "schema"):
        assert f"ood-bench {command}</code>" in commands
    for kind in sorted(_kinds()):
        page = (site / "reference" / f"{kind}.html").read_text(encoding="utf-8")
        for point in entry_points(group=f"ood_bench.{kind}"):
            assert f'id="{point.name}"' in page


def test_the_reference_of_suites_has_every_key_with_its_default(site: Path) -> None:
    page = (site / "reference" / "suite.html").read_text(encoding="utf-8")
    cells = re.findall(r"<td[^>]*><code>(.*?)</code></td>", page)
    keys = [key for key in suite_keys() if "[]" not in key.path and "NAME" not in key.path]
    assert len(keys) > 40
    for key in keys:
        section, _, below = key.path.partition(".")
        assert {key.path, below, below.partition(".")[2]} & {*cells}, section
    assert '<td style="text-align: left;"><code>10000</code></td>' in page
    assert page.count("<tr>") > len(suite_keys())
    assert "<!-- keys" not in page


def test_formulas_are_drawn_without_a_script(site: Path) -> None:
    page = (site / "reference" / "python.html").read_text(encoding="utf-8")
    assert page.count("<math") > 5
    assert "arithmatex" not in page
