"""SHE: an image is odd when its features are unlike those stored for its class."""

import numpy as np

from ood_bench.detectors import Columns, Detector, FitOn, Scorer, Scores
from ood_bench.detectors.last_layer import features_of, logits_of


class She(Detector):
    """-⟨f(x), S_ŷ⟩, in squared units of the features f.

    S_c is the mean of f over the known images of class c, by their labels, that are classified
    correctly, and ŷ the likeliest class of x among those with such an image. The paper's
    simplified Hopfield energy.

    Args:
        fit_on: The known images: those that the classifier was trained on, as in the paper, or
            those held out.

    Reference:
        Zhang et al., Out-of-Distribution Detection based on In-Distribution Data Patterns
        Memorization with Modern Hopfield Energy, ICLR 2023,
        https://openreview.net/forum?id=KkazG4lgKL.
    """

    needs = ("classifier.features.*", "classifier.logits.*")
    fits_on = ("classifier.label",)

    def __init__(self, *, fit_on: FitOn = "train") -> None:
        self.fit_on = fit_on

    def fit(self, known: Columns) -> Scorer:
        """Return x ↦ minus the inner product with the pattern of its class.

        Raises:
            ValueError: If no image is classified correctly.
        """
        features, label = features_of(known), known["classifier.label"]
        right = logits_of(known).argmax(axis=1) == label
        classes = np.unique(label[right]).astype(np.int64)
        if not len(classes):
            raise ValueError(f"none of {len(label)} images is classified correctly")
        patterns = np.stack([features[right & (label == c)].mean(axis=0) for c in classes])

        def score(images: Columns) -> Scores:
            logits = logits_of(images)
            nearest = logits[:, classes].argmax(axis=1)
            found: Scores = -np.einsum("ij,ij->i", features_of(images), patterns[nearest])
            return np.where(np.isnan(logits).any(axis=1), np.nan, found)

        return score
