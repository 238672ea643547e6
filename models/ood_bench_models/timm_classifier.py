"""Any classifier of timm, by its name."""

from importlib import import_module
from types import ModuleType
from typing import Any

from ood_bench.data import Shape
from ood_bench.errors import PluginError, did_you_mean, raised
from ood_bench.lit import ImageInput, NetworkClassifier
from ood_bench.lit.image_input import Interpolation

_READ = ("pretrained", "checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir")
_OWN = {"in_chans": "channels"}


class Timm(NetworkClassifier):
    """A classifier of timm by its name, for example `resnet18`.

    It is built without weights, and nothing is downloaded: give a file of weights as the
    `checkpoint`, or train it. The features are what the last linear layer takes, or what a named
    layer returns. Images are resized whole, without timm's crop, and scaled, by default as timm's
    configuration of the name says, which its own training programs follow too; for a gray image the
    mean of the three channels' numbers is taken.

    Args:
        shape: Shape of one image.
        classes: Number of classes; the planner takes it from the data set.
        model: Name of the model, as `timm.list_models()` has it.
        arguments: Keyword arguments of `timm.create_model`, for example `{img_size: 32}`;
            `num_classes` is `classes` by default.
        features: Path of the layer whose output are the features; feature maps are averaged over
            their pixels. Default: the input of the last linear layer.
        outputs: Which output of the network belongs to each class of the data set, in the order
            of its labels; default: all, in that order.
        channels: Channels that the network takes, where images are gray; default: the data's.
        size: Height and width that the network takes, or one number; default: timm's.
        interpolation: How images are resized to `size`; default: timm's.
        mean: Mean of the scaling: one number, or one for each channel; default: timm's.
        std: Its standard deviation, likewise.

    Raises:
        PluginError: If timm is not installed, or does not import.

    Reference:
        Wightman, PyTorch Image Models, 2019, doi:10.5281/zenodo.4414861.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        model: str,
        arguments: dict[str, Any] = {},  # noqa: B006  read, never written
        classes: int = 10,
        features: str | None = None,
        outputs: tuple[int, ...] | None = None,
        channels: int | None = None,
        size: int | tuple[int, int] | None = None,
        interpolation: Interpolation | None = None,
        mean: float | tuple[float, ...] | None = None,
        std: float | tuple[float, ...] | None = None,
    ) -> None:
        timm = _timm()
        _refuse(timm, model, arguments)
        taken = shape.channels if channels is None else channels
        given = {"num_classes": classes, **arguments}
        try:
            network = timm.create_model(model, in_chans=taken, **given)
        except Exception as error:
            raise ValueError(f"timm cannot create '{model}': {raised(error)}") from error
        config: dict[str, Any] = network.pretrained_cfg
        own = arguments.get("img_size", config["input_size"][1:])
        image_input = ImageInput(
            shape,
            channels=channels,
            size=size or (own if isinstance(own, int) else tuple(own)),
            interpolation=interpolation
            or ("bicubic" if config["interpolation"] == "bicubic" else "bilinear"),
            mean=_for_channels(config["mean"], taken) if mean is None else mean,
            std=_for_channels(config["std"], taken) if std is None else std,
        )
        super().__init__(
            shape,
            network,
            classes=classes,
            features=features,
            outputs=outputs,
            image_input=image_input,
        )


def _timm() -> ModuleType:
    try:
        return import_module("timm")
    except ModuleNotFoundError as error:
        raise PluginError(
            f"the model timm needs timm ({error}): pip install 'ood-bench[timm]'"
        ) from error
    except Exception as error:  # torchvision raises a RuntimeError beside another PyTorch
        raise PluginError(
            f"timm does not import: {raised(error)}; it needs the build of torchvision that is "
            "made for the installed PyTorch"
        ) from error


def _refuse(timm: ModuleType, model: str, arguments: dict[str, Any]) -> None:
    """Refuse names that timm does not know, and arguments that are options or read weights.

    Raises:
        ValueError: If there is one.
    """
    for argument in arguments:
        if argument in _READ:
            raise ValueError(
                f"arguments.{argument}: give the weights as a file with `checkpoint`; nothing is "
                "downloaded, and a change of the file is noticed"
            )
        if argument in _OWN:
            raise ValueError(f"arguments.{argument}: use the option `{_OWN[argument]}`")
    if timm.is_model(model):
        return
    near = did_you_mean(model, timm.list_models())
    raise ValueError(
        f"timm has no model '{model}'"
        + (near if "did you mean" in near else "; timm.list_models() has the names")
    )


def _for_channels(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """Return numbers of three channels for as many as there are: their mean for others."""
    if len(values) == channels:
        return tuple(values)
    return (sum(values) / len(values),)
