"""A network of diffusers: its denoiser against diffusers' own, its bound against closed forms."""

import json
import math
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.gaussian import bits_lost, normal_images
from tests.pipelines import diffusers, write_pipeline
from torch import Tensor, nn

from ood_bench.data import Shape
from ood_bench.errors import PluginError
from ood_bench.lit import build
from ood_bench.registry import Registry, construct
from ood_bench.testing import random_images
from ood_bench_models.diffusers_unet import SCHEDULERS, DiffusersUNet

SHAPE = Shape(1, 8, 8)
gaussian_images = partial(normal_images, SHAPE)
PREDICTIONS = ("epsilon", "sample", "v_prediction")


def read(folder: Path, **options: object) -> DiffusersUNet:
    model = build(DiffusersUNet, SHAPE, {"folder": str(folder)} | options, 0)
    model.initialise(gaussian_images(500))
    return model.double().eval()


def folder_of(tmp_path: Path, prediction: str, scheduler: str = "DDPMScheduler") -> Path:
    schedule: dict[str, object] = {"prediction_type": prediction}
    if scheduler in ("DDPMScheduler", "DDIMScheduler"):
        schedule["clip_sample"] = False
    return write_pipeline(tmp_path, scheduler=scheduler, schedule=schedule)


@pytest.mark.parametrize("prediction", PREDICTIONS)
@torch.no_grad()
def test_denoised_images_are_those_that_diffusers_predicts(tmp_path: Path, prediction: str) -> None:
    model = read(folder_of(tmp_path, prediction))
    scheduler = diffusers.DDPMScheduler.from_pretrained(tmp_path / "scheduler")
    for timestep in (0, 1, 500, 998, 999):
        share = scheduler.alphas_cumprod[timestep].double()
        z = torch.randn(3, *SHAPE, generator=torch.Generator().manual_seed(timestep)).double()
        found = model.network(z, timestep).sample
        wanted = scheduler.step(found, timestep, z).pred_original_sample
        noisy = (z / share.sqrt() + 1) / 2
        sigma = ((1 - share) / share).sqrt().expand(3) / 2
        denoised = 2 * model.denoise(noisy, sigma) - 1
        assert torch.allclose(denoised, wanted, rtol=1e-3, atol=1e-3 * float(wanted.abs().max()))


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_schedules_of_one_kind_are_read_alike(tmp_path: Path, scheduler: str) -> None:
    model = read(folder_of(tmp_path, "epsilon", scheduler))
    shares = diffusers.DDPMScheduler().alphas_cumprod.double()
    assert torch.allclose(model.gammas, ((1 - shares) / shares).log(), atol=1e-4)
    least, most = model.noise_levels
    assert least == pytest.approx(0.5 * math.sqrt(1e-4 / (1 - 1e-4)), rel=1e-3)
    assert most == pytest.approx(78.7, rel=1e-2)


def test_timesteps_between_two_are_linear_in_the_log_snr(tmp_path: Path) -> None:
    model = read(folder_of(tmp_path, "epsilon"))
    whole = torch.arange(1000.0, dtype=torch.float64)
    assert torch.allclose(model.timestep(model.gammas), whole, atol=1e-6)
    between = 0.75 * model.gammas[:-1] + 0.25 * model.gammas[1:]
    assert torch.allclose(model.timestep(between), whole[:-1] + 0.25, atol=1e-6)
    beyond = torch.tensor([model.least - 1, model.most + 1], dtype=torch.float64)
    assert model.timestep(beyond).tolist() == [0.0, 999.0]


@torch.no_grad()
def test_noise_outside_of_the_schedule_is_removed_as_at_its_end(tmp_path: Path) -> None:
    model, y = read(folder_of(tmp_path, "epsilon")), torch.rand(2, *SHAPE).double()
    least, most = model.noise_levels
    tiny = model.denoise(y, torch.full((2,), 1e-9 * least).double())
    assert torch.allclose(tiny, y, atol=1e-6)
    sigma = torch.full((2,), 3 * most).double()
    z = (2 * y - 1) / (1 + (2 * sigma).square()).sqrt().view(-1, 1, 1, 1)
    noise = model.network(z, 999).sample
    expected = y - sigma.view(-1, 1, 1, 1) * noise
    assert torch.allclose(model.denoise(y, sigma), expected)


class Optimal(nn.Module):
    """What the best network predicts for normal pixels, at any timestep."""

    def __init__(self, model: DiffusersUNet) -> None:
        super().__init__()
        self.gammas, self.prediction = model.gammas, model.prediction
        self.mean, self.std = model.mean, model.std

    def forward(self, z: Tensor, timestep: Tensor) -> SimpleNamespace:
        below = timestep.long().clamp(max=len(self.gammas) - 2)
        low, high = self.gammas[below], self.gammas[below + 1]
        gamma = (low + (timestep - below) * (high - low)).view(-1, 1, 1, 1)
        alpha, sigma = torch.sigmoid(-gamma).sqrt(), torch.sigmoid(gamma).sqrt()
        variance = (alpha * self.std).square() + sigma.square()
        noise = sigma * (z - alpha * self.mean) / variance
        image = (z - sigma * noise) / alpha
        v = alpha * noise - sigma * image
        return SimpleNamespace(
            sample={"epsilon": noise, "sample": image, "v_prediction": v}[self.prediction]
        )


@pytest.mark.parametrize("prediction", PREDICTIONS)
@torch.no_grad()
def test_the_bound_with_the_best_network_is_the_likelihood_of_normal_pixels(
    tmp_path: Path, prediction: str
) -> None:
    """Of noise of 1.3 levels at the end, which costs little for pixels of 30 levels."""
    model, x = read(folder_of(tmp_path, prediction), samples=4), gaussian_images(300, seed=1)
    model.network = Optimal(model)  # type: ignore[assignment]  # a network of a closed form
    assert abs(bits_lost(model, x)) < 0.01


@torch.no_grad()
def test_the_estimate_of_the_bound_does_not_depend_on_the_moments(tmp_path: Path) -> None:
    model, x = read(folder_of(tmp_path, "epsilon"), samples=80), random_images(SHAPE, 2)
    first = model.log_prob(x)
    model.mean += 0.3
    model.std *= 0.7
    assert torch.allclose(model.log_prob(x), first, rtol=0.03)


def changed(path: Path, **entries: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


def drop(path: Path, name: str) -> None:
    save_file({key: value for key, value in load_file(path).items() if key != name}, path)


NETWORK, SCHEDULE = Path("unet/config.json"), Path("scheduler/scheduler_config.json")
WEIGHTS = Path("unet/diffusion_pytorch_model.safetensors")


@pytest.mark.parametrize(
    ("network", "schedule", "said"),
    [
        ({"size": 4}, {}, "takes images of 1×4×4, not of 1×8×8"),
        ({"size": (8, 4)}, {}, "takes images of 1×8×4, not of 1×8×8"),
        ({"channels": 3}, {}, "takes images of 3×8×8, not of 1×8×8"),
        ({"network": {"out_channels": 2}}, {}, "predicts a variance too"),
        ({"network": {"time_embedding_type": "fourier"}}, {}, "must be 'positional'"),
        ({"network": {"num_class_embeds": 3}}, {}, "is a network of classes"),
        ({}, {"_class_name": "ScoreSdeVeScheduler"}, "has the scheduler 'ScoreSdeVeScheduler'"),
        ({}, {"prediction_type": "flow"}, "prediction_type 'flow' is none of"),
        ({}, {"rescale_betas_zero_snr": True}, "as with rescale_betas_zero_snr"),
    ],
)
def test_what_cannot_be_read_is_said(
    tmp_path: Path, network: dict[str, Any], schedule: dict[str, object], said: str
) -> None:
    write_pipeline(tmp_path, **network)
    changed(tmp_path / SCHEDULE, **schedule)
    with pytest.raises(PluginError) as caught:
        construct(DiffusersUNet, "diffusers_unet", {"folder": str(tmp_path)}, SHAPE)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / SCHEDULE).unlink(), "scheduler_config.json: cannot be read"),
        (lambda folder: (folder / NETWORK).write_text("{"), "config.json: cannot be read"),
        (lambda folder: changed(folder / NETWORK, _class_name="UNet1DModel"), "not UNet2DModel"),
        (lambda folder: changed(folder / NETWORK, layers_per_block=2), "do not fit config.json"),
        (lambda folder: drop(folder / WEIGHTS, "conv_in.bias"), "config.json: conv_in.bias"),
        (lambda folder: (folder / WEIGHTS).unlink(), "diffusion_pytorch_model.safetensors"),
        (lambda folder: (folder / WEIGHTS).write_bytes(b"no"), "unet"),
    ],
)
def test_a_damaged_folder_is_one_line(tmp_path: Path, damage: Any, said: str) -> None:
    damage(write_pipeline(tmp_path))
    with pytest.raises(PluginError) as caught:
        construct(DiffusersUNet, "diffusers_unet", {"folder": str(tmp_path)}, SHAPE)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_extra_is_named_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pipeline(tmp_path)
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(PluginError, match="pip install 'ood-bench.diffusion.'"):
        construct(DiffusersUNet, "diffusers_unet", {"folder": str(tmp_path)}, SHAPE)


def test_wrong_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="samples >= 1"):
        construct(DiffusersUNet, "x", {"folder": str(tmp_path), "samples": 0}, SHAPE)


def test_the_content_of_a_folder_belongs_to_the_revision(tmp_path: Path) -> None:
    write_pipeline(tmp_path / "one")
    registry = Registry(tmp_path)

    def revision(folder: str = "one") -> int | str:
        return registry.revision("diffusers_unet", DiffusersUNet, {"folder": folder})

    first = revision()
    (tmp_path / "one").rename(tmp_path / "two")
    (tmp_path / "two" / ".cache").mkdir()
    (tmp_path / "two" / ".cache" / "seen").write_text("")
    assert revision("two") == first
    changed(tmp_path / "two" / SCHEDULE, beta_end=0.03)
    assert revision("two") != first
    with pytest.raises(PluginError, match="folder: there is no folder"):
        revision("one")


def test_what_others_name_is_read_from_their_own_folder_alone(tmp_path: Path) -> None:
    write_pipeline(tmp_path / "kept" / "pipe")
    untrusted = Registry(tmp_path / "kept", trust=False)
    found = untrusted.located(DiffusersUNet, {"folder": "pipe"})
    assert found == {"folder": str(tmp_path / "kept" / "pipe")}
    for folder in ("..", "/", str(tmp_path)):
        with pytest.raises(PluginError, match="is no folder of the model"):
            untrusted.revision("diffusers_unet", DiffusersUNet, {"folder": folder})
