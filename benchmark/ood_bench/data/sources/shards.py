"""Which Parquet files of a folder are of which split, in the layouts that the hub has."""

import re
from collections import defaultdict
from pathlib import Path

from ood_bench.data.sources import Files
from ood_bench.errors import DataError

_SHARD = re.compile(r"(?P<split>.+?)-(?P<part>\d{5})-of-(?P<parts>\d{5})(-[0-9a-f]+)?")
_NUMBERED = re.compile(r"\d+|part-\d+(-.*)?")
_COPY = re.compile(r".*( \(\d+\)| - Copy( \(\d+\))?| copy( \d+)?)", re.IGNORECASE)
_SPLIT = re.compile(r"(partial-)?(train|test|val|valid|validation|dev|all)")


def parquet_files(folder: Path) -> Files:
    """Return the Parquet files of a folder by split; nothing where it holds none.

    They lie in the folder itself, below `data`, in folders of splits (`train/0000.parquet`), or
    all of these below the folder of one configuration (`default/train/0000.parquet`).

    Raises:
        DataError: If a shard is missing or there twice, or there are several configurations.
    """
    return _below(folder, deeper=2)


def _below(folder: Path, *, deeper: int) -> Files:
    here = sorted(path for path in folder.glob("*.parquet") if not path.name.startswith("."))
    found = {path: _below(path, deeper=deeper - 1) for path in _folders(folder)} if deeper else {}
    found = {path: files for path, files in found.items() if files}
    if here and found:
        names = ", ".join(path.name for path in found)
        raise DataError(f"{folder}: Parquet files both in it and in {names} below; name one folder")
    if here:
        return by_split(here)
    splits = {path.name: files for path, files in found.items() if _SPLIT.fullmatch(path.name)}
    if splits:
        odd = [path.name for path in found if path.name not in splits]
        if odd or any(set(files) - {"all", name} for name, files in splits.items()):
            names = ", ".join(path.name for path in found)
            raise DataError(f"{folder}: cannot tell the splits of the Parquet files in {names}")
        return {name: tuple(sum(files.values(), ())) for name, files in splits.items()}
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise DataError(
            f"{folder}: Parquet files of several configurations, {names}; name the folder of one"
        )
    return next(iter(found.values()), {})


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")


def by_split(paths: list[Path], *, prefix: str = "") -> Files:
    """Group files by the split that their names begin with, after a prefix.

    `<split>-00000-of-00002` and on is one shard of a split; `0000` and `part-0` have no split in
    their names and are of `all`.

    Raises:
        DataError: If a shard is missing, or there twice.
    """
    found: dict[str, dict[Path, re.Match[str] | None]] = defaultdict(dict)
    for path in paths:
        stem = path.stem.removeprefix(prefix)
        match = _SHARD.fullmatch(stem)
        if _COPY.fullmatch(stem):
            raise DataError(f"{path}: by its name a copy of another file; move it away")
        if match:
            found[match["split"]][path] = match
        else:
            split = "all" if _NUMBERED.fullmatch(stem) else stem.partition("-")[0]
            found[split][path] = None
    for split, shards in found.items():
        _check_whole(split, shards)
    return {split: tuple(shards) for split, shards in found.items()}


def _check_whole(split: str, shards: dict[Path, re.Match[str] | None]) -> None:
    """Refuse shards that are not each of 0 to N - 1 once."""
    folder = next(iter(shards)).parent
    numbered: dict[int, Path] = {}
    for path, match in shards.items():
        if match is None:
            continue
        part = int(match["part"])
        if part in numbered:
            raise DataError(
                f"{folder}: '{numbered[part].name}' and '{path.name}' are the same shard of split "
                f"'{split}'; move one away"
            )
        numbered[part] = path
    counts = {int(match["parts"]) for match in shards.values() if match}
    if len(counts) > 1 or (counts and len(numbered) < len(shards)):
        names = ", ".join(f"'{path.name}'" for path in shards)
        raise DataError(f"{folder}: split '{split}' lies there more than once: {names}; keep one")
    for wanted in counts:
        beyond = [path.name for part, path in numbered.items() if part >= wanted]
        lacking = [f"{part:05}" for part in range(wanted) if part not in numbered]
        if lacking or beyond:
            line = f"split '{split}' has {wanted - len(lacking)} of {wanted} shards"
            missing = f"; there is no {', '.join(lacking[:10])}" if lacking else ""
            odd = f"; {', '.join(beyond[:10])} is beyond them" if beyond else ""
            raise DataError(f"{folder}: {line}{missing}{odd}")
