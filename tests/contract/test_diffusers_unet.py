"""A network of diffusers obeys the laws of models."""

from pathlib import Path

import pytest
from tests.pipelines import write_pipeline

from ood_bench.testing import MODEL_LAWS, Law, ModelSubject

NOISY = "probabilities_add_up_after_training"
"""Of two pixels after that training they add up to 1.08 by 16 draws of the bound, 0.93 by 64, which
take minutes: the mean of exp of a noisy bound is above exp of the bound."""
LAWS = [law for law in MODEL_LAWS if law.name != NOISY]
OF_EACH_PREDICTION = (
    "denoised_images_are_functions_of_image_and_level",
    "scores_do_not_depend_on_the_batch",
    "the_gradient_is_that_of_the_loss",
)


def made(folder: Path, prediction: str) -> ModelSubject:
    """Return a network as a subject; of two pixels one that predicts nothing, by many draws.

    The estimate of the bound of a random network varies so much that exp of it is above 1.
    """
    schedule: dict[str, object] = {"prediction_type": prediction}
    write_pipeline(folder / "four", size=4, schedule=schedule)
    write_pipeline(folder / "two", size=(1, 2), blocks=(4,), schedule=schedule, output=0.0)
    return ModelSubject.of(
        "diffusers_unet",
        {"folder": str(folder / "four"), "samples": 2},
        tiny_options={"folder": str(folder / "two"), "samples": 16},
    )


@pytest.mark.parametrize("law", [pytest.param(law, id=law.name) for law in LAWS])
def test_a_network_of_diffusers_obeys(tmp_path: Path, law: Law[ModelSubject]) -> None:
    law.hold(made(tmp_path, "v_prediction"))


@pytest.mark.parametrize("prediction", ["epsilon", "sample"])
@pytest.mark.parametrize("name", OF_EACH_PREDICTION)
def test_whatever_it_predicts_it_obeys(tmp_path: Path, prediction: str, name: str) -> None:
    (law,) = (law for law in MODEL_LAWS if law.name == name)
    law.hold(made(tmp_path, prediction))
