"""Recipes: keys that last, the law of the learning rate, and optimisers by class path."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.conftest import Command
from torch.optim import Optimizer

from ood_bench.data import Shape
from ood_bench.errors import PluginError
from ood_bench.hashing import digest
from ood_bench.lit import DensityModule, TrainingProgress, build, check_optimizer, fit
from ood_bench.lit.optimizers import optimizer_for
from ood_bench.recipe import Recipe
from ood_bench_models.glow import Glow

SCHEDULES = [
    Recipe(steps=200, warmup=0, schedule="linear"),
    Recipe(steps=200, warmup=0, schedule="cosine"),
    Recipe(steps=200, warmup=0, schedule="flat", decay_from=0.7),
    Recipe(steps=200, warmup=0, schedule="flat", decay_from=0.0),
]
ADAMW = {"optimizer": "torch.optim.AdamW", "optimizer_options": {"betas": [0.9, 0.99]}}


class Plain(Optimizer):
    """Gradient descent that must be told its sign."""

    def __init__(self, params: object, lr: float, *, sign: int, **_: object) -> None:
        super().__init__(params, {"lr": lr, "sign": sign})  # type: ignore[arg-type]


FORMER: dict[str, object] = {
    "optimizer": "adam",
    "optimizer_options": {},
    "learning_rate": 1e-3,
    "warmup": 0,
    "schedule": "halvings",
    "clip_norm": None,
}
"""The defaults of versions up to 0.2."""


def former(**changes: object) -> Recipe:
    return Recipe.model_validate({**FORMER, **changes})


def test_keys_of_older_trainings_stay_what_they_were() -> None:
    assert digest(former().sized(20_000).hashed()) == "ccb8ff493540b0a8c337808cdfb1aca0"
    older = former(steps=7, optimizer="adamax", decay=(0.5,), clip_norm=100, ema=0.9, mutation=0.1)
    assert digest(older.sized(60_000).hashed()) == "76b0a6d20c06f0d8b06161f90c9fd0c9"


def test_the_usual_optimizer_has_its_options_and_another_none_of_them() -> None:
    assert Recipe().optimizer_options == {"betas": [0.9, 0.99]}
    assert Recipe(optimizer_options={"eps": 1e-7}).optimizer_options == {"eps": 1e-7}
    for other in ("adam", "torch.optim.AdamW"):
        assert Recipe(optimizer=other).optimizer_options == {}


def test_the_usual_warmup_grows_with_the_steps() -> None:
    assert [Recipe(steps=steps).warmup for steps in (0, 12, 1000, 100_000)] == [0, 0, 50, 200]


@pytest.mark.parametrize(
    "change",
    [
        {"schedule": "linear"},
        {"schedule": "flat"},
        {"schedule": "flat", "decay_from": 0.6},
        {"flip": True},
        {"shift": 4},
        {"optimizer": "torch.optim.AdamW"},
        {"optimizer_options": {"betas": [0.9, 0.99]}},
    ],
)
def test_what_changes_the_weights_changes_the_key_and_survives_json(
    change: dict[str, object],
) -> None:
    recipe = former(**change).sized(60_000)
    assert digest(recipe.hashed()) != digest(former().sized(60_000).hashed())
    for kept in ({**FORMER, **recipe.hashed()}, recipe.model_dump(mode="json")):
        assert Recipe.model_validate(kept) == recipe


OTHER: dict[str, object] = {
    "steps": 7,
    "batch_size": 7,
    "optimizer": "adamax",
    "optimizer_options": {"eps": 1e-7},
    "learning_rate": 0.5,
    "warmup": 7,
    "schedule": "cosine",
    "decay": (0.5,),
    "decay_from": 0.6,
    "weight_decay": 0.5,
    "clip_norm": 7.0,
    "ema": 0.5,
    "mutation": 0.5,
    "flip": True,
    "shift": 4,
    "precision": "float32",
    "held_out": 70,
    "validation": 70,
}
"""Another value than the default, for every option that changes the trained weights."""


@pytest.mark.parametrize("field", sorted(Recipe.model_fields))
def test_every_option_that_changes_the_weights_is_in_the_key(field: str) -> None:
    if field in ("logger", "validate_every"):  # how a training is watched
        assert field not in OTHER
        return
    base = former(schedule="flat" if field == "decay_from" else "halvings").sized(60_000)
    assert digest(base.model_copy(update={field: OTHER[field]}).hashed()) != digest(base.hashed())


@given(st.integers(0, 10**6), st.none() | st.integers(2, 99), st.none() | st.integers(2, 99))
def test_parts_that_are_not_given_scale_with_the_images(
    images: int, held_out: int | None, validation: int | None
) -> None:
    recipe = Recipe(held_out=held_out, validation=validation).sized(images)
    assert recipe.held_out == (held_out or min(2_000, max(2, images // 10)))
    assert recipe.validation == (validation or min(1_000, max(1, images // 20)))
    assert recipe.sized(7) == recipe
    with pytest.raises(ValueError, match="sized"):
        Recipe(validation=validation).hashed()


@pytest.mark.parametrize("recipe", SCHEDULES, ids=lambda recipe: recipe.schedule)
@pytest.mark.parametrize("warmup", [0, 20])
def test_a_schedule_to_zero_is_continuous_and_ends_there(recipe: Recipe, warmup: int) -> None:
    recipe = recipe.model_copy(update={"warmup": warmup})
    rates = [recipe.rate_at(step) for step in range(recipe.steps + 1)]
    assert rates[-1] == pytest.approx(0.0, abs=1e-12)
    assert all(0 < rate <= 1 for rate in rates[:-1])
    assert max(abs(b - a) for a, b in pairwise(rates)) <= 1 / 20 + 1e-9
    after = rates[warmup:]
    assert all(b <= a for a, b in pairwise(after))
    if warmup:
        assert rates[0] == pytest.approx(1 / warmup)
        assert rates[:warmup] == sorted(rates[:warmup])
    else:
        assert rates[0] == 1.0


def test_the_schedules_in_numbers() -> None:
    steps = (0, 50, 100, 150, 200)
    linear, cosine, flat, _ = ([r.rate_at(step) for step in steps] for r in SCHEDULES)
    assert linear == pytest.approx([1, 0.75, 0.5, 0.25, 0])
    assert cosine == pytest.approx([1, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2, 0])
    assert flat == pytest.approx([1, 1, 1, 0.25 / 0.3, 0])
    assert Recipe(steps=0, schedule="linear").rate_at(0) == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "adm"}, "did you mean 'adam'"),
        ({"optimizer": "torch..AdamW"}, "path such as torch.optim.AdamW"),
        ({"schedule": "linear", "decay": [0.5]}, "only schedule 'halvings' reads decay"),
        ({"schedule": "cosine", "decay_from": 0.2}, "only schedule 'flat' reads decay_from"),
        ({"schedule": "flat", "decay_from": 1.0}, "less than 1"),
        ({"optimizer_options": {"eps": math.nan}}, "finite"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Recipe.model_validate(options)


@pytest.mark.parametrize(
    ("optimizer", "options", "message"),
    [
        ("torch.optim.AdmW", {}, "does not exist; did you mean 'AdamW'"),
        ("torch.optm.AdamW", {}, "No module named 'torch.optm'; did you mean 'torch.optim.AdamW'"),
        ("torch.optim.Optimizer", {}, "is no optimizer"),
        ("os.system", {}, "is no optimizer; os has no optimizers"),
        ("torch.nn.Linear", {}, "is no optimizer"),
        ("no_such_package.Soap", {}, "No module named 'no_such_package'"),
        ("torch.optim.AdamW", {"beta": [0.9, 0.99]}, "no option 'beta'; did you mean 'betas'"),
        ("torch.optim.AdamW", {"betas": 0.9}, "betas: .*, got 0.9"),
        ("torch.optim.AdamW", {"betas": [0.9]}, r"betas: .*, got \[0.9\]"),
        ("torch.optim.AdamW", {"betas": [0.9, "b"]}, "betas: .*, got"),
        ("torch.optim.AdamW", {"betas": [0.9, 1.5]}, "Invalid beta parameter"),
        ("torch.optim.AdamW", {"amsgrad": "maybe"}, "amsgrad: .*, got 'maybe'"),
        ("torch.optim.AdamW", {"lr": 0.1}, "give 'lr' as training option 'learning_rate'"),
        ("adam", {"momentum": 0.9}, "optimizer 'adam' has no option 'momentum'"),
        ("torch.optim.SparseAdam", {}, "cannot take a step"),
        ("tests.unit.test_recipe.Plain", {}, "needs the option 'sign'"),
        ("tests.unit.test_recipe.Plain", {"sign": 1, "sing": 1}, "no option 'sing'"),
        ("tests.unit.test_recipe.Plain", {"sign": 1}, "cannot take a step: NotImplementedError"),
    ],
)
def test_an_optimiser_that_cannot_be_is_one_line(
    optimizer: str, options: dict[str, object], message: str
) -> None:
    recipe = Recipe.model_validate({"optimizer": optimizer, "optimizer_options": options})
    with pytest.raises(PluginError, match=message) as refused:
        check_optimizer(recipe)
    assert "\n" not in str(refused.value)


def test_an_optimiser_without_weight_decay_refuses_one() -> None:
    with pytest.raises(PluginError, match="has no weight_decay"):
        check_optimizer(Recipe(optimizer="torch.optim.Rprop", weight_decay=0.1))


@pytest.mark.parametrize("name", ["adam", "adamax", "rmsprop", "torch.optim.SGD"])
def test_checking_an_optimiser_leaves_the_random_state_alone(name: str) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    check_optimizer(Recipe(optimizer=name))
    assert torch.equal(torch.rand(1), expected)


def test_the_arguments_reach_the_optimiser() -> None:
    recipe = Recipe.model_validate(
        {**ADAMW, "learning_rate": 0.02, "weight_decay": 0.1}
        | {"optimizer_options": {"betas": [0.8, 0.95], "eps": "1e-7"}}
    )
    parameters = [torch.nn.Parameter(torch.zeros(2))]
    optimizer = optimizer_for(recipe, parameters)
    assert type(optimizer) is torch.optim.AdamW
    found = optimizer.defaults
    assert (found["betas"], found["eps"], found["lr"]) == ((0.8, 0.95), 1e-7, 0.02)
    assert (found["weight_decay"], found["fused"]) == (0.1, True)
    undecayed = optimizer_for(Recipe(optimizer="torch.optim.AdamW"), parameters)
    assert undecayed.defaults["weight_decay"] == 0.0
    loop = Recipe(optimizer="torch.optim.AdamW", optimizer_options={"foreach": False})
    assert not optimizer_for(loop, parameters).defaults["fused"]


class Killed(Exception):  # noqa: N818  it stands for no error
    """Stands for a kill: nothing after it runs."""


def glow() -> Glow:
    return build(Glow, Shape(1, 8, 8), {"levels": 1, "steps": 2, "width": 8}, 0)


@pytest.mark.parametrize(
    "options",
    [
        {**ADAMW, "schedule": "linear"},
        {**ADAMW, "schedule": "cosine", "ema": 0.9},
        {"optimizer": "torch.optim.NAdam", "schedule": "flat", "decay_from": 0.3},
        {"optimizer": "torch.optim.SGD", "optimizer_options": {"momentum": 0.9}, "clip_norm": 1.0},
    ],
    ids=["AdamW", "AdamW with an average", "NAdam", "SGD"],
)
def test_an_optimiser_by_path_trains_and_resumes_to_the_same_weights(
    digits: dict[str, np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, object],
) -> None:
    monkeypatch.setattr("ood_bench.lit.course.PROGRESS_SECONDS", 0.0)
    recipe = Recipe.model_validate(
        {"steps": 40, "batch_size": 16, "learning_rate": 3e-3, "warmup": 5, **options}
    )
    train, validation = digits["low"][:400], digits["low"][400:500]

    def trained(
        model: DensityModule, folder: str, stop: int | None = None, **changes: object
    ) -> float:
        def progress(progress: TrainingProgress) -> None:
            if stop is not None and progress.step >= stop:
                raise Killed

        report = fit(
            model,
            recipe.model_copy(update=changes),
            train,
            validation,
            seed=0,
            workdir=tmp_path / folder,
            checkpoint_seconds=0.0 if stop else 30.0,
            progress=progress,
        )
        assert report.bpd_validation is not None
        return report.bpd_validation

    untrained = trained(glow(), "untrained", steps=0)
    undisturbed, resumed = glow(), glow()
    assert trained(undisturbed, "a") < untrained
    with pytest.raises(Killed):
        trained(glow(), "b", stop=25)
    trained(resumed, "b")
    for expected, found in zip(undisturbed.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(found, expected)


class Watched(Glow):
    """A Glow that notes the learning rate of every step, and diverges at one."""

    def training_step(self, batch: object, batch_idx: int) -> torch.Tensor:
        rates[self.global_step] = self.trainer.optimizers[0].param_groups[0]["lr"]
        loss = super().training_step(batch, batch_idx)  # type: ignore[arg-type]
        return loss / 0.0 if self.global_step == 12 else loss


rates: dict[int, float] = {}


@pytest.mark.parametrize("schedule", ["halvings", "linear", "cosine", "flat"])
def test_the_rate_follows_the_schedule_before_and_after_a_divergence(
    digits: dict[str, np.ndarray], tmp_path: Path, schedule: str
) -> None:
    rates.clear()
    recipe = Recipe.model_validate(
        {**ADAMW, "steps": 30, "batch_size": 16, "warmup": 4, "schedule": schedule}
    )
    model = build(Watched, Shape(1, 8, 8), {"levels": 1, "steps": 1, "width": 8}, 0)
    images = digits["low"]
    report = fit(model, recipe, images[:400], images[400:440], seed=0, workdir=tmp_path)
    assert report.divergences == ((15, 0.5),)
    factors = [0.5 if step >= 15 else 1.0 for step in range(30)]
    expected = [recipe.learning_rate * recipe.rate_at(step) * factors[step] for step in range(30)]
    assert [rates[step] for step in range(30)] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("training", "place", "message"),
    [
        ("optimizer: torch.optim.AdmW", "tiny.yaml:3: training.optimizer: ", "'AdamW'?"),
        ("optimizer: adamxx", "tiny.yaml:3: training.optimizer: ", "did you mean 'adamax'?"),
        ("optimizer_options: {betas: 1}", "tiny.yaml:3: training.optimizer: ", "betas"),
        ("schedule: lineer", "tiny.yaml:3: training.schedule: ", "'linear'"),
        ("decay_from: 0.5, schedule: cosine, decay: [0.4]", "tiny.yaml:3: training.decay: ", ""),
    ],
)
def test_a_suite_is_refused_before_anything_is_computed(
    tiny: Path, ood_bench: Command, training: str, place: str, message: str
) -> None:
    tiny.write_text(tiny.read_text().replace("warmup: 2}", f"warmup: 2, {training}}}"))
    done = ood_bench("run", tiny)
    assert done.status == 2
    (line,) = done.err.strip().splitlines()
    assert place in line
    assert message in line
    assert not [
        path for path in (tiny.parent / "results").rglob("*") if path.name == "training.json"
    ]


def test_a_mistake_is_placed_where_a_model_or_the_command_line_makes_it(
    tiny: Path, ood_bench: Command
) -> None:
    given = ood_bench("run", tiny, "--set", "training.optimizer=torch.optim.AdmW")
    assert given.status == 2
    assert "--set training.optimizer=torch.optim.AdmW" in given.err
    text = tiny.read_text()
    tiny.write_text(text.replace("glow: {", "glow: {training: {optimizer: torch.nn.Linear}, ", 1))
    own = ood_bench("run", tiny)
    assert own.status == 2
    assert "tiny.yaml:9: models.glow.training.optimizer: " in own.err
