"""Lightning's loggers by the name that a recipe gives."""

from importlib.util import find_spec
from pathlib import Path

from pytorch_lightning.loggers import (
    CSVLogger,
    Logger,
    MLFlowLogger,
    TensorBoardLogger,
    WandbLogger,
)

from ood_bench.errors import PluginError
from ood_bench.recipe import Recipe

_PACKAGES = {
    "csv": ("csv",),
    "tensorboard": ("tensorboard", "tensorboardX"),
    "wandb": ("wandb",),
    "mlflow": ("mlflow",),
}
"""Packages that each logger needs; one of them suffices."""


def refuse_missing_logger(recipe: Recipe) -> None:
    """Check that a recipe's logger can be constructed.

    Raises:
        PluginError: If the logger's package is not installed.
    """
    if not any(map(find_spec, _PACKAGES[recipe.logger])):
        raise _missing(recipe)


def _missing(recipe: Recipe) -> PluginError:
    return PluginError(
        f"logger '{recipe.logger}' needs a package that is not installed; "
        f"pip install 'ood-bench[{recipe.logger}]'"
    )


def logger_for(recipe: Recipe, folder: Path) -> Logger:
    """Return a recipe's logger, which writes below a folder.

    Raises:
        PluginError: If the logger's package is not installed.
    """
    if (folder / "logs").is_file():
        (folder / "logs").unlink()
    try:
        match recipe.logger:
            case "csv":
                return CSVLogger(folder, name="logs")
            case "tensorboard":
                return TensorBoardLogger(folder, name="logs")
            case "wandb":
                return WandbLogger(project="ood-bench", save_dir=folder)
            case "mlflow":
                return MLFlowLogger("ood-bench", tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    except ModuleNotFoundError as error:
        raise _missing(recipe) from error
