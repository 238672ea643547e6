"""Made-up columns for detectors, at the scale of real ones."""

import zlib
from collections.abc import Iterable

import numpy as np

from ood_bench.detectors import Columns

FEATURES, CLASSES, MEMBERS = 8, 3, 3


def spelled_out(need: str) -> list[str]:
    """Return example names of columns for an entry of `needs`.

    Example:
        >>> spelled_out("member.*.log_prob")
        ['member.0.log_prob', 'member.1.log_prob', 'member.2.log_prob']
        >>> spelled_out("classifier.logits.*")[-1], spelled_out("log_prob")
        ('classifier.logits.2', ['log_prob'])
    """
    if need.startswith("member.*."):
        return [need.replace("*", str(k), 1) for k in range(MEMBERS)]
    count = CLASSES if "logits" in need else FEATURES
    return [need.replace("*", str(k)) for k in range(count)] if need.endswith(".*") else [need]


def random_columns(needs: Iterable[str], n: int, seed: int) -> Columns:
    """Return random columns at the scale of log-likelihoods; logits are affine in the features.

    Args:
        needs: Names of columns, or of families of them.
        n: Number of images.
        seed: Seed; the values of a column depend on it and on the column's name.
    """
    found = {}
    for name in (column for need in needs for column in spelled_out(need)):
        random = np.random.default_rng([seed, zlib.crc32(name.encode())])
        found[name] = random.normal(-7000, 300, n)
        if "norm" in name or "odin" in name or "path" in name:
            found[name] = random.lognormal(3, 1, n)
        if name.rpartition(".")[2] == "label":
            found[name] = random.integers(0, CLASSES, n).astype(np.float64)
        if "feature" in name:
            found[name] = random.normal(1, 2, n)
    for prefix in ("", "classifier."):
        if f"{prefix}features.0" in found:
            features = np.stack([found[f"{prefix}features.{k}"] for k in range(FEATURES)], axis=1)
            weight = np.random.default_rng(7).normal(0, 1, (CLASSES, FEATURES))
            for k in range(CLASSES):
                if f"{prefix}logits.{k}" in found:
                    found[f"{prefix}logits.{k}"] = features @ weight[k] + k
    return found


def rows(columns: Columns, index: object) -> Columns:
    """Return some rows of every column."""
    return {name: values[index] for name, values in columns.items()}  # type: ignore[call-overload]  # numpy's index types are many
