"""Any continuous density of a package or a file, named in a suite without a class for it."""

from typing import Any

from ood_bench.data import Shape
from ood_bench.lit import FloatDensity
from ood_bench.lit.floats import Layout, Space
from ood_bench.source_files import CodePath, imported_callable


class Density(FloatDensity):
    """A density over floats of a package or a file, by its path: for example a flow of zuko.

    The callable is called with D = C·H·W where the layout is `flat` and with (C, H, W) where it
    is `image`, then with `arguments`; what it returns has a `log_prob`, or returns such an object.
    A density that takes more than that is a class of a few lines, derived from
    `ood_bench.lit.FloatDensity`, in a file beside the suite.

    Args:
        shape: Shape of one image.
        build: `package.module:callable`, or `./file.py:callable`, relative to the suite.
        arguments: Keyword arguments of the callable.
        layout: What the density takes: `flat`, vectors `(B, D)`, or `image`, `(B, C, H, W)`.
        space: What it sees of pixels y in (0, 1): `unit`, y; `standard`, standardised by mean
            and standard deviation of all training values; `logit`, logit(0.05 + 0.9 y), in which
            most flows learn images fastest.

    Reference:
        Theis et al., A note on the evaluation of generative models, ICLR 2016, arXiv:1511.01844.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        build: CodePath,
        arguments: dict[str, Any] = {},  # noqa: B006  read, never written
        layout: Layout = "flat",
        space: Space = "logit",
    ) -> None:
        builder = imported_callable("build", build)
        try:
            density = builder(shape.dims if layout == "flat" else tuple(shape), **arguments)
        except TypeError as error:
            raise ValueError(f"build '{build}': {error}") from error
        super().__init__(shape, density, layout, space)
        self.distribution()
