"""The record of a run: what was asked for, where its results lie, what was left out."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ood_bench.claims import Claim
from ood_bench.data import ImagesInfo, Shape
from ood_bench.errors import OodBenchError, did_you_mean
from ood_bench.files import write_whole
from ood_bench.hashing import digest
from ood_bench.plan import (
    AnalysisRef,
    AuditRef,
    BpdRef,
    DataRef,
    DetectionRef,
    PairingRef,
    Plan,
    TrainingRef,
)
from ood_bench.results import Omission
from ood_bench.suite import Quoted, Suite

RECORD = "run.json"
CELLS = "cells.zip"
"""What an archive has beside its record: all its cells, without weights."""


@dataclass(frozen=True)
class RunRecord:
    """All that a report needs beside the store.

    Attributes:
        suite: The suite's name.
        title: Its heading.
        about: Its paragraph.
        level: Coverage of the intervals.
        claims: Its claims.
        detections, bpds, trainings, analyses, data, skips, pairings: As in the plan.
        failures: Cells that failed, with their messages.
        notes: Said above every table.
        baseline: The detector that others are compared with.
        quoted: What the literature says of the detectors.
        uses: What each detector takes, as in the plan.
        audits: Where the audits of data sets and pairs lie; none where the suite wants none.
        hidden: Keys of the analyses whose tables and figures are left out.
        manifest: Suite file, settings, machine, versions, wall time.
    """

    suite: str
    title: str
    about: str
    level: float
    claims: tuple[Claim, ...]
    detections: tuple[DetectionRef, ...]
    bpds: tuple[BpdRef, ...]
    trainings: tuple[TrainingRef, ...]
    analyses: tuple[AnalysisRef, ...]
    data: tuple[DataRef, ...]
    skips: tuple[Omission, ...]
    failures: tuple[Omission, ...] = ()
    notes: tuple[str, ...] = ()
    manifest: Mapping[str, str] = field(default_factory=dict)
    pairings: tuple[PairingRef, ...] = ()
    baseline: str | None = None
    quoted: tuple[Quoted, ...] = ()
    uses: Mapping[str, str] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    audits: tuple[AuditRef, ...] = ()

    @classmethod
    def of(cls, suite: Suite, plan: Plan, *, notes: tuple[str, ...] = ()) -> "RunRecord":
        """Return the record of a run that has a plan and no outcome yet."""
        return cls(
            suite=suite.name,
            title=suite.title,
            about=suite.about,
            level=suite.evaluation.level,
            claims=suite.claims,
            detections=plan.detections,
            bpds=plan.bpds,
            trainings=plan.trainings,
            analyses=plan.analyses,
            data=plan.data,
            skips=tuple(Omission(**vars(skip)) for skip in plan.skips),
            notes=notes,
            pairings=plan.pairings,
            baseline=suite.evaluation.baseline,
            quoted=suite.quoted,
            uses=plan.uses,
            audits=plan.audits,
        )


def run_folder(results: Path, suite: Suite, settings: Mapping[str, Any]) -> Path:
    """Return the folder of a run: the suite's name and a digest of all that it asks for.

    The same suite with the same settings has the same folder, so that a run that goes on
    after a kill does not leave a second report.
    """
    content = {"suite": suite.model_dump(mode="json"), "settings": dict(settings)}
    return results / f"{suite.name}-{digest(content)[:8]}"


def write_record(folder: Path, record: RunRecord) -> None:
    """Write a run's record under a temporary name and rename it."""
    content = asdict(record) | {
        "claims": [claim.model_dump(mode="json") for claim in record.claims],
        "quoted": [quoted.model_dump(mode="json") for quoted in record.quoted],
    }
    write_whole(folder / RECORD, json.dumps(content, indent=1))


def read_record(folder: Path) -> RunRecord:
    """Read a run's record.

    Raises:
        OodBenchError: If the folder holds none, or one that is damaged.
    """
    path = folder / RECORD
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return RunRecord(
            **content
            | {
                "claims": tuple(Claim.model_validate(claim) for claim in content["claims"]),
                "detections": tuple(DetectionRef(**ref) for ref in content["detections"]),
                "bpds": tuple(BpdRef(**ref) for ref in content["bpds"]),
                "trainings": tuple(TrainingRef(**ref) for ref in content["trainings"]),
                "analyses": tuple(AnalysisRef(**ref) for ref in content["analyses"]),
                "data": tuple(_data_ref(ref) for ref in content["data"]),
                "skips": tuple(Omission(**item) for item in content["skips"]),
                "failures": tuple(Omission(**item) for item in content["failures"]),
                "notes": tuple(content["notes"]),
                "audits": tuple(AuditRef(**ref) for ref in content.get("audits", ())),
                "hidden": tuple(content.get("hidden", ())),
                "pairings": tuple(PairingRef(**ref) for ref in content.get("pairings", ())),
                "quoted": tuple(Quoted.model_validate(item) for item in content.get("quoted", ())),
            }
        )
    except OSError as error:
        raise OodBenchError(f"{folder}: no run lies here ({RECORD} is missing)") from error
    except (ValueError, KeyError, TypeError) as error:
        raise OodBenchError(f"{path} is damaged; run the suite again") from error


def _data_ref(ref: Mapping[str, Any]) -> DataRef:
    info = ref["info"] | {"shape": Shape(*ref["info"]["shape"])}
    return DataRef(ref["name"], ref["split"], ImagesInfo(**info))


def find_run(results: Path, name: str | None, *, archives: bool = True) -> Path:
    """Find a run's folder.

    Args:
        results: The folder of all runs.
        name: A folder, the name of one in `results`, or a suite's name; the latest of those
            that match. None for the latest of all.
        archives: Whether an archive that lies in `results` may be the latest of all.

    Raises:
        OodBenchError: If there is none.
    """
    if name is not None and (Path(name) / RECORD).is_file():
        return Path(name)
    runs = sorted(results.glob(f"*/{RECORD}"), key=lambda path: path.stat().st_mtime)
    if not runs:
        raise OodBenchError(f"{results}: no run lies here; start one with 'ood-bench run SUITE'")
    folders = [path.parent for path in runs]
    if name is None:
        kept = [folder for folder in folders if archives or not (folder / CELLS).exists()]
        return (kept or folders)[-1]
    matching = [
        folder
        for folder in folders
        if folder.name == name or folder.name.rpartition("-")[0] == name
    ]
    if not matching:
        known = {folder.name for folder in folders}
        raise OodBenchError(f"no run '{name}' in {results}{did_you_mean(name, known)}")
    return matching[-1]
