"""LID by thresholds: an image is odd when its likelihood or its intrinsic dimension is low."""

import numpy as np

from ood_bench.detectors import Columns, Detector, Scorer, Scores


class LidThresholds(Detector):
    """Larger of the shares of held-out images with a higher log p(x), and a higher dimension.

    The paper calls an image OOD if its likelihood is below one threshold, or its local intrinsic
    dimension below another. A threshold on this score is a pair of them, each of which turns away
    the same share of held-out images. The paper's AUROC is that of the best of all pairs, which
    only OOD images tell. Images below all held-out ones in either tie at 1. High values are not
    odd, unlike in `lid`.

    Reference:
        Kamkari et al., A Geometric Explanation of the Likelihood OOD Detection Paradox, ICML 2024,
        arXiv:2403.18910.
    """

    needs = ("log_prob", "intrinsic_dimension")

    def fit(self, held_out: Columns) -> Scorer:
        """Return x ↦ the larger share."""
        known = {name: np.sort(held_out[name]) for name in self.needs}

        def above(name: str, x: Scores) -> Scores:
            share = 1.0 - np.searchsorted(known[name], x, side="right") / len(known[name])
            return np.where(np.isnan(x), np.nan, share)

        def score(images: Columns) -> Scores:
            found: Scores = np.maximum(*(above(name, images[name]) for name in self.needs))
            return found

        return score
