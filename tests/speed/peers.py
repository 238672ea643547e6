"""Other libraries' models, to run beside ours."""

from typing import Any

from ood_bench.data import Shape


def normflows_glow(shape: Shape, *, levels: int, steps: int, width: int) -> Any:
    """Return normflows' Glow of the same size as ours; its levels run from coarse to fine."""
    import normflows as nf

    priors, flows, merges = [], [], []
    for level in range(levels):
        blocks = [
            nf.flows.GlowBlock(
                shape.channels * 2 ** (levels + 1 - level), width, split_mode="channel"
            )
            for _ in range(steps)
        ]
        flows.append([*blocks, nf.flows.Squeeze()])
        down = 2 ** (levels - level)
        latent = shape.channels * 2 ** (levels - level + (level == 0))
        priors.append(
            nf.distributions.GlowBase((latent, shape.height // down, shape.width // down))
        )
        if level:
            merges.append(nf.flows.Merge())
    return nf.MultiscaleFlow(priors, flows, merges, class_cond=False)
