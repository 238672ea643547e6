"""Training checkpoints that a kill at any moment leaves whole."""

import logging
import os
from pathlib import Path

from pytorch_lightning import Trainer

from ood_bench.hashing import file_sha256

_log = logging.getLogger(__name__)


def _replace(temporary: Path, path: Path) -> None:
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Checkpoint:
    """One checkpoint file and, beside it, the checksums it may have.

    The checksums are those of the newest file and of the one it replaces. They are written
    first, so that whichever of the two files a kill leaves is one of them.

    Args:
        path: Where the checkpoint lies.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checksums = path.with_name(path.name + ".sha256")

    def save(self, trainer: Trainer) -> None:
        """Write the trainer's state."""
        temporary = self.path.with_name(self.path.name + ".tmp")
        trainer.save_checkpoint(temporary)
        known = self.checksums.read_text().split()[:1] if self.checksums.exists() else []
        note = self.checksums.with_name(self.checksums.name + ".tmp")
        note.write_text("\n".join([file_sha256(temporary), *known]) + "\n")
        _replace(note, self.checksums)
        _replace(temporary, self.path)

    def usable(self) -> bool:
        """Tell whether there is a checkpoint with one of its checksums; log a damaged one."""
        if not self.path.exists():
            return False
        if self.checksums.exists() and file_sha256(self.path) in self.checksums.read_text().split():
            return True
        _log.warning("%s is damaged; training starts anew", self.path)
        return False
