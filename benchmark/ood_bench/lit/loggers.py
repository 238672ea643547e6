"""Lightning's loggers by the name that a recipe gives."""

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
        raise PluginError(
            f"logger '{recipe.logger}' needs a package that is not installed; "
            f"pip install 'ood-bench[{recipe.logger}]'"
        ) from error
