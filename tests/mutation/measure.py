"""How many faults of one line the tests notice: `python tests/mutation/measure.py [ROOM]...`.

mutmut makes the faults. Each is tried in a process of its own, forked after the large libraries
are imported, on the tests that run its statement, fastest first; which those are is recorded
once a room. Needs `pip install mutmut`; it is no dependency, since nothing else does.
"""

import argparse
import ast
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import math
import os
import random
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "benchmark"
LARGE = (
    *("torch", "pytorch_lightning", "torchmetrics", "pandas", "scipy.stats", "sklearn.datasets"),
    *("sklearn.svm", "seaborn", "matplotlib.pyplot", "pyarrow.parquet", "PIL.Image"),
    *("typer", "pydantic", "rich.progress", "safetensors.torch", "pytest", "jsonschema"),
)
NOT_RUN = ("TypeAlias", "TypeVar(", "__all__")
"""Words of statements that say something to readers and checkers alone."""
SLOWEST = 600.0
"""Seconds after which a fault that makes the tests hang counts as noticed."""

BUDGET = 60.0
"""Seconds of tests that a fault is tried on; what slower ones alone would notice is missed."""


@dataclass(frozen=True)
class Room:
    """Files whose faults are tried, and the tests that are to notice them."""

    files: tuple[str, ...]
    tests: tuple[str, ...]


def cli(*names: str) -> tuple[str, ...]:
    """Return the tests of the command of those names."""
    return tuple(f"tests/cli/test_{name}.py" for name in names)


ROOMS = {
    "metrics": Room(
        ("ood_bench/metrics/*.py",),
        (
            *("tests/numeric/test_metrics*.py", "tests/numeric/test_claim_intervals.py"),
            *("tests/unit/test_metrics_input.py", "benchmark/ood_bench/metrics"),
        ),
    ),
    "claims": Room(
        ("ood_bench/claims/*.py",),
        (
            *("tests/unit/test_claim*.py", "tests/numeric/test_claim_intervals.py"),
            *("benchmark/ood_bench/claims", *cli("claims")),
        ),
    ),
    "plan": Room(
        ("ood_bench/plan/*.py",),
        (
            *("tests/unit/test_plan*.py", "tests/unit/test_suite.py", "benchmark/ood_bench/plan"),
            "tests/unit/test_rehearsal.py",
            *cli("planned", "mistakes"),
        ),
    ),
    "runs": Room(
        ("ood_bench/runs/*.py",),
        (
            *("tests/unit/test_records.py", "tests/unit/test_run_folders.py"),
            *("tests/unit/test_contents.py", "tests/unit/test_claims.py"),
            "tests/unit/test_resampled_findings.py",
            "tests/unit/reporting/test_report*.py",
            *(
                "benchmark/ood_bench/runs",
                *cli("made", "claims"),
            ),
        ),
    ),
    "store": Room(
        ("ood_bench/store/*.py",), ("tests/unit/test_store*.py", "tests/unit/test_lock*.py")
    ),
    "training": Room(
        ("ood_bench/lit/average.py", "ood_bench/lit/guard.py", "ood_bench/data/partition.py"),
        ("tests/unit/test_lit_[cf]*.py", "tests/unit/data/test_partition.py"),
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


def faults_of(path: Path) -> list[Callable[[], Fault]]:
    """Return what makes the faults of a file, but for those in statements that nothing runs."""
    mutmut = importlib.import_module("mutmut.mutation.file_mutation")
    code = path.read_text()
    old = code.splitlines()
    run = set(range(1, len(old) + 1))
    for node in ast.parse(code).body:
        if any(word in old[node.lineno - 1] for word in NOT_RUN):
            run -= set(range(node.lineno, (node.end_lineno or 0) + 1))
    module, mutations, *_ = mutmut.create_mutations(str(path), code, run)

    def made(mutation: Any) -> Fault:
        source = mutmut.deep_replace(module, mutation.original_node, mutation.mutated_node).code
        new = source.splitlines()
        pairs = enumerate(zip(old, new, strict=False))
        line = next(i for i, (before, after) in pairs if before != after)
        return Fault(path, source, line + 1, old[line].strip(), new[line].strip())

    return [partial(made, mutation) for mutation in mutations]


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


class Recorder:
    """Notes while tests run which of them runs which line, and for how long.

    What a fixture of several tests runs is noted for all that use it.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        coverage = importlib.import_module("coverage")  # which mutmut needs too
        self.coverage = coverage.Coverage(data_file=None, include=[str(path) for path in files])
        self.contexts = [""]
        self.users: dict[str, set[str]] = defaultdict(set)
        self.seconds: dict[str, float] = defaultdict(float)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.users[item.nodeid].add(item.nodeid)
        for fixture in getattr(item, "fixturenames", ()):
            self.users[f"fixture {fixture}"].add(item.nodeid)
        return (yield from self._within(item.nodeid))

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
        shared = fixturedef.scope != "function"
        context = f"fixture {fixturedef.argname}" if shared else self.contexts[-1]
        return (yield from self._within(context))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # what a fixture of several tests takes is no one's own
        self.seconds[report.nodeid] += report.duration if report.when == "call" else 0.0

    def _within(self, context: str) -> Iterator[None]:
        self.contexts.append(context)
        self.coverage.switch_context(context)
        try:
            return (yield)
        finally:
            self.contexts.pop()
            self.coverage.switch_context(self.contexts[-1])

    def found(self) -> dict[str, Any]:
        """Return the seconds of each test, and by file and line the tests that run it."""
        data, lines = self.coverage.get_data(), {}
        everyone = set(self.seconds)
        for path in data.measured_files():
            lines[path] = {
                line: sorted(set().union(*(self.users.get(one, everyone) for one in contexts)))
                for line, contexts in data.contexts_by_lineno(path).items()
            }
        return {"seconds": self.seconds, "lines": lines}


class Only:
    """Runs some tests alone, in the order given; one that takes far too long ends the process."""

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self.seconds = seconds
        self.place = {test: place for place, test in enumerate(seconds)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid in self.place]
        items.sort(key=lambda item: self.place[item.nodeid])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        signal.alarm(30 + 10 * math.ceil(self.seconds[item.nodeid]))
        try:
            return (yield)
        finally:
            signal.alarm(0)


@dataclass(frozen=True)
class Reach:
    """How long each test of a room takes, and by file and line the tests that run it."""

    seconds: Mapping[str, float]
    lines: Mapping[str, Mapping[str, Sequence[str]]]

    @classmethod
    def of(cls, name: str, room: Room) -> "Reach":
        """Run a room's tests without a fault."""
        files = [path for pattern in room.files for path in sorted(SOURCE.glob(pattern))]
        tests = [str(path) for test in room.tests for path in sorted(ROOT.glob(test))]
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder) / "reach.json"

            def run() -> int:
                recorder = Recorder(files)
                recorder.coverage.start()
                status = run_tests(tests, recorder)
                recorder.coverage.stop()
                written.write_text(json.dumps(recorder.found()))
                return status

            said = Path(folder) / "said"
            if forked(run, 10 * SLOWEST, said) != 0:
                raise SystemExit(f"{name}: the tests fail without a fault:\n{said.read_text()}")
            return cls(**json.loads(written.read_text()))

    def tests(self, fault: Fault) -> dict[str, float]:
        """Return the tests that may notice a fault and the seconds of each, fastest first."""
        among = statement(fault.path.read_text(), fault.line)
        lines = self.lines.get(str(fault.path), {})
        found: Collection[str] = self.seconds
        if among is not None:
            found = {test for line in among for test in lines.get(str(line), ())}
        fastest = sorted(found, key=self.seconds.__getitem__)
        spent = accumulate(self.seconds[test] for test in fastest)
        chosen = (pair for pair in zip(fastest, spent, strict=True) if pair[1] <= BUDGET)
        return {test: self.seconds[test] for test, _ in chosen}


def statement(source: str, line: int) -> range | None:
    """Return the lines of the statement of a line; None if it runs when its module is imported.

    Of a statement that holds others it is the lines before those; of a function's head, on
    which its defaults stand, the whole function.
    """
    kinds = (ast.stmt, ast.ExceptHandler)
    around = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, kinds) and node.lineno <= line <= (node.end_lineno or 0)
    ]
    if not any(isinstance(node, ast.FunctionDef) for node in around):
        return None
    inner = around[-1]  # a walk comes to what is further in later
    body = getattr(inner, "body", None)
    if body and not isinstance(inner, ast.FunctionDef):
        return range(inner.lineno, max(body[0].lineno, inner.lineno + 1))
    return range(inner.lineno, (inner.end_lineno or 0) + 1)


def run_tests(paths: Sequence[str], plugin: object) -> int:
    """Run tests in this process, up to the first that fails."""
    # pytest rewrites assertions of the modules that it is given, and would not load a fault's
    options = ("-q", "-x", "--assert=plain", "-p", "no:cacheprovider")
    return int(pytest.main([*options, *paths], plugins=[plugin]))


def forked(run: Callable[[], int], seconds: float, output: Path = Path(os.devnull)) -> int | None:
    """Return the exit status of a function in a process of its own; None if it hangs."""
    child = os.fork()
    if not child:
        status = 1
        try:
            os.setsid()
            said = os.open(output, os.O_WRONLY | os.O_CREAT, 0o600)
            os.dup2(said, 1)
            os.dup2(said, 2)
            status = run()
        finally:
            os._exit(status)
    until = time.monotonic() + seconds
    ended = status = 0
    while not ended and time.monotonic() < until:
        time.sleep(0.05)
        ended, status = os.waitpid(child, os.WNOHANG)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # also what it started
    if ended:
        return os.waitstatus_to_exitcode(status)
    os.waitpid(child, 0)
    return None


def noticed(fault: Fault, tests: Mapping[str, float]) -> bool:
    """Run some tests on a fault, in a process of its own."""

    def run() -> int:
        sys.meta_path.insert(0, _Finder(fault))
        return run_tests(sorted({test.partition("::")[0] for test in tests}), Only(tests))

    return forked(run, SLOWEST) not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


def wilson(count: int, total: int) -> tuple[float, float]:
    """Return the ends of Wilson's 95 % interval of a share."""
    share, squared = count / total, 1.96**2 / total
    spread = math.sqrt(squared * (share * (1 - share) + squared / 4))
    middle = share + squared / 2
    return (middle - spread) / (1 + squared), (middle + spread) / (1 + squared)


def measure(name: str, room: Room, count: int, generator: random.Random) -> dict[str, object]:
    """Try a random sample of a room's faults, and print those that no test noticed."""
    began = time.monotonic()
    paths = [path for pattern in room.files for path in sorted(SOURCE.glob(pattern))]
    every = [make for path in paths for make in faults_of(path)]
    tried = [make() for make in generator.sample(every, min(count, len(every)))]
    reach = Reach.of(name, room)
    started = time.monotonic() - began
    print(f"{name}: {len(reach.seconds)} tests ran in {started:.0f} s", flush=True)  # noqa: T201
    missed = []
    for fault in tried:
        tests = reach.tests(fault)
        if not (tests and noticed(fault, tests)):
            missed.append(str(fault))
            print(f"{fault}\n    ({len(tests)} tests)", flush=True)  # noqa: T201
    found, total = len(tried) - len(missed), len(tried)
    low, high = wilson(found, total)
    print(  # noqa: T201
        f"{name}: {found} of {total} noticed ({found / total:.1%}, 95 % interval {low:.1%} to "
        f"{high:.1%}) of {len(every)} faults, in {time.monotonic() - began:.0f} s",
        flush=True,
    )
    return {"room": name, "every": len(every), "tried": total, "noticed": found, "missed": missed}


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
    found = []
    for name in options.rooms or ROOMS:
        found.append(measure(name, ROOMS[name], options.count, random.Random(options.seed)))
        if options.output is not None:
            options.output.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
