"""How many faults of one line the tests notice: `python tests/mutation/measure.py [ROOM]...`.

mutmut makes the faults; each is tried in a process of its own, forked after the large libraries
are imported, so that a trial costs the tests and not the start. A fault that the room's own
tests miss is tried on its wider ones. Needs `pip install mutmut`; it is no dependency, since
nothing else does.
"""

import argparse
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "benchmark"
LARGE = (
    *("torch", "pytorch_lightning", "torchmetrics", "pandas", "scipy.stats", "sklearn.datasets"),
    *("sklearn.svm", "seaborn", "matplotlib.pyplot", "pyarrow.parquet", "PIL.Image"),
    *("typer", "pydantic", "rich.progress", "safetensors.torch", "pytest", "jsonschema"),
)
NOT_RUN = ("TypeAlias", "TypeVar(", "__all__")
"""Words of lines that say something to readers and checkers alone."""
SLOWEST = 300.0
"""Seconds after which a fault that makes the tests hang counts as noticed."""


@dataclass(frozen=True)
class Room:
    """Files whose faults are tried, the tests of theirs, and the tests of what stands on them."""

    files: tuple[str, ...]
    tests: tuple[str, ...]
    wider: tuple[str, ...] = ()


def cli(*names: str) -> tuple[str, ...]:
    """Return the tests of the command of those names."""
    return tuple(f"tests/cli/test_{name}.py" for name in names)


ROOMS = {
    "metrics": Room(
        ("ood_bench/metrics/*.py",),
        ("tests/numeric/test_[cm]*.py", "tests/unit/test_metrics_input.py"),
        ("benchmark/ood_bench/metrics", "tests/cli/test_run.py"),
    ),
    "claims": Room(
        ("ood_bench/claims/*.py",),
        ("tests/unit/test_claims.py", "tests/numeric/test_claim_intervals.py"),
        ("benchmark/ood_bench/claims", "tests/cli/test_claims.py"),
    ),
    "plan": Room(
        ("ood_bench/plan/*.py",),
        ("tests/unit/test_plan.py", "tests/unit/test_suite.py"),
        cli("run", "planned", "audit", "checkpoint", "roles", "mistakes"),
    ),
    "runs": Room(
        ("ood_bench/runs/*.py",),
        ("tests/unit/test_records.py", "tests/unit/reporting/test_report*.py"),
        cli("run", "archive", "compare", "store", "audit", "strangers"),
    ),
    "store": Room(
        ("ood_bench/store/*.py",),
        ("tests/unit/test_store.py", "tests/unit/test_lock.py"),
        cli("store", "shared_store", "run"),
    ),
    "training": Room(
        ("ood_bench/lit/average.py", "ood_bench/lit/guard.py", "ood_bench/data/partition.py"),
        ("tests/unit/test_lit_fit.py", "tests/unit/data/test_partition.py"),
        ("tests/unit/test_lit_probes.py", "tests/unit/data", "tests/cli/test_run.py"),
    ),
}


@dataclass(frozen=True)
class Fault:
    """A file with one line changed."""

    path: Path
    source: str
    line: int
    before: str
    after: str

    @property
    def module(self) -> str:
        parts = self.path.relative_to(SOURCE).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def __str__(self) -> str:
        where = f"{self.path.relative_to(ROOT)}:{self.line}"
        return f"{where}\n    - {self.before}\n    + {self.after}"


def faults_of(path: Path) -> Iterator[Fault]:
    """Yield the faults that mutmut makes of a file, but for those in lines that nothing runs."""
    mutmut = importlib.import_module("mutmut.mutation.file_mutation")
    code = path.read_text()
    module, mutations, *_ = mutmut.create_mutations(str(path), code)
    old = code.splitlines()
    for mutation in mutations:
        source = mutmut.deep_replace(module, mutation.original_node, mutation.mutated_node).code
        new = source.splitlines()
        line = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), None)
        if line is not None and not any(word in old[line] for word in NOT_RUN):
            yield Fault(path, source, line + 1, old[line].strip(), new[line].strip())


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a file's module from other source."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.module, str(fault.path))
        self.fault = fault

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.fault.source, str(self.fault.path), "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds one module in a fault, and leaves the others to the rest."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        del path, target
        if fullname != self.fault.module:
            return None
        loader = _Loader(self.fault)
        return importlib.util.spec_from_file_location(fullname, self.fault.path, loader=loader)


def noticed(fault: Fault | None, tests: Sequence[str]) -> bool:
    """Run some tests on a fault, or on none, in a process of its own."""
    found = [str(path) for test in tests for path in sorted(ROOT.glob(test))]
    child = os.fork()
    if not child:
        status = 1
        try:
            os.setsid()
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            if fault is not None:
                sys.meta_path.insert(0, _Finder(fault))
            import pytest

            status = int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *found]))
        finally:
            os._exit(status)
    until = time.monotonic() + SLOWEST
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) != 0
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def measure(name: str, room: Room, count: int, generator: random.Random) -> dict[str, object]:
    """Try a random sample of a room's faults, and print those that no test noticed."""
    paths = [path for pattern in room.files for path in sorted(SOURCE.glob(pattern))]
    every = [fault for path in paths for fault in faults_of(path)]
    tried = generator.sample(every, min(count, len(every)))
    for tests in (room.tests, room.wider):
        if noticed(None, tests):
            raise SystemExit(f"{name}: the tests fail without any fault: {' '.join(tests)}")
    ends: Counter[str] = Counter()
    missed = []
    for fault in tried:
        end = "own" if noticed(fault, room.tests) else "wider" if noticed(fault, room.wider) else ""
        ends[end or "missed"] += 1
        if not end:
            missed.append(str(fault))
            print(fault, flush=True)  # noqa: T201
    share = 1 - ends["missed"] / len(tried)
    said = f"{name}: {share:.1%} of {len(tried)} (of {len(every)}) noticed {dict(ends)}"
    print(said, flush=True)  # noqa: T201
    return {"room": name, "every": len(every), "tried": len(tried), **ends, "faults": missed}


def main() -> None:
    """Measure some rooms, or all, and write what was found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"of {', '.join(ROOMS)}")
    parser.add_argument("--count", type=int, default=60, help="faults tried in a room")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, help="where the counts and misses go, as JSON")
    options = parser.parse_args()
    os.chdir(ROOT)
    for library in LARGE:
        importlib.import_module(library)
    found = [
        measure(name, ROOMS[name], options.count, random.Random(options.seed))
        for name in options.rooms or ROOMS
    ]
    if options.output is not None:
        options.output.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
