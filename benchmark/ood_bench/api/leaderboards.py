"""A leaderboard of many archives, whose numbers are computed again from their scores."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ood_bench.api.sharing import hub_errors, is_hub, repository
from ood_bench.errors import OodBenchError
from ood_bench.files import write_whole
from ood_bench.report.leaderboard import LeaderboardEntry, leaderboard_page
from ood_bench.runs import is_archive, read_record, recompute, store_of
from ood_bench.runs.recompute import LEVEL
from ood_bench.runs.record import CELLS, RECORD

PAGE = "leaderboard.html"
TITLE = "Leaderboard of out-of-distribution detectors"


@dataclass(frozen=True)
class Leaderboard:
    """A leaderboard that was written.

    Attributes:
        page: The path of the page.
        shown: The names of the archives that it shows.
        refused: A line for each archive that it does not show, with the reason.
    """

    page: Path
    shown: tuple[str, ...]
    refused: tuple[str, ...]


def leaderboard(
    sources: str | Path | Sequence[str | Path],
    output: str | Path = PAGE,
    *,
    title: str = TITLE,
) -> Leaderboard:
    """Write one page that ranks the detectors of many archives.

    Every number is computed again from the scores in the archive. An archive that states another
    number, or is damaged, is refused, and the others are shown. No code of an archive is run.

    Args:
        sources: Folders with archives in them, at any depth, and repositories of the Hugging Face
            hub, `hf://owner/name`.
        output: The page, a file.
        title: Its heading.

    Raises:
        OodBenchError: If a source has no archive or cannot be reached, or all archives are refused.
    """
    given = [sources] if isinstance(sources, str | Path) else list(sources)
    entries, refused = [], []
    for name, folder in [one for source in given for one in _archives(source)]:
        try:
            entries.append(_entry(name, folder))
        except OodBenchError as error:
            said = " ".join(str(error).split()).replace(str(folder), name)
            refused.append(said if name in said else f"{name}: {said}")
    if not entries:
        raise OodBenchError(f"no archive is left: {refused[0]}")
    page = leaderboard_page(entries, refused, level=LEVEL, title=title)
    shown = tuple(entry.name for entry in entries)
    return Leaderboard(write_whole(Path(output), page), shown, tuple(refused))


def _archives(source: str | Path) -> Iterator[tuple[str, Path]]:
    """Yield the name and the folder of each archive of a source."""
    if is_hub(source):
        from huggingface_hub import snapshot_download

        name = repository(str(source))
        with hub_errors(str(source)):
            root = Path(snapshot_download(name, allow_patterns=[f"*{RECORD}", f"*{CELLS}"]))
    else:
        root = Path(source)
        name = root.resolve().name
        if not root.is_dir():
            raise OodBenchError(f"{source}: no such folder")
    folders = sorted(path.parent for path in root.rglob(RECORD) if is_archive(path.parent))
    if not folders:
        raise OodBenchError(f"{source}: no archive lies here; 'ood-bench archive' writes one")
    for folder in folders:
        within = folder.relative_to(root).as_posix().removesuffix("archive").strip("/.")
        yield "/".join(filter(None, [name, within])), folder


def _entry(name: str, folder: Path) -> LeaderboardEntry:
    record = read_record(folder)
    with store_of(folder, folder, record) as store:
        rows = recompute(record, store)
    if not rows:
        raise OodBenchError(f"{name}: no detector was measured")
    return LeaderboardEntry(name, record.suite, record.title, record.checksum, rows)
