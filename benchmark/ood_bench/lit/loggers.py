"""Lightning's loggers by the name that a recipe gives."""

import os
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Logs:
    """Where loggers write what is to stay after a training.

    Attributes:
        folder: The folder of all trainings.
        name: The name of the training in it.
        version: What tells trainings of that name apart; a resumed one has the same.
    """

    folder: Path
    name: str
    version: str


def logger_for(recipe: Recipe, workdir: Path, logs: Logs | None = None) -> Logger:
    """Return a recipe's logger.

    Args:
        recipe: The training options.
        workdir: The folder of the training, where `csv` writes.
        logs: Where the others write; default: below `workdir`.

    Raises:
        PluginError: If the logger's package is not installed.
    """
    logs = logs or Logs(workdir, "logs", "0")
    if (workdir / "logs").is_file():
        (workdir / "logs").unlink()
    try:
        match recipe.logger:
            case "csv":
                return CSVLogger(workdir, name="logs")
            case "tensorboard":
                return TensorBoardLogger(logs.folder, name=logs.name, version=logs.version)
            case "wandb":
                logs.folder.mkdir(parents=True, exist_ok=True)
                return WandbLogger(logs.name, project="ood-bench", save_dir=logs.folder)
            case "mlflow":
                logs.folder.mkdir(parents=True, exist_ok=True)
                own = f"sqlite:///{logs.folder.absolute() / 'mlflow.db'}"
                uri = os.environ.get("MLFLOW_TRACKING_URI", own)
                return MLFlowLogger("ood-bench", run_name=logs.name, tracking_uri=uri)
    except ModuleNotFoundError as error:
        raise _missing(recipe) from error
