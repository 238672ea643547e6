"""Locks: one holder at a time, and none that outlives its holder."""

import errno
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ood_bench.owner import Owner
from ood_bench.store import Lock, lock

DEAD = replace(Owner.here(), start=1)
ELSEWHERE = replace(Owner.here(), place="00000000")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "held" / "key"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(lock, "STALE_SECONDS", 0.6)
    monkeypatch.setattr(lock, "UNREADABLE_SECONDS", 0.3)


def held_by(path: Path, owner: Owner) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{owner}-0badcafe")


def seconds_to_enter(path: Path) -> float:
    began = time.monotonic()
    with Lock(path) as entered:
        assert entered.held()
    assert list(path.parent.iterdir()) == []
    return time.monotonic() - began


def test_a_lock_that_is_held_is_not_taken_and_is_free_again_afterwards(path: Path) -> None:
    with Lock(path) as first:
        assert not Lock(path).take()
        assert first.held()
    assert not path.exists()
    second = Lock(path)
    assert second.take()
    second.release()
    assert list(path.parent.iterdir()) == []


def test_a_lock_waits_for_its_holder_and_says_so_once(path: Path) -> None:
    said: list[str] = []
    first = Lock(path)
    assert first.take()
    threading.Timer(0.5, first.release).start()
    with Lock(path, waiting=lambda: said.append("waiting")) as second:
        assert second.waited
    assert said == ["waiting"]


def test_a_holder_that_ended_on_this_machine_is_found_out_at_once(path: Path) -> None:
    held_by(path, DEAD)
    assert seconds_to_enter(path) < 60.0


@pytest.mark.usefixtures("impatient")
def test_a_holder_elsewhere_counts_as_gone_when_its_signs_of_life_stay_away(path: Path) -> None:
    held_by(path, ELSEWHERE)
    os.utime(path, (4e9, 4e9))  # its clock is wrong by decades
    assert seconds_to_enter(path) > 0.6


@pytest.mark.usefixtures("impatient")
def test_a_holder_elsewhere_keeps_its_lock_while_it_lives(path: Path) -> None:
    held_by(path, ELSEWHERE)
    until = time.monotonic() + 1.5
    waiting = Lock(path)
    while time.monotonic() < until:
        os.utime(path)
        assert not waiting.take()
        time.sleep(0.1)


@pytest.mark.usefixtures("impatient")
def test_a_lock_gives_signs_of_life(path: Path) -> None:
    with Lock(path):
        before = path.stat().st_mtime_ns
        time.sleep(0.5)
        assert path.stat().st_mtime_ns > before


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff\x00", None])
def test_a_damaged_lock_holds_nobody_up_for_long(path: Path, content: bytes | None) -> None:
    path.parent.mkdir()
    if content is None:
        (path / "below").mkdir(parents=True)
    else:
        path.write_bytes(content)
    assert 0.3 < seconds_to_enter(path) < 10


def test_of_many_that_find_a_dead_holder_one_at_a_time_has_the_lock(path: Path) -> None:
    held_by(path, DEAD)
    inside, most, entered = 0, 0, 0
    guard = threading.Lock()

    def enter() -> None:
        nonlocal inside, most, entered
        with Lock(path):
            with guard:
                inside, entered = inside + 1, entered + 1
                most = max(most, inside)
            time.sleep(0.02)
            with guard:
                inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, entered) == (1, 12)
    assert list(path.parent.iterdir()) == []


def test_a_lock_that_was_taken_over_is_known_as_lost_and_is_left_to_its_new_holder(
    path: Path,
) -> None:
    first = Lock(path)
    assert first.take()
    held_by(path, ELSEWHERE)
    assert not first.held()
    first.release()
    assert path.exists()


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS])
def test_file_systems_without_hard_links_have_locks_too(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", no_links)
    with Lock(path) as first:
        assert first.held()
        assert not Lock(path).take()
    assert list(path.parent.iterdir()) == []


def test_a_link_that_was_made_though_its_answer_was_lost_counts(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.link

    def lost(source: Path, target: Path) -> None:
        real(source, target)
        raise OSError(errno.EIO, "the answer was lost")

    monkeypatch.setattr(os, "link", lost)
    with Lock(path) as first:
        assert first.held()


def test_a_folder_that_cannot_be_written_to_is_an_error_and_no_wait(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.parent.write_text("a file")
    with pytest.raises(OSError, match="held"):
        Lock(path).take()
