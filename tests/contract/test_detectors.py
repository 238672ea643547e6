"""Every registered detector obeys the contract, and the contract catches mistakes."""

from typing import Any

import numpy as np
import pytest

from ood_bench.detectors import Columns, Detector, Scorer, Scores
from ood_bench.errors import PluginError
from ood_bench.registry import Registry
from ood_bench.testing import DETECTOR_LAWS, DetectorSubject, Law

OPTIONS: dict[str, dict[str, Any]] = {"sklearn": {"options": {"n_estimators": 10}}}

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pyod.*")


@pytest.mark.parametrize("law", [pytest.param(law, id=law.name) for law in DETECTOR_LAWS])
@pytest.mark.parametrize("name", Registry().names("detectors"))
def test_every_registered_detector_obeys(name: str, law: Law[DetectorSubject]) -> None:
    try:
        subject = DetectorSubject.of(name, OPTIONS.get(name))
    except PluginError as error:
        if "pip install" not in str(error):
            raise
        pytest.skip(str(error))
    law.hold(subject)


class Good(Detector):
    needs = ("log_prob",)

    def fit(self, held_out: Columns) -> Scorer:
        mean = float(held_out["log_prob"].mean())

        def score(images: Columns) -> Scores:
            return mean - images["log_prob"]

        return score


class ReadsMore(Good):
    def fit(self, held_out: Columns) -> Scorer:
        return lambda images: images["log_prob"] - images["complexity"]


class LooksAtTheOthers(Good):
    def fit(self, held_out: Columns) -> Scorer:
        return lambda images: images["log_prob"] - images["log_prob"].mean()


class Draws(Good):
    def fit(self, held_out: Columns) -> Scorer:
        shift = np.random.default_rng().normal()
        return lambda images: images["log_prob"] + shift


class WritesIntoColumns(Good):
    def fit(self, held_out: Columns) -> Scorer:
        held_out["log_prob"][:] -= held_out["log_prob"].mean()
        return lambda images: -images["log_prob"]


class Overflows(Good):
    def fit(self, held_out: Columns) -> Scorer:
        return lambda images: 1 / np.where(images["log_prob"] == 0, 0, images["log_prob"])


class HidesWhatIsMissing(Good):
    def fit(self, held_out: Columns) -> Scorer:
        return lambda images: np.nan_to_num(images["log_prob"])


class ReturnsOneNumber(Good):
    def fit(self, held_out: Columns) -> Scorer:
        return lambda images: images["log_prob"].mean()


def broken(detector: type[Detector]) -> set[str]:
    subject = DetectorSubject.of(detector)
    verdicts = [law.judge(subject) for law in DETECTOR_LAWS]
    assert all(verdict.advice for verdict in verdicts if verdict.outcome == "failed")
    return {verdict.law for verdict in verdicts if verdict.outcome == "failed"}


def test_a_right_detector_breaks_no_law() -> None:
    assert broken(Good) == set()


@pytest.mark.parametrize(
    ("mistake", "law"),
    [
        (ReadsMore, "it_states_what_it_reads_and_reads_no_more"),
        (ReturnsOneNumber, "it_states_what_it_reads_and_reads_no_more"),
        (LooksAtTheOthers, "a_score_does_not_depend_on_the_images_beside_it"),
        (Draws, "fitting_again_gives_the_same_scores"),
        (WritesIntoColumns, "columns_are_left_as_they_were"),
        (Overflows, "scores_are_finite_at_any_finite_value"),
        (HidesWhatIsMissing, "a_missing_value_is_not_hidden"),
    ],
)
def test_the_laws_catch(mistake: type[Detector], law: str) -> None:
    assert law in broken(mistake)


def test_what_is_no_detector_is_refused_with_advice() -> None:
    with pytest.raises(PluginError, match="derive it from ood_bench.detectors.Detector"):
        DetectorSubject.of(dict)
