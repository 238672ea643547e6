"""What a lock's file holds, how long others wait for it, and how it is taken over."""

import errno
import os
import threading
import time
from pathlib import Path

import pytest
from tests.unit.test_lock import DEAD, ELSEWHERE, held_by

from ood_bench.files import UNFINISHED
from ood_bench.owner import Owner
from ood_bench.store import Lock, lock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "held" / "key"


def taken(held: Lock) -> threading.Thread:
    """Take a lock and return the thread that gives its signs of life."""
    before = {*threading.enumerate()}
    assert held.take()
    (beat,) = {*threading.enumerate()} - before
    return beat


def test_a_lock_names_its_process_and_each_holding_apart(path: Path) -> None:
    first, second = Lock(path), Lock(path)
    with first:
        assert path.read_text() == first.token
        assert not first.waited
    assert first.token != second.token
    for held in (first, second):
        assert Owner.read(held.token) == Owner.here()
        assert len(held.token) == len(f"{Owner.here()}-0badcafe")


def test_a_wait_begins_short_and_grows_to_a_second(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, pauses = Lock(path), list[float]()
    assert holder.take()

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 14:
            holder.release()

    monkeypatch.setattr(time, "sleep", sleep)
    with Lock(path) as entered:
        assert entered.waited
    assert pauses == pytest.approx([min(0.02 * 1.5**i, 1.0) for i in range(14)])
    assert pauses[-1] == 1.0


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_refuses_the_file_is_an_error_and_leaves_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(OSError, match=os.strerror(number)):
        Lock(path).take()
    assert list(path.parent.iterdir()) == []


def test_a_lock_without_hard_links_is_the_same_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    mask = os.umask(0o027)
    try:
        with Lock(path) as held:
            assert path.read_text() == held.token
            assert path.stat().st_mode & 0o777 == 0o640
            assert [child.name for child in path.parent.iterdir()] == ["key"]
    finally:
        os.umask(mask)


def test_a_file_being_made_has_a_name_that_is_cleared_away_if_its_maker_dies(path: Path) -> None:
    held = Lock(path)
    name = held._beside("new").name
    assert name.startswith(".key.")
    assert name.endswith(UNFINISHED)
    assert Owner.read(name) == Owner.here()
    assert held._beside("gone").name != name


def test_a_lock_that_another_took_meanwhile_is_put_back(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_by(path, DEAD)
    rename, others = Path.rename, f"{ELSEWHERE}-00000000"

    def taken_meanwhile(self: Path, target: Path) -> Path:
        path.write_text(others)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", taken_meanwhile)
    assert not Lock(path).take()
    assert path.read_text() == others
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(("owner", "kept"), [(DEAD, False), (ELSEWHERE, True)])
def test_clearing_removes_the_lock_of_a_dead_holder_alone(
    path: Path, owner: Owner, *, kept: bool
) -> None:
    Lock(path).clear()  # nothing is there
    held_by(path, owner)
    Lock(path).clear()
    assert [child.name for child in path.parent.iterdir()] == ["key"] * kept
    path.unlink(missing_ok=True)
    with Lock(path) as alive:
        Lock(path).clear()
        assert alive.held()


def test_a_holder_that_lost_its_lock_gives_no_sign_of_life_for_the_new_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 0.2)
    beat = taken(Lock(path))
    held_by(path, ELSEWHERE)
    os.utime(path, (1e9, 1e9))
    assert beat.daemon
    beat.join(20.0)
    assert not beat.is_alive()
    assert path.stat().st_mtime == 1e9


def test_a_released_lock_gives_no_more_signs_of_life(path: Path) -> None:
    held = Lock(path)
    beat = taken(held)
    held.release()
    beat.join(5.0)
    assert not beat.is_alive()


def test_signs_of_life_outlast_errors_of_the_disk(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 0.02)
    calls: list[object] = []

    def failing(*arguments: object) -> None:
        calls.append(arguments)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with Lock(path):
        monkeypatch.setattr(os, "utime", failing)
        until = time.monotonic() + 20.0
        while len(calls) < 3 and time.monotonic() < until:
            time.sleep(0.02)
    assert len(calls) >= 3


def test_a_holder_is_waited_for_as_long_as_the_constants_say(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for text, patience in ((f"{ELSEWHERE}-0badcafe", 180.0), ("nobody", 5.0)):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        waiting, now = Lock(path), 1000.0
        assert not waiting.take()
        now += patience
        assert not waiting.take()
        now += 0.01
        assert waiting.take()
        waiting.release()
