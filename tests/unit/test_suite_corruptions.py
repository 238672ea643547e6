"""A pair with `corruptions`: the data sets that it stands for."""

from pathlib import Path

import pytest

from ood_bench.errors import SuiteError
from ood_bench.suite import load_suite

TEXT = """\
name: tiny
datasets: {digits: {use: mnist_20k, limit: {test: 50}}}
models: [glow]
detectors: [likelihood]
pairs:
  - inside: digits
    outside: [noise]
    corruptions: [gaussian_blur, jpeg]
"""


def write(folder: Path, text: str = TEXT) -> Path:
    path = folder / "suite.yaml"
    path.write_text(text)
    return path


def test_a_kind_stands_for_five_shifted_sets_with_the_options_of_the_id_set(tmp_path: Path) -> None:
    suite = load_suite(write(tmp_path)).suite
    (pair,) = suite.pairs
    names = [f"digits-{kind}-{s}" for kind in ("gaussian_blur", "jpeg") for s in range(1, 6)]
    assert pair.outside == ("noise", *names)
    assert pair.shift == tuple(names)
    options = suite.data_options("digits-jpeg-4")
    assert (options.use, options.limit_of("test")) == ("mnist_20k", 50)
    assert options.corruption is not None
    assert (options.corruption.kind, options.corruption.strength) == ("jpeg", 4)
    assert [one.name for one in suite.corrupted] == names
    assert {one.inside for one in suite.corrupted} == {"digits"}


def test_a_set_of_the_catalogue_needs_no_entry(tmp_path: Path) -> None:
    text = TEXT.replace("datasets: {digits: {use: mnist_20k, limit: {test: 50}}}\n", "")
    suite = load_suite(write(tmp_path, text.replace("digits", "cifar10"))).suite
    assert suite.data_options("cifar10-jpeg-1").use == "cifar10"
    assert len(suite.corrupted) == 10


def test_a_corrupted_other_set_is_none_of_the_id_set(tmp_path: Path) -> None:
    text = TEXT.replace(
        "datasets: {", "datasets: {other: {use: kmnist, corruption: {kind: jpeg, strength: 2}}, "
    ).replace("[noise]", "[noise, other]")
    suite = load_suite(write(tmp_path, text)).suite
    assert "other" not in {one.name for one in suite.corrupted}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[gaussian_blur, jpeg]", "[gaussian_blr]", "suite.yaml:8: pairs[0].corruptions[0]: no "
         "corruption is called 'gaussian_blr'; did you mean 'gaussian_blur'?"),
        ("datasets: {", "datasets: {digits-jpeg-1: {use: noise}, ", "a data set 'digits-jpeg-1'"),
        ("[gaussian_blur, jpeg]", "jpeg", "suite.yaml:8: pairs[0].corruptions"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_its_place(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(SuiteError) as caught:
        load_suite(write(tmp_path, TEXT.replace(old, new, 1)))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
