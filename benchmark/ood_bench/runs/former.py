"""Records of earlier versions, converted to the current format."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ood_bench.typed import typed

FORMAT = 1
"""Format number of records with one list per kind of result."""

_LISTS = {
    "trainings": "train",
    "bpds": "bpd",
    "detections": "detection",
    "pairings": "paired",
    "analyses": "analysis",
    "audits": "audit",
}
"""The kind of the cells in each list; all entries but the key form the address."""


@dataclass(frozen=True)
class _Former:
    trainings: tuple[dict[str, Any], ...]
    bpds: tuple[dict[str, Any], ...]
    detections: tuple[dict[str, Any], ...]
    analyses: tuple[dict[str, Any], ...]
    pairings: tuple[dict[str, Any], ...] = ()
    audits: tuple[dict[str, Any], ...] = ()
    scored: tuple[str, ...] = ()

    def cells(self) -> Iterator[Mapping[str, Any]]:
        for name, kind in _LISTS.items():
            for ref in getattr(self, name):
                at = {field: value for field, value in ref.items() if field != "key"}
                if at.get("outside", "") is None:  # the audit of one data set
                    del at["outside"]
                yield {"kind": kind, "key": ref.get("key"), "at": at}
        for key in self.scored:
            yield {"kind": "score", "key": key, "at": {"part": "held_out"}}


def brought_up(content: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Convert the content of a record from format 1 to the current format.

    Args:
        content: The content in format 1.
        path: The path of the record, for messages.

    Raises:
        StoreError: If a list is not a list of cells.
    """
    former = typed(json.dumps(content), _Former, path)
    kept = {
        name: value for name, value in content.items() if name not in (*_LISTS, "scored", "cells")
    }
    return {**kept, "cells": [*former.cells()], "zipped": content.get("cells", "")}


def changes_of(notes: Any) -> dict[str, Any]:
    """Return the changes that the notes of an earlier record tell of; it had no field of its own.

    `--only` and `--skip` were not noted.
    """
    found: dict[str, Any] = {}
    for note in notes if isinstance(notes, list) else ():
        if scale := re.fullmatch(r"Training steps scaled by (\d[\d.e+-]*)\.", str(note)):
            found["scale"] = float(scale[1])
        elif assigned := re.fullmatch(r"Set on top of the suite: (.*)\.", str(note), re.DOTALL):
            found["set"] = [assigned[1]]
        elif str(note).startswith("Bundled subsets used"):
            found["embedded"] = True
    return found
