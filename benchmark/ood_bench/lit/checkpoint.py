"""Training checkpoints that a kill at any moment leaves whole."""

import logging
import os
import shutil
from pathlib import Path

from pytorch_lightning import Trainer

from ood_bench.files import unfinished, write_whole
from ood_bench.hashing import file_sha256

_log = logging.getLogger(__name__)


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
        with unfinished(self.path) as temporary:
            trainer.save_checkpoint(temporary)
            lines = [file_sha256(temporary), *self._known()[:1]]
            write_whole(self.checksums, "\n".join(lines) + "\n")

    def _known(self) -> list[str]:
        """Return the checksums that a file may have; none where their own file is damaged."""
        try:
            return self.checksums.read_text(encoding="ascii").split()
        except (OSError, UnicodeDecodeError):
            return []

    def usable(self) -> bool:
        """Return whether there is a checkpoint with one of its checksums.

        A damaged one is named in a warning and removed, whatever stands in its place.
        """
        if not os.path.lexists(self.path):
            return False
        try:
            if file_sha256(self.path) in self._known():
                return True
        except OSError:
            pass
        _log.warning("%s is damaged; training starts anew", self.path)
        for path in (self.path, self.checksums):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        return False
