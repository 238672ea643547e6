"""Input complexity: an image is odd when it is less likely than its file is long."""

from typing import Literal

import numpy as np

from ood_bench.detectors import Columns, Detector, Scorer, Scores
from ood_bench.units import nats_to_bits

_CODECS = ("png", "webp", "jpeg2000")


class InputComplexity(Detector):
    """-log₂ p(x) - L(x), in bits, where L is the length of the image's lossless file.

    The likelihood ratio of a universal code to the model: a simple image is likely under
    both, and the difference no longer favours it.

    The paper takes the shortest file of PNG, JPEG 2000 and FLIF. Here lossless WebP
    takes the place of FLIF.

    Args:
        codec: Whose file is measured; `best` takes the shortest of the three for each image.

    Reference:
        Serrà et al., Input complexity and out-of-distribution detection with likelihood-based
        generative models, ICLR 2020, arXiv:1909.11480.
    """

    def __init__(self, *, codec: Literal["best", "png", "webp", "jpeg2000"] = "best") -> None:
        chosen = _CODECS if codec == "best" else (codec,)
        self.lengths = tuple(f"complexity_{name}" for name in chosen)
        self.needs = ("log_prob", *self.lengths)

    def fit(self, held_out: Columns) -> Scorer:  # noqa: ARG002
        """Return x ↦ -log₂ p(x) - L(x); nothing is fitted."""

        def score(images: Columns) -> Scores:
            length: Scores = np.min([images[name] for name in self.lengths], axis=0)
            return -nats_to_bits(images["log_prob"]) - length

        return score
