"""ODIN: an image is odd when a small step cannot make the classifier surer of it."""

from ood_bench.detectors import Columns, Detector, Scorer, Scores


class Odin(Detector):
    """-max_k softmax_k(logits(x̃) / T), x̃ the image after a step that raises it, T = 1000.

    The column holds the softmax probability, without unit; step and temperature are constants of
    the statistic `odin`.

    Reference:
        Liang et al., Enhancing The Reliability of Out-of-distribution Image Detection in
        Neural Networks, ICLR 2018, arXiv:1706.02690.
    """

    needs = ("classifier.odin",)

    def fit(self, held_out: Columns) -> Scorer:  # noqa: ARG002
        """Return x ↦ minus the tempered probability of the most likely class."""

        def score(images: Columns) -> Scores:
            return -images["classifier.odin"]

        return score
