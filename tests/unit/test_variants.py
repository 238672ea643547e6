"""Models with variants: each combination of values is a model, with its axes in the report."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Command

import ood_bench as package
from ood_bench.errors import SuiteError
from ood_bench.report.variants import draw
from ood_bench.results import Row, Variant
from ood_bench.suite import load_suite


def suite(**glow: Any) -> dict[str, Any]:
    return {
        "name": "v",
        "models": {"glow": {"options": {"levels": 1}, **glow}, "vae": None},
        "detectors": {"likelihood": None, "typicality": {"models": ["vae", "glow"]}},
        "analyses": {"graying": {"models": ["glow"]}},
        "pairs": [
            {"inside": "a", "outside": ["b"], "models": ["glow"]},
            {"inside": "b", "outside": ["a"]},
        ],
    }


AXES = {"width": [8, 16], "coupling": ["affine", "additive"]}
NAMES = [f"glow-width-{w}-coupling-{c}" for w in (8, 16) for c in ("affine", "additive")]


def test_each_combination_is_a_model_and_a_list_of_models_names_all() -> None:
    found = load_suite(suite(variants=AXES)).suite
    assert [*found.models] == [*NAMES, "vae"]
    for name in NAMES:
        entry = found.models[name]
        axes = found.variants[name].axes
        assert found.variants[name].of == entry.use == "glow"
        assert entry.options == {"levels": 1, **axes}
        assert name == f"glow-width-{axes['width']}-coupling-{axes['coupling']}"
    assert found.pairs[0].models == tuple(NAMES)
    assert found.pairs[1].models is None
    assert found.detectors["typicality"].models == ("vae", *NAMES)
    assert found.analyses["graying"].models == tuple(NAMES)


def test_a_suite_without_variants_is_what_it_was() -> None:
    assert load_suite(suite(variants={})).suite.models == load_suite(suite()).suite.models
    assert load_suite(suite()).suite.variants == {}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"variants": {"width": [8, 8]}}, "models.glow.variants.width: one of them is given twice"),
        ({"variants": {"width": 8}}, "models.glow.variants.width: write a list of values"),
        ({"variants": {"width": []}}, "models.glow.variants.width: write a list of values"),
        ({"variants": {"width": [{}]}}, "models.glow.variants.width: write a list of values"),
        ({"variants": [8]}, "models.glow.variants: write lists of values by option"),
        ({"variants": {"levels": [1]}}, "`options` has 'levels' too"),
        ({"variants": {"width": [*range(65)]}}, "they are more than 64 models"),
        (
            {"variants": {"width": [8]}, "checkpoint": "w.pt"},
            "a model with a checkpoint has no variants",
        ),
        ({"variants": {"width": ["a b", "a/b"]}}, "two models are called 'glow-width-a_b'"),
    ],
)
def test_a_mistake_is_one_line(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(SuiteError) as caught:
        load_suite(suite(**entry))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_classifier_has_no_variants() -> None:
    classifier = {"use": "classifier", "variants": {"width": [8]}}
    with pytest.raises(SuiteError, match="a classifier has no `variants`"):
        load_suite({**suite(), "roles": {"classifier": classifier}})


def test_a_wrong_option_is_found_at_its_line(tmp_path: Path, ood_bench: Command) -> None:
    path = tmp_path / "suite.yaml"
    given = suite(variants={"widht": [8, 16]}) | {
        "pairs": [{"inside": "mnist_20k", "outside": ["constant"]}]
    }
    path.write_text(json.dumps(given, indent=1))
    (line,) = (i for i, text in enumerate(path.read_text().splitlines(), 1) if "widht" in text)
    done = ood_bench("run", path, "--dry-run", "--no-estimate")
    assert done.status == 2
    first = done.err.splitlines()[0]
    assert first.startswith(f"{path}:{line}: models.glow-widht-8.options.widht: ")
    assert "did you mean 'width'?" in first


def test_a_run_draws_auroc_against_each_option(tiny: Path, ood_bench: Command) -> None:
    text = tiny.read_text()
    head, rest = text.split("  glow: {options: {levels: 1, steps: 2, width: 8}}\n")
    entry = "  glow: {options: {levels: 1, steps: 1}, variants: {width: [4, 8]}}\n"
    tiny.write_text(head + entry + rest.split("claims:")[0])
    done = ood_bench("run", tiny, "--set", "analyses=[]")
    assert done.status == 0, done.err
    run = package.load_run(results=tiny.parent / "results")
    assert {"glow-width-4", "glow-width-8", "cv-glow"} == set(run.metrics["model"])
    report = (run.folder / "report.md").read_text(encoding="utf-8")
    assert "| glow-width-4 | glow | 4 |" in report
    assert "figures/variants-glow-width.png" in report
    assert (run.folder / "figures" / "variants-glow-width.png").stat().st_size > 1000
    archived = run.archive(tiny.parent / "kept")
    assert package.load_run(archived).results.variants == run.results.variants
    assert "## Variants" in (archived / "report.md").read_text(encoding="utf-8")


def test_the_points_of_a_line_are_the_values_at_their_options() -> None:
    variants = {
        f"glow-{width}-{kind}": Variant("glow", {"width": width, "coupling": kind})
        for width in (128, 64)
        for kind in ("affine", "additive")
    }
    rows = []
    for name, one in variants.items():
        value = float(one.axes["width"]) / 200 + (0.1 if one.axes["coupling"] == "affine" else 0)
        for outside in ("b", "c"):
            at = (name, "a", outside, "likelihood", "all", "auroc")
            rows.append(Row("s", *at, value, value - 0.02, value + 0.03, 9, 9, "", ""))
    figure = draw(rows, variants, "width")
    assert [axes.get_title() for axes in figure.axes] == ["a → b", "a → c"]
    for axes in figure.axes:
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["64", "128"]
        labels = axes.get_legend_handles_labels()[1]
        assert labels == ["likelihood, coupling affine", "likelihood, coupling additive"]
        for container, more in zip(axes.containers, (0.1, 0.0), strict=True):
            line = container[0]
            assert [round(x) for x in line.get_xdata()] == [0, 1]
            assert line.get_ydata().tolist() == pytest.approx([0.32 + more, 0.64 + more])
            ends = [segment[:, 1].tolist() for segment in container[2][0].get_segments()]
            assert ends[0] == pytest.approx([0.3 + more, 0.35 + more])
