"""Share a run: its archive, its card and its weights in a folder or on the Hugging Face hub."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ood_bench.errors import OodBenchError, StoreError, machine_refusal
from ood_bench.files import unfinished_folder, write_whole
from ood_bench.zoo.layout import CARD

if TYPE_CHECKING:
    from ood_bench.api.events import Progress
    from ood_bench.api.frames import Run

HUB = "hf:"
ARCHIVE, MODELS = "archive", "models"

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")


def push(
    run: "Run",
    target: str | Path,
    *,
    weights: bool = True,
    private: bool = False,
    skip: Sequence[str] = (),
    progress: "Progress | None" = None,
) -> str:
    """Write a run's card, archive and trained models as `Run.push` says."""
    if not is_hub(target):
        folder = Path(target)
        if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
            raise OodBenchError(f"{folder} is not empty; name a new folder")
        with unfinished_folder(folder) as new:
            _write(run, new, weights=weights, skip=skip, progress=progress)
        return str(folder)
    name = repository(str(target))

    from huggingface_hub import HfApi

    hub = HfApi()
    with hub_errors(str(target)):
        made = hub.create_repo(name, private=private, exist_ok=True)  # refuses before any work
    with tempfile.TemporaryDirectory() as temporary:
        _write(run, Path(temporary), weights=weights, skip=skip, progress=progress)
        message = f"Add the run {run.name}"
        with hub_errors(str(target)):
            hub.upload_folder(repo_id=name, folder_path=temporary, commit_message=message)
    return str(made)


def is_hub(target: str | Path) -> bool:
    """Return whether a target is on the hub: `hf://owner/name`, or `hf:owner/name`."""
    return str(target).startswith(HUB)


def repository(target: str) -> str:
    """Return the name of the hub's repository that `hf://owner/name` stands for.

    Raises:
        OodBenchError: If it is no such name.
    """
    name = target.removeprefix(HUB).removeprefix("//")
    if not _REPOSITORY.fullmatch(name):
        raise OodBenchError(f"{target}: a repository of the hub is hf://owner/name")
    return name


@contextmanager
def hub_errors(target: str) -> Iterator[None]:
    """Turn errors of the hub's client into ours, of one line."""
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    log_in = "log in with 'hf auth login', or set HF_TOKEN"
    try:
        yield
    except LocalTokenNotFoundError as error:
        raise OodBenchError(f"{target}: {log_in}") from error
    except HfHubHTTPError as error:
        code = error.response.status_code
        reason = error.server_message or " ".join(str(error).split())[:200]
        hint = f"; {log_in}" if code == 401 else ""
        raise OodBenchError(f"{target}: the hub answers {code}: {reason}{hint}") from error
    except Exception as error:  # the client raises errors of its HTTP library
        if machine_refusal(error):
            raise
        reason = " ".join(str(error).split())[:200]
        raise OodBenchError(f"{target}: cannot be reached: {reason}") from error


def _write(
    run: "Run",
    folder: Path,
    *,
    weights: bool,
    skip: Sequence[str],
    progress: "Progress | None",
) -> None:
    """Write everything to a folder."""
    write_whole(folder / CARD, run.card_text())
    run.archive(folder / ARCHIVE, skip=skip, progress=progress)
    if weights:
        from ood_bench.scoring import export, models_of

        for model in models_of(run.folder):
            safe = re.sub(r"[^A-Za-z0-9._-]+", "-", model.name)
            if (folder / MODELS / safe).exists():
                raise StoreError(f"two models would be written to {MODELS}/{safe}")
            export(model, folder / MODELS / safe)
