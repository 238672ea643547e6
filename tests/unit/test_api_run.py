"""`ood_bench.run`: a suite from Python, in a script, a notebook or a thread."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import SUITE, Command, mine
from tests.stored import members

import ood_bench
from ood_bench.api import Begun, Drawn, Event
from ood_bench.errors import OodBenchError, SuiteError
from ood_bench.execute import Done, Failed, Inline, Step

BROKEN = """\
from ood_bench.detectors.likelihood import Likelihood


class Broken(Likelihood):
    \"\"\"Fails.\"\"\"

    def fit(self, held_out):
        raise RuntimeError("no fit")
"""


@pytest.fixture
def suite(tiny: Path) -> dict[str, Any]:
    """A suite as a mapping: one model, which trains in a moment, and no figures."""
    return mine("likelihood", "typicality")


def run(suite: Any, **options: Any) -> ood_bench.Run:
    return ood_bench.run(suite, **{"jobs": 1, "device": "cpu"} | options)


class Heard(list[Event]):
    """Keeps all events, and does something at the first of those that are meant."""

    def __init__(
        self, at: Callable[[Event], bool] = lambda _: False, do: Callable[[], None] | None = None
    ) -> None:
        super().__init__()
        self._at, self._do = at, do

    def __call__(self, event: Event) -> None:
        self.append(event)
        if self._do is not None and self._at(event):
            do, self._do = self._do, None
            do()

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self if isinstance(event, kind)]


def in_training(event: Event) -> bool:
    return isinstance(event, Step) and event.training is not None


def at_train(event: Event) -> bool:
    return isinstance(event, Step) and event.cell.kind == "train"


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_a_run_is_a_call_and_a_second_one_computes_nothing(
    suite: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    first, second = Heard(), Heard()
    made = run(suite, progress=first)
    assert not made.failures
    assert made.folder.parent == Path("results")
    assert (made.folder / "report.md").is_file()
    rows = made.metrics.query("detector == 'likelihood' and metric == 'auroc' and seed == '0'")
    assert set(rows["outside"]) == {"high", "black"}
    cells = {cell.name for cell in first.of(Begun)[0].plan.cells}
    assert {done.cell.name for done in first.of(Done)} == cells
    assert {step.cell.name for step in first.of(Step)} == cells
    assert [(drawn.done, drawn.total) for drawn in first.of(Drawn)] == [(1, 1)]
    expected = first.of(Begun)[0].expected
    named = {cell.key: cell for cell in first.of(Begun)[0].plan.cells}
    assert expected.keys() == named.keys()
    assert {named[key].kind for key in expected if expected[key] is None} == {"train"}
    again = run(suite, progress=second)
    assert not second.of(Begun)[0].expected
    assert again.folder == made.folder
    assert not second.of(Step)
    assert str(second[0]) == f"{len(cells)} cells, {len(cells)} of them stored"
    assert all(len(str(event).splitlines()) == 1 for event in (*first, *second))
    assert ood_bench.load_run("mine").metrics.equals(made.metrics)
    assert capfd.readouterr() == ("", "")


def test_the_command_finds_what_a_call_has_finished(
    suite: dict[str, Any], ood_bench: Command
) -> None:
    run(suite)
    Path("mine.yaml").write_text(yaml.safe_dump(suite))
    ran = ood_bench("run", "mine.yaml")
    assert ran.status == 0, ran.err
    stored = ran.err.splitlines()[0]
    count = stored.partition(" ")[0]
    assert stored == f"{count} cells, {count} of them stored"
    assert len(list(Path("results").glob("mine-*"))) == 1


def test_a_dry_run_says_what_would_run_and_leaves_nothing(suite: dict[str, Any]) -> None:
    planned = ood_bench.dry_run(suite, skip="detect/*/typicality", set={"seeds": [3]})
    assert planned.to_run[0] == "train/normal@low/3"
    assert not planned.stored
    assert any("--skip" in skip.reason for skip in planned.skips)
    assert "will run  train/normal@low/3" in repr(planned)
    assert not Path("results").exists()
    run(suite, only=["train/*"])
    planned = ood_bench.dry_run(suite)
    assert planned.stored == {"train/normal@low/0"}
    assert not ood_bench.dry_run(suite, fresh=True).stored


def test_a_cell_that_fails_raises_nothing_and_is_named(suite: dict[str, Any]) -> None:
    Path("broken.py").write_text(BROKEN)
    broken = suite | {"detectors": {"likelihood": None, "broken": {"use": "./broken.py:Broken"}}}
    made = run(broken)
    assert all("broken" in failure.cell for failure in made.failures)
    reasons = {failure.cell.partition("/")[0]: failure.reason for failure in made.failures}
    assert reasons["detect"] == "RuntimeError: no fit"
    assert "which failed" in reasons["metric"]
    assert set(made.metrics["detector"]) == {"likelihood", ""}
    log = made.folder / "failures.log"
    assert "no fit" in log.read_text()
    Path("broken.py").write_text(
        BROKEN.replace('raise RuntimeError("no fit")', "return super().fit(held_out)")
    )
    assert not run(broken).failures
    assert not log.exists()


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ({"detectors": ["likelyhood"]}, {}, "unknown detector 'likelyhood'; did you mean"),
        ({}, {"only": "trian/*"}, "--only trian/\\*: no cell has such a name"),
        ({}, {"device": "cuda:99"}, "there is no such device"),
        ({}, {"jobs": 0}, "jobs=0"),
        ({}, {"jobs": 2, "executor": Inline()}, "give it to the executor itself"),
        ({}, {"executor": "inlein"}, "unknown executor 'inlein'"),
        ({}, {"set": {"seeds": object()}}, "--set seeds"),
    ],
)
def test_a_mistake_raises_before_anything_is_computed(
    suite: dict[str, Any], change: dict[str, Any], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(OodBenchError, match=said):
        run(suite | change, **options)
    assert not list(Path().glob("results/*/run.json"))
    assert not list(Path().glob("results/store/cells/*"))


def test_ctrl_c_in_training_is_a_keyboard_interrupt_and_the_same_call_goes_on(
    suite: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ood_bench.lit.course.PROGRESS_SECONDS", 0.0)
    long = {"set": {"training.steps": 300}, "only": "train/*", "checkpoint_seconds": 0.0}
    before = signal.getsignal(signal.SIGINT)
    heard = Heard(in_training, interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(suite, progress=heard, **long)
    assert signal.getsignal(signal.SIGINT) is before
    assert not heard.of(Done)
    assert list(Path().glob("results/store/partial/*/training/*"))
    again = Heard()
    assert not run(suite, progress=again, **long).failures
    assert again.of(Done)[-1].stored is False
    undisturbed = run(suite, results="other", **long)
    weights = [
        next(iter(members(Path(name), "weights.safetensors").values()))
        for name in ("results", "other")
    ]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert undisturbed.record.cells == ood_bench.load_run("mine").record.cells


def test_what_the_callback_raises_ends_the_run_and_fails_no_cell(suite: dict[str, Any]) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    heard = Heard(at_train, fail)
    with pytest.raises(ZeroDivisionError):
        run(suite, progress=heard)
    assert not heard.of(Failed)
    again = Heard()
    assert not run(suite, progress=again).failures
    assert again.of(Begun)[0].stored == 1


def test_a_run_works_in_a_thread_and_installs_no_signal_handler(suite: dict[str, Any]) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    before = [signal.getsignal(number) for number in numbers]
    made: list[ood_bench.Run] = []
    heard: set[threading.Thread] = set()
    thread = threading.Thread(
        target=lambda: made.append(
            run(suite, progress=lambda _: heard.add(threading.current_thread()))
        )
    )
    thread.start()
    thread.join()
    assert len(made[0].metrics)
    assert heard == {thread}
    assert [signal.getsignal(number) for number in numbers] == before


def test_a_script_needs_no_guard_for_its_processes(suite: dict[str, Any]) -> None:
    Path("mine.yaml").write_text(yaml.safe_dump(suite))
    Path("script.py").write_text(
        "import ood_bench\n"
        "from ood_bench.execute import Processes\n"
        "print('begun')\n"
        "run = ood_bench.run('mine.yaml', executor=Processes(jobs=1), only='train/*')\n"
        "assert not run.failures, run.failures\n"
    )
    done = subprocess.run(
        [sys.executable, "script.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "begun\n"


def test_an_executor_may_be_an_object_and_finds_the_whole_plan(suite: dict[str, Any]) -> None:
    class Counting(Inline):
        count = 0

        def run(self, plan: Any, store: Any, context: Any) -> Any:
            self.count = len(plan.cells)
            return super().run(plan, store, context)

    executor = Counting()
    made = ood_bench.run(suite, executor=executor, device="cpu", only="train/*")
    assert executor.count == 1
    assert not made.failures


def test_a_mistake_in_a_suite_is_told_before_torch_and_pandas_are_imported(tiny: Path) -> None:
    tiny.write_text(SUITE.replace("pairs:", "paris:"))
    code = (
        "import sys, ood_bench\n"
        "from ood_bench.errors import SuiteError\n"
        "try: ood_bench.run('tiny.yaml')\n"
        "except SuiteError: assert not {'torch', 'pandas'} & set(sys.modules)\n"
        "else: raise AssertionError"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(SuiteError, match="paris"):
        ood_bench.run(tiny)
