"""Hierarchical likelihood ratio: an image is odd when only low latents explain it."""

from ood_bench.detectors import Columns, Detector, Scorer, Scores, family


class HierarchicalRatio(Detector):
    """LLR^{>k}(x) = L(x) - L^{>k}(x), in nats.

    L^{>k} is the bound with the lowest k levels of latents drawn from the prior given those
    above: low-level features explain any image, and a large difference says that this one
    needs them.

    Args:
        above: k, the levels whose latents come from the prior.

    Reference:
        Havtorn et al., Hierarchical VAEs Know What They Don't Know, ICML 2021,
        arXiv:2102.08248.
    """

    needs = ("elbo_above.*",)

    def __init__(self, *, above: int = 1) -> None:
        if above < 1:
            raise ValueError(f"above must be at least 1 level, got {above}")
        self.above = above

    def fit(self, held_out: Columns) -> Scorer:
        """Return x ↦ L(x) - L^{>k}(x); nothing is fitted.

        Raises:
            ValueError: If the model has no level k.
        """
        levels = family(held_out, "elbo_above").shape[1]
        name = f"elbo_above.{self.above}"
        if name not in held_out:
            known = ", ".join(str(k) for k in range(1, levels)) or "none"
            raise ValueError(f"above = {self.above}: the model has no such level; it has {known}")

        def score(images: Columns) -> Scores:
            return images["elbo_above.0"] - images[name]

        return score
