"""Likelihood regret: an image is odd when its posterior could be much better."""

from ood_bench.detectors import Columns, Detector, Scorer, Scores


class LikelihoodRegret(Detector):
    """max over (μ, σ) of L(x; μ, σ) - L(x; μ(x), σ(x)), in nats.

    L is the bound on log p(x) of a latent-variable model under a Gaussian posterior: at its
    best for this one image, less that with the posterior that the encoder infers. The column
    is the score. The paper's code optimises a copy of the encoder; here (μ, σ) are free.

    Reference:
        Xiao et al., Likelihood Regret: An Out-of-Distribution Detection Score For Variational
        Auto-encoder, NeurIPS 2020, arXiv:2003.02977.
    """

    needs = ("likelihood_regret",)

    def fit(self, held_out: Columns) -> Scorer:  # noqa: ARG002
        """Return x ↦ its likelihood regret; nothing is fitted."""

        def score(images: Columns) -> Scores:
            return images["likelihood_regret"].copy()

        return score
