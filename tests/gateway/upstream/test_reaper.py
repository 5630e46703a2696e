"""The program that outlives us: which groups it remembers, and how it stops them."""

import os
import signal
import subprocess
import sys

import pytest

from gateway.upstream import reaper


@pytest.mark.parametrize(
    ("lines", "groups"),
    [
        ([b"+12\n", b"+13\n", b"-12\n"], {13}),
        ([b"-12\n", b"+12\n", b"+12\n"], {12}),
        ([b"+0\n", b"+1\n", b"+-5\n", b"+x\n", b"\n", b"12\n", b"+14"], {14}),
    ],
)
def test_it_remembers_the_groups_that_were_not_taken_back(lines: list[bytes], groups: set[int]) -> None:
    assert reaper.remembered(lines) == groups


def start(code: str) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout
    assert process.stdout.readline() == b"up\n"
    return process


def test_a_polite_group_is_asked_and_a_stubborn_one_is_killed() -> None:
    polite = start("import time; print('up', flush=True); time.sleep(600)")
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    stubborn = start(f"import time; {ignore}print('up', flush=True); time.sleep(600)")
    reaper.stop({polite.pid, stubborn.pid})
    for process, number in ((polite, signal.SIGTERM), (stubborn, signal.SIGKILL)):
        process.communicate(timeout=60)
        assert process.returncode == -number


def test_a_group_that_is_gone_is_no_error() -> None:
    process = start("print('up')")
    process.communicate()
    assert not reaper.send(process.pid, 0)
    reaper.stop({process.pid})
    assert os.getpid()
