"""Owners: a process is told from another that has its number, and from its remains."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from ood_bench.owner import Owner


def test_an_owner_reads_back_from_a_name_that_holds_it() -> None:
    owner = Owner.here()
    assert Owner.read(f".a.json.{owner}.x.unfinished") == owner
    assert Owner.read("a.json") is None


def test_this_process_lives() -> None:
    assert Owner.here().pid == os.getpid()
    assert Owner.here().gone() is False


def test_a_number_that_another_process_has_now_is_no_sign_of_life() -> None:
    assert replace(Owner.here(), start=1).gone() is True


def test_nobody_tells_of_another_machine() -> None:
    assert replace(Owner.here(), place="00000000").gone() is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of a process's remains")
def test_a_process_that_ended_is_gone_before_its_parent_has_asked() -> None:
    code = "from ood_bench.owner import Owner; print(Owner.here(), flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    owner = Owner.read(process.stdout.readline())
    assert owner is not None
    assert owner.gone() is False
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert owner.gone() is True
    process.communicate()
    assert owner.gone() is True
