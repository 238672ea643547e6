"""Records in format 1, with one list per kind of result; converted to the current format."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ood_bench.typed import typed

FORMAT = 1

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
