"""The Markdown page: complete, honest about what is absent, and safe with any name."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ood_bench.report import run_document, terminal_table
from ood_bench.report.document import Picture, Shown
from ood_bench.report.escape import escape, paragraph
from ood_bench.report.markdown import markdown as written
from ood_bench.report.ranking import boards
from ood_bench.results import Omission, RelatedMeasure, Results, Row

HOSTILE = [
    "a|b",
    "<script>alert(1)</script>",
    "line\nbreak\r\n\n# heading",
    "*bold* _it_ __b__ `code` ~~gone~~",
    "[link](http://x) ![image](y) [ref]: z",
    "back\\slash \\| end\\",
    "&lt; &amp; $x^2$",
    "bell\x07 bidi\u202eover zero\u200bwidth \ud800",
    "1. one",
    "- item",
    "> quote",
    "| --- |",
    "nan",
]


def markdown(results: Results, drawn: Sequence[Shown] = ()) -> str:
    return written(run_document(results, drawn))


def parse(text: str) -> list[Token]:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)


def shown(inline: Token) -> str:
    """Return the text that a reader sees."""
    return "".join(
        "\n" if child.type in ("softbreak", "hardbreak") else child.content
        for child in inline.children or ()
    )


def tables(text: str) -> list[list[list[str]]]:
    """Return the cells of each table of a page as they are shown."""
    found: list[list[list[str]]] = []
    tokens = parse(text)
    for before, token in pairwise(tokens):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif before.type in ("th_open", "td_open"):
            found[-1][-1].append(shown(token))
    return found


def normal(text: str) -> str:
    return shown(parse(paragraph(text))[1])


def test_the_page_opens_with_its_title_and_what_was_run(results: Results) -> None:
    lines = markdown(results).splitlines()
    assert lines[0] == "# Glow on FashionMNIST"
    assert "2 models (glow and cv_glow) trained on 1 data set (fashion_mnist_20k)" in lines[6]
    assert "Of 2 claims: 1 reproduced, 1 not run, each by one training." in lines[6]


def test_notes_stand_above_every_table_of_results(results: Results) -> None:
    blocks = markdown(results).split("\n\n")
    tabled = [i for i, block in enumerate(blocks) if block.startswith("| ")]
    of_results = [i for i in tabled if blocks[i - 1].startswith("> ")]
    assert len(of_results) == 5
    assert all(blocks[i - 1] == "> Run on the embedded subsets." for i in of_results)
    assert {blocks[i - 1] for i in tabled} - {blocks[i - 1] for i in of_results} == {
        "## Skipped",
        "## Failed",
        "## Environment",
    }


def test_what_was_measured_is_in_the_tables_to_three_decimals(results: Results) -> None:
    claims, detection, bits, training, *_ = tables(markdown(results))
    assert claims[1][3:] == [
        "< 0.5 AUROC ¹", "0.160 [0.155, 0.165] AUROC ²", "one training", "0.08",
        "reproduced by one training",
    ]  # fmt: skip
    assert detection[1][3:] == [
        "0.160 [0.155, 0.165]", "one training", "0.340", "0.360", "0.999", "0.500",
        "10,000 / 10,000", "0.500",
    ]  # fmt: skip
    assert [row[2].split(" ¹")[0] for row in bits[1:5]] == [
        "fashion_mnist_20k (train)",
        "fashion_mnist_20k (test)",
        "mnist_20k (OOD)",
        "constant_0 (OOD)",
    ]
    assert training[1][4:10] == ["1,234,567", "1,000", "64,000", "1 min 15 s", "851", "2.948"]


def test_a_claim_that_is_not_reproduced_is_followed_by_what_was_measured_beside_it(
    results: Results,
) -> None:
    beside = (
        RelatedMeasure("the gap", 0.25, 0.2, 0.3),
        RelatedMeasure("a ratio", None, None, None, "no data"),
    )
    first, second = results.claims
    claims = (replace(first, verdict="not reproduced", beside=beside), second)
    page = markdown(replace(results, claims=claims))
    assert tables(page)[1][1:] == [
        [f"C5: {first.says}", "the gap", "0.250 [0.200, 0.300]"],
        ["", "a ratio", "–: no data"],
    ]
    reproduced = replace(results, claims=(replace(first, beside=beside), second))
    assert "Claims not reproduced" not in markdown(reproduced)


def test_what_was_skipped_is_a_dash_with_its_reason_below(results: Results) -> None:
    page = markdown(results)
    absent = tables(page)[1][-2:]
    assert absent[0] == ["all", "fashion_mnist_20k → omniglot ³", "all", *"––––––––"]
    assert absent[1][0::2][:2] == ["glow", "volume"]
    assert "³ omniglot is not at hand<br>\n⁴ statistic 'log_volume' needs Decomposes" in page


def test_a_pair_that_was_measured_is_not_also_shown_as_absent(results: Results) -> None:
    row = next(row for row in results.rows if row.detector)
    failed = Omission("x", "one seed failed", row.model, row.inside, row.outside, row.detector)
    more = replace(results, failures=(failed,))
    assert len(tables(markdown(more))[1]) == len(tables(markdown(results))[1])


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_shown_as_it_is_and_breaks_no_table(results: Results, name: str) -> None:
    rows = tuple(replace(row, model=name, detector=row.detector and name) for row in results.rows)
    named = replace(
        results,
        title=name,
        about=name,
        rows=rows,
        claims=tuple(replace(c, says=name, quoted=name, note=name) for c in results.claims),
        data=tuple(replace(card, name=name, title=name, licence=name) for card in results.data),
        notes=(name,),
        skips=(Omission(name, name, outside=name),),
        manifest={name: name},
    )
    picture = Shown("a", name, name, name, 0, name, Picture("figures/a.png"))
    page = markdown(named, [picture])
    found = tables(page)
    assert len(found) == 8
    assert all(len(row) == len(table[0]) for table in found for row in table)
    assert found[1][1][0] == found[1][1][2] == normal(name)
    html = [
        t for token in parse(page) for t in (token, *(token.children or ())) if "html" in t.type
    ]
    assert {token.content.strip() for token in html} <= {"<br>"}
    links = [
        t.attrs for token in parse(page) for t in token.children or () if t.type == "link_open"
    ]
    assert all(attrs["href"] == "tables/results.csv" for attrs in links)
    headings = [token for token in parse(page) if token.type == "heading_open"]
    assert [h.tag for h in headings] == [*["h1"], *["h2"] * 6, "h3", *["h2"] * 3]


@given(st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S", "Zs")), max_size=40))
def test_escaped_text_reads_as_the_text_with_its_spaces_folded(text: str) -> None:
    tokens = parse(paragraph(text))
    assert [token.type for token in tokens[::2]] == ["paragraph_open", "paragraph_close"][
        : len(tokens)
    ]
    assert "".join(shown(token) for token in tokens) == " ".join(text.split())


def test_characters_that_cannot_be_seen_or_turn_the_text_round_are_left_out() -> None:
    assert escape("bell\x07 bidi\u202eover\u2066 zero\u200b\ufeff half\ud800") == (
        "bell bidi over zero half"
    )


def test_an_absent_number_is_a_dash_and_never_nan(results: Results) -> None:
    blank = {"value": math.nan, "low": math.nan, "high": math.inf}
    rows = tuple(replace(row, **blank) for row in results.rows)  # type: ignore[arg-type]  # floats
    cards = tuple(
        replace(card, bpd_validation=math.nan, images_per_second=0.0, seconds=math.nan)
        for card in results.training
    )
    bare = replace(results, rows=rows, training=cards)
    shown_cells = [cell for table in tables(markdown(bare)) for row in table for cell in row]
    shown_cells += [cell for row in terminal_table(bare).rows for cell in row]
    assert not {cell.lower() for cell in shown_cells} & {"nan", "inf", "none"}
    assert tables(markdown(bare))[1][1][3] == "–"


def test_several_seeds_are_counted_with_their_spread(results: Results) -> None:
    more = []
    for row in results.rows:
        more.append(row)
        if row.seed == "0":
            more.append(replace(row, seed="1", value=row.value + 0.02))
    page = markdown(replace(results, rows=tuple(more)))
    assert tables(page)[1][1][4] == "2 seeds, sd 0.014"
    assert "; 2 seeds." in page


def test_the_coverage_that_a_suite_asked_for_is_named_beside_its_intervals(
    results: Results,
) -> None:
    page = markdown(replace(results, level=0.99))
    assert "AUROC (99 % interval)" in page
    assert "95 % interval" not in page


def test_the_share_of_ood_images_and_the_counts_are_those_of_each_pair(results: Results) -> None:
    (shown,) = [table for table in tables(markdown(results)) if "OOD share" in table[0]]
    share, images = shown[0].index("OOD share"), shown[0].index("Images ID / OOD")
    found = {(row[1].rstrip(" ¹²³"), row[images], row[share]) for row in shown[1:]}
    assert ("fashion_mnist_20k → constant_0", "10,000 / 1,000", "0.091") in found


def test_the_best_auroc_of_a_pair_has_rank_one_and_ties_share_theirs(results: Results) -> None:
    auroc = {
        ("glow", "likelihood", "mnist_20k"): 0.2,
        ("glow", "likelihood", "constant_0"): 0.9,
        ("glow", "input_complexity", "mnist_20k"): 0.7,
        ("glow", "input_complexity", "constant_0"): 0.9,
        ("cv_glow", "likelihood", "mnist_20k"): 0.5,
        ("cv_glow", "likelihood", "constant_0"): 0.1,
    }
    rows = tuple(
        replace(row, value=auroc[row.model, row.detector, row.outside])
        for row in results.rows
        if row.metric == "auroc" and (row.model, row.detector, row.outside) in auroc
    )
    (board,) = boards(replace(results, rows=rows))
    assert board.ranks() == {
        ("glow", "likelihood"): (3 + 1.5) / 2,
        ("glow", "input_complexity"): (1 + 1.5) / 2,
        ("cv_glow", "likelihood"): (2 + 3) / 2,
    }


def test_intervals_of_an_earlier_version_are_called_so(results: Results) -> None:
    assert "score intervals with DeLong's variance" in markdown(results)
    assert "as earlier versions computed them" not in markdown(results)
    former = markdown(replace(results, former_intervals=True))
    assert "as earlier versions computed them" in former
    assert "score intervals" not in former


def test_conventions_stand_under_the_detection_table(results: Results) -> None:
    blocks = markdown(results).split("\n\n")
    said = next(block for block in blocks if block.startswith("A larger score"))
    for phrase in (
        "**AUPR-Out** has OOD as the positive class",
        "average precision",
        "**FPR@95TPR** has ID as the positive class: the share of OOD images accepted",
        "never flipped",
        "DeLong",
    ):
        assert phrase in said


def test_a_run_that_measured_nothing_still_has_a_page() -> None:
    failed = Omission("train/glow@mnist/0", "the loss is not finite")
    page = markdown(Results("s", "", (), (), (), (), (), (), (), (failed,), ()))
    assert "Nothing was measured in this run of s." in page
    assert tables(page) == [[["What", "Message"], ["train/glow@mnist/0", "the loss is not finite"]]]


def test_the_terminal_shows_one_row_for_each_model_pair_and_detector(results: Results) -> None:
    table = terminal_table(results)
    assert table.headers[4] == "AUROC (95 % interval)"
    assert len(table.rows) == 8 + 2
    assert table.rows[0] == (
        "glow", "fashion_mnist_20k", "mnist_20k ¹,²,³", "likelihood",
        "0.160 [0.155, 0.165]", "one training", "0.340", "0.360", "0.999", "2.958", "1.833",
    )  # fmt: skip
    assert table.footnotes[:3] == (
        "¹ 10,000 ID and 10,000 OOD images",
        "² transform: in: none; out: pad 28",
        "³ embedded subset",
    )


def test_bits_per_dimension_beside_a_detection_are_those_of_its_own_model(
    results: Results,
) -> None:
    def changed(row: Row) -> Row:
        return replace(row, value=9.0) if row.model == "cv_glow" and not row.outside else row

    table = terminal_table(replace(results, rows=tuple(map(changed, results.rows))))
    assert {row[9] for row in table.rows if row[0] == "glow"} == {"2.958", "–"}
    assert {row[9] for row in table.rows if row[0] == "cv_glow"} == {"9.000"}
