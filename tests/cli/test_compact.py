"""`ood-bench report --table compact`."""

from pathlib import Path

import pytest
from tests.conftest import Command
from tests.packaging.pages import ROOT

KEPT = ROOT / "results" / "reference" / "quickstart"


def test_the_table_is_a_file_to_input(tmp_path: Path, ood_bench: Command) -> None:
    arguments = ("report", KEPT, "--table", "compact", "--metric", "auroc,fpr95", "-o", tmp_path)
    written = ood_bench(*arguments, "--format", "latex", "--pairs", "fashion_mnist*:mnist*")
    assert written.status == 0, written.err
    text = (tmp_path / "compact.tex").read_text(encoding="utf-8")
    assert text.count(r"\begin{table*}") == 1
    assert text.count(r"\textbf{") >= 2
    assert ood_bench(*arguments).out.strip().endswith("compact.md")
    assert "| :--- |" in (tmp_path / "compact.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--metric", "auroc"), "--metric: it is of --table compact"),
        (("--table", "compact", "--format", "csv"), "--format csv: the compact table is"),
        (("--table", "compact", "--metric", "aurok"), "did you mean 'auroc'?"),
        (("--table", "compact", KEPT), "--table compact: give one run"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path, ood_bench: Command, arguments: tuple[object, ...], said: str
) -> None:
    ran = ood_bench("report", KEPT, *arguments, "-o", tmp_path)
    assert ran.status == 2
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())
