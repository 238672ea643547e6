"""A neural spline flow of normflows, in a file beside a suite."""

import normflows as nf

from ood_bench.data import Shape
from ood_bench.lit import FloatDensity


class Flow(FloatDensity):
    """Autoregressive rational-quadratic splines over all pixels."""

    def __init__(self, shape: Shape, *, layers: int = 2, width: int = 32) -> None:
        layer = nf.flows.AutoregressiveRationalQuadraticSpline
        steps = [layer(shape.dims, 1, width, tail_bound=5) for _ in range(layers)]
        flow = nf.NormalizingFlow(nf.distributions.DiagGaussian(shape.dims), steps)
        super().__init__(shape, flow, space="logit")
