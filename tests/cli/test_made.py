"""Reports of stored numbers are those of `made.json`, whole, from an archive and beside another's.

Where a change is meant, run `python -m tests.cli.test_made`, and read what changed.
"""

import json
import math
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from tests.cli import made

KEPT = Path(__file__).with_name("made.json")
OTHER = ("name=other", "seeds=[1, 2]", "training.steps=21", "evaluation.level=0.95")
APART = ("name=apart", "seeds=[5]", "pairs=[{inside: low, outside: [high]}]", "claims=[]")


def digits() -> dict[str, np.ndarray]:
    values, labels = load_digits(return_X_y=True)
    pixels = (np.asarray(values) * 15).astype(np.uint8).reshape(-1, 1, 8, 8)
    low = np.asarray(labels) < 5
    return {"low": pixels[low], "high": pixels[~low]}


def read(folder: Path, *runs: str) -> Any:
    """Return the JSON report of a run or of several, without what the machine decides on."""
    made.command(folder, "report", *runs, "--format", "json", "-o", folder / "json")
    (path,) = (folder / "json").iterdir()
    content = json.loads(path.read_text())
    path.unlink()
    content.pop("manifest", None)
    for cost in (content.get("comparison") or {"costs": []})["costs"]:
        measured = cost.pop("milliseconds")
        if measured > 500:  # the made cells say that they took half an hour
            cost["milliseconds"] = float(f"{measured:.1e}")
    if audit := content.get("audit"):  # PNG's size is that of the installed zlib
        for item in audit["data"]:
            del item["png_bits"]
        audit["separations"] = [one for one in audit["separations"] if "PNG" not in one["feature"]]
    return content


def differences(found: Any, kept: Any, where: str = "") -> Iterator[str]:
    """Yield where two JSON values differ by more than rounding."""
    if isinstance(found, dict) and isinstance(kept, dict) and found.keys() == kept.keys():
        for key, value in found.items():
            yield from differences(value, kept[key], f"{where}.{key}")
    elif isinstance(found, list) and isinstance(kept, list) and len(found) == len(kept):
        for i, pair in enumerate(zip(found, kept, strict=True)):
            yield from differences(*pair, where=f"{where}[{i}]")
    elif isinstance(found, float) and isinstance(kept, float):
        if not math.isclose(found, kept, rel_tol=1e-6, abs_tol=1e-9):
            yield f"{where}: {found} in place of {kept}"
    elif found != kept:
        yield f"{where}: {found!r} in place of {kept!r}"


def make(folder: Path) -> None:
    for assignments in (APART, OTHER, ()):
        made.run(folder, digits(), *assignments)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    make(folder)
    return folder


def test_a_report_of_stored_numbers_is_the_kept_one(folder: Path) -> None:
    kept = json.loads(KEPT.read_text())["report"]
    assert list(differences(read(folder, "made"), kept)) == []


@pytest.mark.parametrize("other", ["other", "apart"])
def test_a_comparison_of_stored_runs_is_the_kept_one(folder: Path, other: str) -> None:
    kept = json.loads(KEPT.read_text())[other]
    assert list(differences(read(folder, "made", other), kept)) == []


def test_an_archive_has_the_report_of_its_run(folder: Path) -> None:
    made.command(folder, "archive", "made", "-o", folder / "archive")
    assert list(differences(read(folder, str(folder / "archive")), read(folder, "made"))) == []


def test_an_archive_without_scores_lacks_the_joint_intervals_of_claims_alone(folder: Path) -> None:
    made.command(folder, "archive", "made", "-o", folder / "less", "--no-scores")
    found = differences(read(folder, str(folder / "less")), read(folder, "made"))
    assert {line.split(".")[1].partition(":")[0] for line in found} == {"claims[1]", "claims[2]"}


def keep() -> None:
    """Keep the reports as they are now."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder)
        others = {name: read(folder, "made", name) for name in ("other", "apart")}
        found = {"report": read(folder, "made"), **others}
    KEPT.write_text(json.dumps(found, ensure_ascii=False, indent=0) + "\n")


if __name__ == "__main__":
    sys.exit(keep())
