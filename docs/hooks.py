"""What the site takes from the project as it is: figures, the schema, the commands, the plugins."""

import html
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from ood_bench.suite.keys import suite_keys

ROOT = Path(__file__).parents[1]
SHOWN = ("quickstart/figures/histogram-glow-fashion_mnist-0.png",)
PLUGINS = {
    "models": "The bundled models. Options go below `options` in a suite.",
    "detectors": "A detector turns columns into one score per image; larger means more OOD. It is "
    "fitted on ID images only: held-out ones, or with `fit_on: train` those of the training.",
    "statistics": "A statistic computes columns, one value per image, once for each model, data "
    "set and split.",
    "analyses": "An analysis makes a table, a figure and findings for one trained model.",
    "metrics": "A metric compares the scores of ID and OOD images; a suite adds it below "
    "`evaluation.metrics`.",
    "formats": "A format writes the report of a run, or of several; `--format` names it.",
    "executors": "An executor computes the cells that the store lacks; `run --executor` names it.",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies elsewhere, and the pages that are made of the installed package."""
    for name in SHOWN:
        path = str(ROOT / "results" / "reference" / name)
        target = f"figures/{Path(name).name}"
        files.append(File.generated(config, target, abs_src_path=path))
    for name in ("schema.json", "cluster.schema.json"):
        schema = str(ROOT / "suites" / name)
        files.append(File.generated(config, name, abs_src_path=schema))
    files.append(File.generated(config, "reference/cli.md", content=_commands()))
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").replace("](docs/", "](")
    files.append(File.generated(config, "changelog.md", content=changes))
    for kind, about in PLUGINS.items():
        page = _plugins(kind, about)
        files.append(File.generated(config, f"reference/{kind}.md", content=page))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the keys of a suite where a page names the place: `<!-- keys pairs -->`."""
    places = re.findall(r"<!-- keys ?(\S*) -->", markdown)
    return re.sub(r"<!-- keys ?(\S*) -->", lambda found: _keys(found[1], places), markdown)


def _keys(place: str, places: list[str]) -> str:
    """Return a table of the keys below a place, without those of places that have their own."""
    rows = ["| Key | Type | Default | Meaning |", "| :--- | :--- | :--- | :--- |"]
    for key in suite_keys():
        above = max((one for one in places if _is_below(key.path, one)), key=len)
        if above == place:
            path = key.path.removeprefix(place).lstrip(".").removeprefix("NAME.")
            default = f"`{key.default}`" if key.default else ""
            cells = (f"`{path.removeprefix('[].')}`", key.type, default, key.says)
            rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows)


def _is_below(path: str, place: str) -> bool:
    return not place or path.startswith((f"{place}.", f"{place}["))


def on_page_content(html: str, **_: Any) -> str:
    """Turn formulas into MathML, which browsers draw by themselves."""
    inline = re.sub(
        r'<span class="arithmatex">\\\((.*?)\\\)</span>', lambda m: _mathml(m[1], "inline"), html
    )
    return re.sub(
        r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>',
        lambda m: _mathml(m[1], "block"),
        inline,
        flags=re.DOTALL,
    )


def _mathml(text: str, display: str) -> str:
    return convert(html.unescape(text).strip(), display=display)


def _commands() -> str:
    """Return all commands and their options, as typer describes them."""
    command = [sys.executable, "-m", "typer", "ood_bench.cli.app", "utils", "docs"]
    done = subprocess.run(
        [*command, "--name", "ood-bench"], capture_output=True, text=True, check=True
    )
    page = html.unescape(done.stdout).replace("# `ood-bench`\n", "# Commands\n", 1)
    return re.sub(r"^(\* `[^`]*`: )(.*)$", _escaped, page, flags=re.MULTILINE)


def _escaped(line: re.Match[str]) -> str:
    """Return a line about an option whose text Markdown leaves as it is."""
    return line[1] + line[2].replace("<", "&lt;").replace("[", "\\[")


def _plugins(kind: str, about: str) -> str:
    """Return a page with every plugin of a kind that the package registers."""
    lines = [f"# {kind.capitalize()}", "", about]
    for point in sorted(entry_points(group=f"ood_bench.{kind}"), key=lambda point: point.name):
        if point.dist is not None and point.dist.name != "ood-bench":
            continue
        module, _, name = point.value.partition(":")
        lines += ["", f"## {point.name}", "", f"::: {module}.{name}"]
        lines += [
            "    options:",
            "      show_root_heading: false",
            "      show_root_toc_entry: false",
        ]
        lines += ["      members: false"]
    return "\n".join(lines) + "\n"
