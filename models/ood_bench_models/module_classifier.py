"""Any classifier of a package or a file, named in a suite without a class for it."""

from typing import Any

from ood_bench.data import Shape
from ood_bench.lit import ImageInput, NetworkClassifier
from ood_bench.lit.image_input import Interpolation
from ood_bench.source_files import CodePath, imported_callable


class ModuleClassifier(NetworkClassifier):
    """A classifier of a package or a file, by its path: for example a ResNet of torchvision.

    The callable is called with `arguments` and returns an `nn.Module` that maps floats
    `(B, channels, H, W)` to logits. Give weights that were trained elsewhere as the `checkpoint`;
    without one it is trained from what the callable returns, or with `training: {steps: 0}` taken
    as it is. Other weights in a file that the callable reads are not noticed as a change.

    The features are what the last linear layer takes, or what a named layer returns. Images are
    resized whole, then scaled to (y − mean) / std of values y on [0, 1].

    Args:
        shape: Shape of one image.
        classes: Number of classes; the planner takes it from the data set.
        build: `package.module:callable`, or `./file.py:callable`, relative to the suite.
        arguments: Keyword arguments of the callable.
        features: Path of the layer whose output are the features, as `avgpool` or `layer4.1`;
            feature maps are averaged over their pixels. Default: the input of the last linear
            layer, which a path leaves to detectors that need no last layer unless it is the same.
        outputs: Which output of the network belongs to each class of the data set, in the order
            of its labels; default: all, in that order.
        channels: Channels that the network takes, where images are gray; default: the data's.
        size: Height and width that the network takes, or one number; default: the data's.
        interpolation: How images are resized to `size`.
        mean: Mean of the scaling: one number, or one for each channel.
        std: Its standard deviation, likewise.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        build: CodePath,
        arguments: dict[str, Any] = {},  # noqa: B006  read, never written
        classes: int = 10,
        features: str | None = None,
        outputs: tuple[int, ...] | None = None,
        channels: int | None = None,
        size: int | tuple[int, int] | None = None,
        interpolation: Interpolation = "bilinear",
        mean: float | tuple[float, ...] = 0.0,
        std: float | tuple[float, ...] = 1.0,
    ) -> None:
        image_input = ImageInput(
            shape, channels=channels, size=size, interpolation=interpolation, mean=mean, std=std
        )
        builder = imported_callable("build", build)
        try:
            network = builder(**arguments)
        except TypeError as error:
            raise ValueError(f"build '{build}': {error}") from error
        super().__init__(
            shape,
            network,
            classes=classes,
            features=features,
            outputs=outputs,
            image_input=image_input,
        )
