"""The likelihood of an ensemble, from its members'."""

from collections.abc import Sequence

import numpy as np

from ood_bench.detectors import Scores


def mixture_log_prob(members: Sequence[Scores]) -> Scores:
    r"""Return $\log \frac1K \sum_k P_k(x)$: the members are one density, an equal mixture.

    Args:
        members: log P_k(x) of the same images in nats, each `(N,)`.

    Returns:
        float64, shape `(N,)`; at most ln K below the likeliest member's.

    Reference:
        Lakshminarayanan et al., Simple and scalable predictive uncertainty estimation using
        deep ensembles, NeurIPS 2017, arXiv:1612.01474.

    Example:
        >>> mixture_log_prob([np.log([0.2]), np.log([0.4])]).round(4) == np.log([0.3]).round(4)
        array([ True])
    """
    from scipy.special import logsumexp

    return np.asarray(logsumexp(np.stack(members), axis=0) - np.log(len(members)), np.float64)
