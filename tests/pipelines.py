"""Folders of diffusers' pipelines, made for a test."""

from pathlib import Path

import pytest
import torch

diffusers = pytest.importorskip("diffusers")


def write_pipeline(
    folder: Path,
    *,
    size: int | tuple[int, int] = 8,
    channels: int = 1,
    blocks: tuple[int, ...] = (4, 8),
    scheduler: str = "DDPMScheduler",
    network: dict[str, object] | None = None,
    schedule: dict[str, object] | None = None,
    output: float = 1.0,
) -> Path:
    """Write a small untrained network and its schedule; a factor scales what it predicts."""
    scales = len(blocks)
    given = {
        "sample_size": size,
        "in_channels": channels,
        "out_channels": channels,
        "block_out_channels": blocks,
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "AttnDownBlock2D")[-scales:],
        "up_block_types": ("AttnUpBlock2D", "UpBlock2D")[:scales],
        "norm_num_groups": 2,
        "attention_head_dim": 4,
    }
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        unet = diffusers.UNet2DModel(**given | (network or {}))
        unet.conv_out.weight.mul_(output)
        unet.conv_out.bias.mul_(output)
    unet.save_pretrained(folder / "unet")
    made = getattr(diffusers, scheduler)(**schedule or {})
    made.save_pretrained(folder / "scheduler")
    return folder
