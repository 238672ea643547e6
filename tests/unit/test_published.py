"""Published values: the file that comes with the package, and what a suite takes of one."""

from pathlib import Path

import pytest

from ood_bench.data import catalogue
from ood_bench.errors import SuiteError
from ood_bench.registry import Registry
from ood_bench.suite import Quoted, load_suite, shipped_suites
from ood_bench.suite.load import validated
from ood_bench.suite.published import PublishedValues
from ood_bench.suite.shipped import published_values
from ood_bench.suite.source import read_yaml

VALUES = """\
sources:
  a: {paper: "A 2020", id: "arXiv:2001.00001", where: table 1}
  b: {paper: "B 2021", id: "doi:10.1000/b", where: figure 2}
values:
  - {detector: typicality, options: {group: null}, inside: mnist, outside: noise, auroc: 0.7,
     source: a}
  - {detector: typicality, options: {group: 10}, inside: mnist, outside: noise, auroc: 0.9,
     source: a}
  - {detector: typicality, model: vae, inside: mnist, outside: noise, auroc: 0.5, source: a}
  - {detector: likelihood, model: glow, inside: mnist, outside: noise, auroc: 0.2,
     source: a, tuned_on_ood: true}
  - {detector: likelihood, inside: mnist, outside: noise, auroc: 0.4,
     source: b, by: rerun, note: at night}
  - {detector: likelihood, inside: mnist, outside: svhn, auroc: 0.4, source: b}
"""
SUITE = """\
name: tiny
datasets: {digits: {use: mnist}, static: {use: noise}, svhn: {folder: pictures}}
models: {flow: {use: glow}, glow: {}}
detectors: {likelihood: , one: {use: typicality}, ten: {use: typicality, options: {group: 10}}}
pairs: [{inside: digits, outside: [static, svhn]}]
quoted: own.yaml
"""


def taken(folder: Path, values: str = VALUES, suite: str = SUITE) -> tuple[Quoted, ...]:
    (folder / "own.yaml").write_text(values)
    (folder / "suite.yaml").write_text(suite)
    return load_suite(folder / "suite.yaml").suite.published


def test_a_suite_takes_the_values_of_its_detectors_models_and_pairs(tmp_path: Path) -> None:
    found = {
        (one.detector, one.auroc, one.models, one.by, one.tuned_on_ood) for one in taken(tmp_path)
    }
    assert found == {
        ("one", (0.7,), None, "authors", None),
        ("ten", (0.9,), None, "authors", None),
        ("likelihood", (0.2,), ("flow", "glow"), "authors", True),
        ("likelihood", (0.4,), None, "re-run by B 2021", None),
    }
    assert {(one.inside, one.outside) for one in taken(tmp_path)} == {("digits", "static")}
    *_, last = taken(tmp_path)
    assert (last.source, last.note) == ("B 2021, doi:10.1000/b, figure 2", "at night")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("auroc: 0.7", "auroc: 70", "own.yaml:5: values[0].auroc"),
        ("where: table 1", "where: somewhere", "own.yaml:2: sources.a.where"),
        ('id: "arXiv:2001.00001"', "id: a blog", "own.yaml:2: sources.a.id"),
        ("source: a", "source: aa", "no source is called 'aa'"),
        ("by: rerun", "by: me", "values[4].by"),
    ],
)
def test_a_value_without_a_citation_is_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(SuiteError) as caught:
        taken(tmp_path, VALUES.replace(old, new, 1))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"^\S+/none\.yaml: cannot read the published values"):
        taken(tmp_path, suite=SUITE.replace("own.yaml", "none.yaml"))


def test_rows_in_the_suite_itself_still_count_and_name_its_models(tmp_path: Path) -> None:
    row = "{detector: one, inside: digits, outside: static, auroc: [0.1], source: me, models: [M]}"
    (one,) = taken(tmp_path, suite=SUITE.replace("own.yaml", f"[{row.replace('M', 'glow')}]"))
    assert (one.auroc, one.models, one.by) == ((0.1,), ("glow",), "")
    with pytest.raises(SuiteError, match=r"suite.yaml:6: quoted\[0\].models\[0\]: .* no model 'M'"):
        taken(tmp_path, suite=SUITE.replace("own.yaml", f"[{row}]"))


LABELLED = """\
name: tiny
datasets: {tin: {use: tiny_imagenet}}
models: [glow]
roles: {classifier: {}}
detectors: [msp, likelihood]
evaluation: {baseline: msp}
pairs:
  - inside: cifar10
    outside: [cifar100, tin, svhn]
    near: [cifar100, tin]
    far: [svhn]
quoted: own.yaml
"""
MEANS = """\
sources:
  a: {paper: "A 2020", id: "arXiv:2001.00001", where: table 1}
values:
  - {detector: msp, model: classifier, inside: cifar10, category: near,
     sets: [tiny_imagenet, cifar100], auroc: 0.88, source: a}
  - {detector: msp, model: classifier, inside: cifar10, category: far,
     sets: [svhn, mnist], auroc: 0.9, source: a}
"""


def test_a_mean_over_a_category_is_taken_if_the_suite_labels_the_same_sets(tmp_path: Path) -> None:
    (one,) = taken(tmp_path, MEANS, LABELLED)
    assert (one.category, one.outside, one.models) == ("near", "", ("classifier",))
    noisy = LABELLED.replace("tin: {", "tin: {corruption: {kind: jpeg, strength: 1}, ")
    assert not taken(tmp_path, MEANS, noisy)
    more = LABELLED.replace("near: [cifar100, tin]", "near: [cifar100, tin, svhn]")
    assert not taken(tmp_path, MEANS, more.replace("    far: [svhn]\n", ""))
    with pytest.raises(SuiteError, match="a `category` needs its `sets`"):
        taken(tmp_path, MEANS.replace("sets: [svhn, mnist], ", ""), LABELLED)
    with pytest.raises(SuiteError, match="either `outside` or `category`"):
        taken(tmp_path, MEANS.replace("category: far", "category: far, outside: svhn"), LABELLED)
    row = "[{detector: msp, inside: cifar10, category: shift, auroc: [0.5], source: me}]"
    with pytest.raises(SuiteError, match="no OOD set of 'cifar10' has the category 'shift'"):
        taken(tmp_path, MEANS, LABELLED.replace("own.yaml", row))


def test_the_benchmarks_of_openood_quote_its_leaderboard() -> None:
    for name, msp in (("openood-cifar10", 0.8803), ("openood-cifar100", 0.8027)):
        quoted = load_suite(shipped_suites()[name]).suite.published
        means = {(one.detector, one.category): one.auroc for one in quoted}
        assert means["msp", "near"] == (msp,)
        assert len([1 for _, category in means if category == "far"]) == 15


def test_the_file_of_the_package_names_plugins_and_catalogue_entries() -> None:
    found = validated(read_yaml(published_values()), PublishedValues)
    registry = Registry()
    for value in found.values:
        assert value.detector in registry.names("detectors")
        assert value.model is None or value.model in registry.names("models")
        assert {value.inside, *value.sets, *([value.outside] * (not value.sets))} <= {*catalogue()}
    said = {(v.detector, v.model, v.inside, v.outside, v.category, v.source) for v in found.values}
    assert len(said) == len(found.values), "one value of a source is given twice"


def test_the_bundled_suites_quote_nothing_else() -> None:
    for name in ("detectors", "detectors-laptop", "detectors-zoo", "denoisers"):
        suite = load_suite(shipped_suites()[name]).suite
        assert all(one.by for one in suite.published), name
    quoted = load_suite(shipped_suites()["detectors-zoo"]).suite.published
    assert {one.detector for one in quoted} == {
        "input_complexity",
        "likelihood_regret",
        "dose-flow",
        "lpath",
        *("likelihood", "msma", "diffpath", "lmd", "ddpm_ood"),  # of CIFAR-10's diffusion model
    }
    assert {one.models for one in quoted if one.outside == "mnist"} == {
        ("glow-gray", "glow", "small-glow-gray"),
        ("vae-gray", "vae", "spatial-vae"),
    }
