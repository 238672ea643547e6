"""The compact table: means over seeds, the best of each column, what is not told from it."""

from collections.abc import Sequence

import pytest
from tests.packaging.pages import ROOT

from ood_bench import load_run
from ood_bench.errors import OodBenchError
from ood_bench.report import CompactTable, compact_table
from ood_bench.report.ranking import DatasetPair
from ood_bench.results import Results, Row


def rows(
    detector: str, values: Sequence[float], *, metric: str = "auroc", n: int = 100, note: str = ""
) -> list[Row]:
    mean = sum(values) / len(values)
    seeds = [*map(str, range(len(values))), "all"]
    return [
        Row("s", "glow_a", "in", "out", detector, seed, metric, value, 0.1, 0.9, n, n, "none", note)
        for seed, value in zip(seeds, [*values, mean], strict=True)
    ]


def results(*found: list[Row]) -> Results:
    every = tuple(row for one in found for row in one)
    return Results("s", "S", every, (), (), (), (), (), (), (), ())


def texts(table: CompactTable) -> dict[str, str]:
    return {
        line.split(" | ")[0].removeprefix("| "): line.split(" | ")[-1].removesuffix(" |")
        for line in table.markdown().splitlines()[2:]
        if line.startswith("|")
    }


def test_the_best_is_bold_and_the_tied_are_underlined() -> None:
    asked: list[object] = []

    def tied(
        pair: DatasetPair, model: str, detector: str, others: Sequence[tuple[str, str]]
    ) -> list[float | None]:
        asked.append((*pair, model, detector, *others))
        return [0.051, 0.049]

    found = results(rows("a", [0.8, 0.9]), rows("b", [0.92, 0.9]), rows("c", [0.5]))
    table = compact_table(found, tied=tied)
    assert asked == [("in", "out", "glow_a", "b", ("glow_a", "a"), ("glow_a", "c"))]
    assert texts(table) == {"a": "<u>0.850 ± 0.071</u>", "b": "**0.910 ± 0.014**", "c": "0.500"}
    assert r"\textbf{0.910 $\pm$ 0.014}" in table.latex()
    assert r"\underline{0.850 $\pm$ 0.071}" in table.latex()


def test_the_least_fpr_is_the_best_and_is_not_tested() -> None:
    found = results(rows("a", [0.8], metric="fpr95"), rows("b", [0.3], metric="fpr95"))
    table = compact_table(found, metrics=["fpr95"], tied=lambda *_: pytest.fail("tested"))
    assert texts(table) == {"a": "0.800", "b": "**0.300**"}
    assert "Underlined" not in table.caption


def test_groups_and_untrained_models_are_not_the_best() -> None:
    remark = "not trained: glow has 8.10 bits"
    found = results(
        rows("a", [0.7]),
        rows("groups", [1.0], n=10, note="scores of groups of 10 images"),
        rows("raw", [0.9], note=remark),
    )
    table = compact_table(found)
    assert texts(table) == {"a": "**0.700**", "groups†": "1.000", "raw": "0.900"}
    assert "Not compared, since nothing was learned: glow_a trained on in." in table.caption
    assert "nothing was learned" not in compact_table(results(rows("a", [0.7]))).caption


def test_two_detectors_of_groups_are_both_marked() -> None:
    found = results(
        *(rows(f"g{n}", [1.0], n=n, note=f"scores of groups of {n} images") for n in (2, 10))
    )
    assert texts(compact_table(found)) == {"g2†": "1.000", "g10†": "1.000"}


def test_intervals_and_frames() -> None:
    found = results(rows("a", [0.8, 0.9]), rows("a", [0.2, 0.4], metric="fpr95"))
    table = compact_table(found, metrics=["auroc", "fpr95"], spread="mean-interval")
    assert "**0.850 [0.100, 0.900]**" in table.markdown()
    assert table.frame().loc[("glow_a", "a"), ("in", "out", "fpr95")] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"metrics": ["aurok"]}, "no metric 'aurok' in this run; did you mean 'auroc'?"),
        ({"detectors": ["b*"]}, "no detector 'b[*]' in this run"),
        ({"pairs": ["in:*", "out:in"]}, "no pair 'out:in' in this run"),
        ({"models": ["glowa"]}, "no model 'glowa' in this run; did you mean 'glow_a'?"),
    ],
)
def test_what_matches_nothing_is_said(chosen: dict[str, list[str]], said: str) -> None:
    with pytest.raises(OodBenchError, match=said.replace("?", r"\?")):
        compact_table(results(rows("a", [0.8])), **chosen)  # type: ignore[arg-type]


def test_a_kept_run_has_the_ties_of_its_scores() -> None:
    run = load_run(ROOT / "results" / "reference" / "detectors-zoo")
    made = run.compact_table(models="vae-gray", pairs="fashion_mnist:mnist")
    cells = {detector: cell for _, detector, (cell,) in made.rows}
    regret = cells["likelihood_regret"]
    assert regret is not None
    assert regret.tied  # by 0.002 on 2,000 images
    assert [name for name, cell in cells.items() if cell and cell.best] == ["input_complexity"]
