"""Fetch a trained model from a folder, a web server or the Hugging Face hub."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

from pydantic import TypeAdapter, ValidationError

from ood_bench.errors import OodBenchError, StoreError, did_you_mean, machine_refusal
from ood_bench.files import unfinished_folder
from ood_bench.typed import Name
from ood_bench.zoo.index import fetched_root, read_index, shipped_root
from ood_bench.zoo.layout import (
    CARD,
    DATA,
    DESCRIPTION,
    TRAINING,
    check_files,
    read_description,
)

HUB = "hf:"
COMPANIONS = (CARD, TRAINING, DATA, "suite.yaml", "circumstances.json")
"""Files that describe a model and are not needed for scoring."""

PATIENCE = 60.0
"""Timeout of servers, in seconds."""

Bring = Callable[[str, Path], None]
"""Downloads the file of a name to a path, or raises `FileNotFoundError`."""


def fetch_model(name: str, source: str | None = None) -> Path:
    """Fetch a model into the user's zoo, and return its folder.

    Every file is checked against `model.json`, and `model.json` against the index if
    it lists the model. The folder is created atomically. Code in the model is not run.

    Args:
        name: The name of the model in the zoo.
        source: A folder; the base URL of the files; or `hf:owner/repository`, with a
            folder of it after another `/`. Default: the location in the index.

    Raises:
        OodBenchError: If the name is unknown and no source is given, the source has no such
            model, cannot be reached, or sent something else than the index or the model says.
    """
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        raise OodBenchError(
            f"{name!a} is no name of a model: letters, digits, . _ and -"
        ) from error
    index = read_index()
    if (shipped_root() / name / DESCRIPTION).is_file():
        raise OodBenchError(f"'{name}' is bundled; it needs no fetching")
    known = index.get(name)
    source = source or (known.source if known is not None else None)
    if not source:
        near = did_you_mean(name, index)
        raise OodBenchError(f"the zoo has no model '{name}'{near}; say --from where it lies")
    bring = _from(source)
    with unfinished_folder(fetched_root() / name) as folder:
        try:
            bring(DESCRIPTION, folder / DESCRIPTION)
            described = read_description(folder)
            if known is not None and described.digest != known.digest:
                raise OodBenchError(
                    f"{source}: its {DESCRIPTION} is not that of '{name}' in the index; it may be "
                    "another training: give it a name of its own"
                )
            for file in described.files:
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                bring(file, folder / file)
        except FileNotFoundError as error:
            raise OodBenchError(f"{source}: no exported model lies there: {error}") from error
        for file in COMPANIONS:
            with suppress(FileNotFoundError):
                bring(file, folder / file)
        try:
            check_files(folder, described)
        except StoreError as error:
            raise OodBenchError(f"{source}: {error}") from error
    return fetched_root() / name


def _from(source: str) -> Bring:
    if source.startswith(HUB):
        return _hub(source.removeprefix(HUB))
    if urlsplit(source).scheme in ("http", "https"):
        return _web(source.rstrip("/"))
    return _folder(Path(source))


def _folder(source: Path) -> Bring:
    def bring(name: str, to: Path) -> None:
        if not (source / name).is_file():
            raise FileNotFoundError(f"no file {source / name}")
        shutil.copyfile(source / name, to)

    return bring


def _web(source: str) -> Bring:
    def bring(name: str, to: Path) -> None:
        url = f"{source}/{quote(name)}"
        try:
            with urlopen(url, timeout=PATIENCE) as answer, to.open("wb") as file:
                shutil.copyfileobj(answer, file)
        except HTTPError as error:
            error.close()
            if error.code == 404:
                raise FileNotFoundError(f"no file {url}") from error
            raise OodBenchError(f"{url}: the server answers {error.code} {error.reason}") from error
        except (URLError, TimeoutError, ConnectionError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise OodBenchError(f"{url}: cannot be reached: {reason}") from error

    return bring


def _hub(source: str) -> Bring:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    owner, _, rest = source.partition("/")
    repository, _, folder = rest.partition("/")

    def bring(name: str, to: Path) -> None:
        try:
            path = hf_hub_download(f"{owner}/{repository}", name, subfolder=folder or None)
        except LocalEntryNotFoundError as error:  # no answer and no cached copy
            raise OodBenchError(f"{HUB}{source}: cannot be reached, and no copy is kept") from error
        except EntryNotFoundError as error:
            raise FileNotFoundError(f"no file {name}") from error
        except (HfHubHTTPError, OSError, ValueError) as error:
            if machine_refusal(error):
                raise
            reason = " ".join(str(error).split())
            raise OodBenchError(f"{HUB}{source}: cannot be reached: {reason}") from error
        shutil.copyfile(path, to)

    return bring
