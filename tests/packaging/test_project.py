"""What those who join or cite read: one version, formats as they are, sound workflows."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

import ood_bench
from ood_bench.runs.record import FORMAT
from ood_bench.zoo.layout import FORMAT as MODEL

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_version_stands_in_one_file_which_the_citation_and_the_changelog_follow() -> None:
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "benchmark/ood_bench/__init__.py"
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    heads = re.findall(r"(?m)^## (.+)$", (ROOT / "CHANGELOG.md").read_text())
    released = [head for head in heads if head != "Unreleased"]
    assert released[0] == f"{ood_bench.__version__} ({citation['date-released']})"
    assert citation["version"] == ood_bench.__version__


def test_the_page_on_formats_has_the_numbers_of_the_code() -> None:
    page = (ROOT / "docs" / "formats.md").read_text()
    rows = [line.split("|")[1:-1] for line in page.splitlines() if line.startswith("|")]
    found = {name.strip(): number.strip() for name, number, *_ in rows}
    assert found["`run.json`, the record of a run or an archive"] == str(FORMAT)
    assert found["`model.json` of an exported model"] == f"`{MODEL}`"


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda p: p.stem)
def test_forms_and_workflows_are_yaml_that_says_something(path: Path) -> None:
    content = yaml.safe_load(path.read_text())
    if path.parent.name == "workflows":
        assert content["permissions"] == {"contents": "read"}
        assert all("runs-on" in job for job in content["jobs"].values())
    elif path.stem != "config":
        assert content["name"]
        assert all(item["attributes"]["label"] for item in content["body"])


def test_pull_requests_and_releases_are_tried_on_every_python_that_is_named() -> None:
    prefix = "Programming Language :: Python :: "
    named = [
        line.removeprefix(prefix)
        for line in PROJECT["project"]["classifiers"]
        if line.startswith(prefix)
    ]
    for workflow, job in (("ci", "checks"), ("release", "try")):
        content = yaml.safe_load((ROOT / ".github/workflows" / f"{workflow}.yml").read_text())
        assert content["jobs"][job]["strategy"]["matrix"]["python"] == named


def test_every_licence_that_a_file_has_is_in_the_repository() -> None:
    reuse = tomllib.loads((ROOT / "REUSE.toml").read_text())
    first, *others = reuse["annotations"]
    assert (reuse["version"], first["path"]) == (1, ["**"])
    assert all(list(ROOT.glob(pattern)) for each in others for pattern in each["path"])
    assert sorted(path.stem for path in (ROOT / "LICENSES").iterdir()) == sorted(
        each["SPDX-License-Identifier"] for each in reuse["annotations"]
    )
    assert first["SPDX-License-Identifier"] == PROJECT["project"]["license"]
    assert (ROOT / "LICENSES/Apache-2.0.txt").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_containers_and_the_conda_environment_install_what_the_readme_does() -> None:
    folder = ROOT / ".devcontainer"
    readme = (ROOT / "README.md").read_text()
    install = re.findall(r"pip install (-c constraints\.txt -e '.*test.*')", readme)[0]
    docker = (folder / "Dockerfile").read_text()
    assert install in docker
    container = json.loads((folder / "devcontainer.json").read_text())
    assert container["postCreateCommand"] == f"pip install {install}"
    assert (folder / container["build"]["dockerfile"]).is_file()
    environment = yaml.safe_load((folder / "environment.yml").read_text())
    python, _, pip = environment["dependencies"]
    torch = re.findall(r"(?m)^torch==.+$", (ROOT / "constraints.txt").read_text())[0]
    assert f"{torch}+cpu" in pip["pip"]
    assert "grep '^torch==' constraints.txt" in docker
    version = re.findall(r"FROM python:(\d+\.\d+)", docker)[0]
    assert python == f"python={version}"
    assert f"Programming Language :: Python :: {version}" in PROJECT["project"]["classifiers"]
