"""The record of a run: its suite, cells, skips, failures and manifest."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from ood_bench.cells import Address, RecordedCell
from ood_bench.claims import Claim
from ood_bench.errors import OodBenchError, StoreError
from ood_bench.files import write_sealed
from ood_bench.hashing import digest
from ood_bench.plan import DataRead, Plan
from ood_bench.results import Corrupted, Labelled, Omission, Variant
from ood_bench.runs.changes import WHOLE, Changes
from ood_bench.runs.former import FORMAT as FORMER
from ood_bench.runs.former import brought_up, changes_of
from ood_bench.runs.own import made_here, mark
from ood_bench.spreadsheet import unicode_text
from ood_bench.suite import Quoted, Suite
from ood_bench.typed import DerivedName, Key, read_limited, typed

RECORD = "run.json"
CELLS = "cells.zip"
"""The file beside an archive's record: all its cells, without weights."""

FORMAT = 2
"""Format number of records, raised when the format changes."""

_NAME = TypeAdapter[str](DerivedName)
_KEY = TypeAdapter[str](Key)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NAMED = (
    "model",
    "inside",
    "outside",
    "detector",
    "baseline",
    "metric",
    "analysis",
    "data",
    "name",
)


@dataclass(frozen=True)
class RunRecord:
    """Everything that a report needs beside the store.

    Attributes:
        suite: The suite's name.
        title: Its heading.
        about: Its introductory paragraph.
        level: Coverage of the intervals.
        claims: Its claims.
        cells: The plan's cells, one entry per address.
        data, skips: As in the plan.
        failures: Cells that failed, with their messages.
        notes: Shown above every table.
        baseline: The detector that others are compared with.
        quoted: Published AUROC of the detectors.
        uses: What each detector reads, as in the plan.
        hidden: Keys of the analyses whose tables and figures are left out.
        manifest: Suite file, settings, machine, versions, wall time.
        base: The folder that plugins in files are relative to, the suite's; empty in an archive.
        zipped: The checksum of an archive's `cells.zip`; otherwise empty.
        changes: How the run differs from the whole suite as it is written.
        planned: Keys of further cells of the suite, which freeing the store keeps; None in an
            archive.
        own: Whether this user made the run on this machine, so that its plugins are trusted; not
            written.
        variants: The models that are variants of one, by their names.
        categories: The categories of OOD sets.
        corrupted: The OOD sets that are corrupted ID images.
        checksum: The checksum of its file, which covers the cells of an archive too; not
            written.
    """

    suite: str
    title: str
    about: str
    level: Annotated[float, Field(gt=0.5, lt=1)]
    claims: tuple[Claim, ...]
    cells: tuple[RecordedCell, ...]
    data: tuple[DataRead, ...]
    skips: tuple[Omission, ...]
    failures: tuple[Omission, ...] = ()
    notes: tuple[str, ...] = ()
    manifest: Mapping[str, str] = field(default_factory=dict)
    baseline: str | None = None
    quoted: tuple[Quoted, ...] = ()
    uses: Mapping[str, str] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    base: str = ""
    zipped: str = ""
    changes: Changes = WHOLE
    planned: tuple[str, ...] | None = None
    variants: Mapping[str, Variant] = field(default_factory=dict)
    categories: tuple[Labelled, ...] = ()
    corrupted: tuple[Corrupted, ...] = ()
    own: bool = False
    checksum: str = ""

    def of(self, *kinds: str) -> Iterator[RecordedCell]:
        """Yield the cells of some kinds in the plan's order, a shared one once per address."""
        return (cell for cell in self.cells if cell.kind in kinds)

    @property
    def ensembles(self) -> frozenset[str]:
        """The models that are ensembles, which have no trainings of their own."""
        tried = {cell.at.model for cell in self.of("bpd", "detection", "analysis")}
        return frozenset(tried - {cell.at.model for cell in self.of("train")})

    @property
    def content(self) -> dict[str, Any]:
        """The written content, as JSON."""
        content = asdict(replace(self, cells=(), claims=())) | {
            "format": FORMAT,
            "cells": [
                {"kind": cell.kind, "key": cell.key, "at": _stated(cell.at)} for cell in self.cells
            ],
            "claims": [claim.model_dump(mode="json") for claim in self.claims],
            "quoted": [value.model_dump(mode="json") for value in self.quoted],
        }
        del content["own"], content["checksum"]
        found: dict[str, Any] = _plain(content)
        return found

    @classmethod
    def begun(
        cls,
        suite: Suite,
        plan: Plan,
        *,
        changes: Changes = WHOLE,
        notes: tuple[str, ...] = (),
        base: Path | None = None,
    ) -> "RunRecord":
        """Return the record of a run that has a plan but no outcomes yet.

        Args:
            suite: The suite.
            plan: Its plan.
            changes: How the run differs from the whole suite.
            notes: Shown above every table.
            base: The folder that plugins in files are relative to.
        """
        return cls(
            suite=suite.name,
            title=suite.title,
            about=suite.about,
            level=suite.evaluation.level,
            claims=suite.claims,
            cells=tuple(listed for cell in plan.cells for listed in cell.listed),
            data=plan.data,
            skips=plan.skips,
            changes=changes,
            notes=notes,
            baseline=suite.evaluation.baseline,
            quoted=suite.published,
            uses=plan.uses,
            variants=suite.variants,
            categories=suite.categories,
            corrupted=suite.corrupted,
            base="" if base is None else str(base.absolute()),
        )


def _stated(at: Address) -> dict[str, Any]:
    """Return the fields of an address that are not empty."""
    return {name: value for name, value in vars(at).items() if value not in ("", {})}


def run_folder(results: Path, suite: Suite, settings: Mapping[str, Any]) -> Path:
    """Return the folder of a run, named by the suite and a digest of suite and settings.

    The same suite with the same settings has the same folder, so a run that resumes after a
    kill does not leave a second report.
    """
    # without defaults, so that a new option of suites changes no folder
    stated = suite.model_dump(mode="json", exclude_defaults=True)
    content = {"suite": stated, "settings": dict(settings)}
    return results / f"{suite.name}-{digest(content)[:8]}"


def write_record(folder: Path, record: RunRecord) -> RunRecord:
    """Write a run's record with its checksum atomically, and return it with the checksum.

    The record of a run with plugins in files, or named by their module, is signed as one of
    this user's own runs.
    """
    content = record.content
    signed = record.base and any(":" in cell.at.plugin for cell in record.cells)
    content = {**content, "mark": mark(content) if signed else ""}
    write_sealed(folder / RECORD, content)
    return replace(record, checksum=digest(content))


def read_record(folder: Path) -> RunRecord:
    """Read a run's record.

    Raises:
        OodBenchError: If there is none, or it is damaged or has no checksum.
    """
    path = folder / RECORD
    try:
        text = read_limited(path)
        sealed = typed(text, _Sealed, path)
        content = sealed.sealed(path)
        given, form = content.pop("mark", ""), content.get("format")
        if form not in (FORMER, FORMAT):
            known = f"{FORMER} and {FORMAT}"
            raise StoreError(f"{path}: format {ascii(form)[:20]}, and this reads {known}")
        if _plain(content) != content:
            raise StoreError(f"{path} is damaged: it holds control characters")
        today = brought_up(content, path) if form == FORMER else content
        if "changes" not in today:
            today = {**today, "changes": changes_of(today.get("notes"))}
        record = typed(json.dumps(today), RunRecord, path)
        _check(record, path)
    except FileNotFoundError as error:
        raise OodBenchError(f"{folder}: no run lies here ({RECORD} is missing)") from error
    except StoreError as error:
        raise OodBenchError(f"{error}; run the suite again, or have it archived again") from error
    own = bool(given) and made_here(content, str(given))
    return replace(record, own=own, checksum=sealed.digest)


@dataclass(frozen=True)
class _Sealed:
    """Format of `files.write_sealed`; early versions wrote no digest."""

    content: dict[str, Any] = field(default_factory=dict)
    digest: str = ""

    def sealed(self, path: Path) -> dict[str, Any]:
        if not self.digest:
            raise StoreError(f"{path} carries no checksum")
        if digest(self.content) != self.digest:
            raise StoreError(f"{path} is damaged: it is not what was written")
        return dict(self.content)


def _check(record: RunRecord, path: Path) -> None:
    """Check that names are valid in a suite and that keys are keys."""
    try:
        _NAME.validate_python(record.suite)
        labelled = (*record.categories, *record.corrupted)
        named = (*(cell.at for cell in record.cells), *record.data, *record.skips)
        for item in (*named, *record.failures, *record.quoted, *labelled):
            for attribute, value in vars(item).items():
                if attribute in _NAMED and value:
                    _NAME.validate_python(value)
        keys = (cell.key for cell in record.cells)
        for key in (*keys, *record.hidden, *(record.planned or ())):
            _KEY.validate_python(key)
    except ValidationError as error:
        wrong = ascii(error.errors()[0]["input"])[:80]
        raise StoreError(f"{path} is damaged: {wrong} is no name or key of a suite") from error


def _plain(value: Any) -> Any:
    """Return a JSON value with safe text.

    Terminal control characters, and what is not Unicode, are escaped.
    """
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], unicode_text(value))
    return value
