"""Pairs with `corruptions`: OOD sets made of the ID set's own test images."""

from dataclasses import replace
from typing import Any, get_args

from ood_bench.core_yaml import KeyPath
from ood_bench.data.options import CorruptionKind
from ood_bench.errors import SuiteError, did_you_mean
from ood_bench.suite.source import SuiteSource

KEY = "corruptions"
STRENGTHS = (1, 2, 3, 4, 5)


def corrupted_name(inside: str, kind: str, strength: int) -> str:
    """Return the name of a corrupted data set.

    Example:
        >>> corrupted_name("cifar10", "gaussian_blur", 3)
        'cifar10-gaussian_blur-3'
    """
    return f"{inside}-{kind}-{strength}"


def with_corruptions(source: SuiteSource) -> SuiteSource:
    """Add the data sets that pairs with `corruptions` name, as OOD sets of the label `shift`.

    Each kind stands for five sets, `cifar10-gaussian_blur-1` to `-5`, with the options of the ID
    set.

    Raises:
        SuiteError: If a kind does not exist, or the suite has a data set of such a name.
    """
    data = source.data
    pairs = data.get("pairs") if isinstance(data, dict) else None
    if not isinstance(pairs, list) or not any(isinstance(p, dict) and p.get(KEY) for p in pairs):
        return source
    given = data.get("datasets")
    datasets: dict[str, Any] = dict(given) if isinstance(given, dict) else {}
    made: dict[str, Any] = {}
    lines = dict(source.lines)
    expanded = []
    for i, pair in enumerate(pairs):
        if not isinstance(pair, dict) or not isinstance(pair.get(KEY), list):
            expanded.append(pair)
            continue
        place: KeyPath = ("pairs", i, KEY)
        names = []
        for j, kind in enumerate(pair[KEY]):
            known = get_args(CorruptionKind)
            if kind not in known:
                near = did_you_mean(str(kind), known)
                raise SuiteError(
                    f"{source.where((*place, j))}no corruption is called '{kind}'{near}"
                )
            inside = str(pair.get("inside"))
            for strength in STRENGTHS:
                name = corrupted_name(inside, kind, strength)
                if name in datasets:
                    raise SuiteError(
                        f"{source.where((*place, j))}the suite has a data set '{name}'"
                    )
                names.append(name)
                own = datasets.get(inside)
                options = dict(own) if isinstance(own, dict) else {}
                origin = {} if _has_source(options) else {"use": inside}
                corruption = {"kind": kind, "strength": strength}
                made[name] = {**options, **origin, "corruption": corruption}
                if place in lines:
                    lines["datasets", name] = lines[place]
        listed = {
            key: [*(pair[key] if isinstance(pair.get(key), list) else []), *names]
            for key in ("outside", "shift")
        }
        expanded.append({**pair, **listed})
    found = {**data, "datasets": {**datasets, **made}, "pairs": expanded}
    return replace(source, data=found, lines=lines)


def _has_source(options: dict[str, Any]) -> bool:
    return any(key in options for key in ("use", "folder", "npz", "parquet", "hub"))
