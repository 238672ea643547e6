"""A masked autoregressive flow of zuko as a model of ood-bench."""

import zuko

from ood_bench.data import Shape
from ood_bench.lit import FloatDensity


class Maf(FloatDensity):
    """A masked autoregressive flow over all pixels of an image, in the order of their rows."""

    def __init__(self, shape: Shape, *, transforms: int = 3, width: int = 64) -> None:
        flow = zuko.flows.MAF(shape.dims, transforms=transforms, hidden_features=(width, width))
        super().__init__(shape, flow, space="logit")
