"""A diffusion model that was trained elsewhere: a UNet2DModel of diffusers with its schedule."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ood_bench.data import Shape
from ood_bench.folders import FolderPath
from ood_bench_models.diffusion_bound import DiffusionBound

SCHEDULERS = (
    "DDPMScheduler",
    "DDIMScheduler",
    "PNDMScheduler",
    "DPMSolverMultistepScheduler",
    "UniPCMultistepScheduler",
)
"""Those that keep the shares ᾱ_t of the image that a network was trained with."""
PREDICTIONS = ("epsilon", "sample", "v_prediction")


class DiffusersUNet(DiffusionBound):
    r"""A network of diffusers, read from a folder, with the bound on log P(x) that it gives.

    The folder is that of a pipeline, as `DDPMPipeline.save_pretrained` writes it: `unet/` with the
    configuration and the safetensors of a `UNet2DModel`, `scheduler/` with the configuration of its
    schedule. Images are on [−1, 1]. A noise level between two of the schedule's timesteps is a
    timestep between them, linear in the log-SNR; the bound covers the schedule's range of log-SNR,
    and no more. With most schedules the least noise is 0.01, 1.3 levels of a pixel, whose
    distribution given z_0 is then a categorical one over several levels.

    `training: {steps: 0}` takes the network as it is; the mean and standard deviation of each
    channel of the training images only make the estimate of the bound more precise. More steps
    train it further by the bound, with a network of `dropout` as diffusers does. The content of the
    folder counts: other weights are another model.

    `denoise` is the image that the network predicts, not clipped. Noise outside the schedule's
    range is removed as at its end: the image with noise is scaled to the variance it has, and the
    network is told the nearest timestep.

    Args:
        shape: Shape of one image, that of the network.
        folder: The pipeline's folder, relative to the suite.
        samples: Draws of t and ε in evaluation, evenly spaced in the log-SNR; more make the bound
            more precise, not tighter, and cost as much more. The worse the network, the more it
            takes.

    Reference:
        Ho et al., Denoising Diffusion Probabilistic Models, NeurIPS 2020, arXiv:2006.11239;
        Kingma et al., Variational Diffusion Models, NeurIPS 2021, arXiv:2107.00630, for the bound;
        Salimans & Ho, Progressive Distillation for Fast Sampling of Diffusion Models, ICLR 2022,
        arXiv:2202.00512, for v.
    """

    gammas: Tensor

    def __init__(self, shape: Shape, *, folder: FolderPath, samples: int = 16) -> None:
        super().__init__(shape)
        if samples < 1:
            raise ValueError(f"DiffusersUNet needs samples >= 1, got {samples}")
        gammas, self.prediction = _schedule(Path(folder))
        self.register_buffer("gammas", gammas, persistent=False)
        self.set_range(float(gammas[0]), float(gammas[-1]))
        self.samples = samples
        self.network = _network(Path(folder), shape)

    def noise_in(self, u: Tensor, spread: Tensor) -> Tensor:
        """Return ε̂ of images x + s ε on the scale [−1, 1], with s of shape `(B, 1, 1, 1)`."""
        alpha = (1.0 + spread.square()).rsqrt()
        with self.autocast():
            found = self.network(alpha * u, self.timestep(2.0 * spread.flatten().log())).sample
        found = found.to(u.dtype)
        noise: Tensor = found
        if self.prediction == "sample":
            noise = (u - found) / spread
        elif self.prediction == "v_prediction":
            noise = alpha * (found + spread * alpha * u)
        return noise

    def timestep(self, gamma: Tensor) -> Tensor:
        """Return the timestep, a float, of each γ; outside the schedule the nearest, `(B,)`."""
        last = len(self.gammas) - 1
        above = torch.searchsorted(self.gammas, gamma.detach().contiguous()).clamp(1, last)
        low, high = self.gammas[above - 1], self.gammas[above]
        return (above - 1 + (gamma - low) / (high - low)).clamp(0, last)


def _schedule(folder: Path) -> tuple[Tensor, str]:
    """Return γ_t = ln((1 − ᾱ_t) / ᾱ_t) of each timestep, `(T,)`, and what the network predicts.

    Raises:
        ValueError: If the folder has no schedule, or one that no bound can be read from.
    """
    diffusers = _diffusers()
    path = folder / "scheduler" / "scheduler_config.json"
    name = _configuration(path).get("_class_name")
    if name not in SCHEDULERS:
        known = ", ".join(SCHEDULERS)
        raise ValueError(f"{path}: has the scheduler {name!a}; those that can be read are {known}")
    scheduler = getattr(diffusers, name).from_pretrained(path.parent, local_files_only=True)
    prediction = scheduler.config.prediction_type
    if prediction not in PREDICTIONS:
        raise ValueError(f"{path}: prediction_type {prediction!a} is none of {PREDICTIONS}")
    shares = scheduler.alphas_cumprod.double().cpu()
    gammas = ((1.0 - shares) / shares).log()
    if len(gammas) < 2 or not gammas.isfinite().all() or not (gammas.diff() > 0).all():
        raise ValueError(
            f"{path}: noise must rise from timestep to timestep, and neither be none at the first "
            "nor leave nothing of the image at the last, as with rescale_betas_zero_snr"
        )
    return gammas.float(), prediction


def _network(folder: Path, shape: Shape) -> nn.Module:
    """Return the network of a folder.

    Raises:
        ValueError: If there is none, its weights are not whole, or it takes other images.
    """
    diffusers = _diffusers()
    path = folder / "unet" / "config.json"
    name = _configuration(path).get("_class_name")
    if name != "UNet2DModel":
        raise ValueError(f"{path}: is of the class {name!a}, not UNet2DModel")
    try:
        with torch.device("cpu"):
            network, found = diffusers.UNet2DModel.from_pretrained(
                path.parent,
                local_files_only=True,
                use_safetensors=True,
                low_cpu_mem_usage=False,
                output_loading_info=True,
            )
    except OSError as error:
        raise ValueError(f"{path.parent}: {' '.join(str(error).split())}") from error
    except RuntimeError as error:
        said = " ".join(str(error).split())[:200]
        raise ValueError(f"{path.parent}: its weights do not fit config.json: {said}") from error
    wrong = [key for kind in ("missing_keys", "unexpected_keys") for key in found[kind]]
    if wrong:
        raise ValueError(f"{path.parent}: its weights do not fit config.json: {sorted(wrong)[0]}")
    _check(path, network.config, shape)
    whole: nn.Module = network.float()
    return whole


def _check(path: Path, config: Any, shape: Shape) -> None:
    """Check that a network takes images of a shape and nothing beside them."""
    size = config.sample_size
    sides = (size, size) if isinstance(size, int) else tuple(size or (shape.height, shape.width))
    taken = Shape(config.in_channels, *sides)
    if taken != shape:
        raise ValueError(f"{path}: takes images of {taken}, not of {shape}")
    if config.out_channels != config.in_channels:
        raise ValueError(
            f"{path}: has {config.out_channels} channels of output for {config.in_channels} of the "
            "image; a network that predicts a variance too cannot be read"
        )
    if config.time_embedding_type != "positional":
        raise ValueError(
            f"{path}: time_embedding_type {config.time_embedding_type!a} takes no timesteps "
            "between others; it must be 'positional'"
        )
    if config.class_embed_type or config.num_class_embeds:
        raise ValueError(f"{path}: is a network of classes, and images have none here")


def _configuration(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path}: cannot be read ({error}); write the folder with DDPMPipeline.save_pretrained"
        ) from error
    return found


def _diffusers() -> Any:
    try:
        import diffusers
    except ImportError as error:
        raise ValueError(
            f"a network of diffusers needs diffusers ({error}): pip install 'ood-bench[diffusion]'"
        ) from error
    return diffusers
