"""Training checkpoints that survive a kill at any moment."""

import logging
import os
import shutil
from pathlib import Path

from pytorch_lightning import Trainer

from ood_bench.files import unfinished, write_whole
from ood_bench.hashing import file_sha256

_log = logging.getLogger(__name__)


class Checkpoint:
    """One checkpoint file and, beside it, a file of its valid checksums.

    The checksums are those of the newest checkpoint and of the one that it replaces. They are
    written first, so that whichever checkpoint a kill leaves is valid.

    Args:
        path: The file of the checkpoint.
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
        """Return the valid checksums; none if their own file is damaged."""
        try:
            return self.checksums.read_text(encoding="ascii").split()
        except (OSError, UnicodeDecodeError):
            return []

    def usable(self) -> bool:
        """Return whether there is a checkpoint with a valid checksum.

        A damaged one is named in a warning and removed.
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
