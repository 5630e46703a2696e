"""Children: what they get, and how they end."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gateway.upstream.process import Child, environment
from gateway.upstream.reaping import Reaper
from gateway.upstream.spec import Stdio


def test_a_child_inherits_six_harmless_variables_and_what_it_is_given_wins() -> None:
    ours = {"PATH": "/bin", "HOME": "/root", "AWS_SECRET_ACCESS_KEY": "x", "SHELL": "() { :; }"}
    assert environment({"HOME": "/tmp", "A": "1"}, ours) == {"PATH": "/bin", "HOME": "/tmp", "A": "1"}


def python(code: str) -> Stdio:
    return Stdio(sys.executable, ("-S", "-c", code))


def with_child(code: str, scenario: Callable[[Child], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        reaper = Reaper()
        child = Child(python(code), reaper)
        try:
            await scenario(child)
        finally:
            child.kill()
            await reaper.close()

    asyncio.run(run())


def test_the_end_of_its_input_is_enough_for_a_good_child() -> None:
    async def scenario(child: Child) -> None:
        assert child.ending == ""
        child.stdin.close()
        await child.stop()
        assert child.ending == "it exited with code 0"

    with_child("import sys; sys.stdin.read()", scenario)


def test_a_child_that_stays_is_asked_and_then_killed() -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    )

    async def scenario(child: Child) -> None:
        assert child.stdout.readline() == b"up\n"
        await child.stop()
        assert child.ending == "it was ended by SIGKILL"

    with_child(code, scenario)


def test_what_a_child_leaves_behind_in_its_group_is_stopped_too() -> None:
    code = "import os, time\nif os.fork() == 0:\n    print('up', flush=True)\n    time.sleep(600)\nos._exit(5)"

    async def scenario(child: Child) -> None:
        assert child.stdout.readline() == b"up\n"
        assert await child.ended(60) == "it exited with code 5"
        await child.stop()
        assert child.stdout.read() == b""  # its child held the pipe: it is gone

    with_child(code, scenario)


def test_kill_waits_for_nobody() -> None:
    async def scenario(child: Child) -> None:
        child.kill()
        assert child.ending == f"it was ended by {signal.SIGKILL.name}"

    with_child("import time; time.sleep(600)", scenario)


def test_a_program_that_is_not_there_is_an_os_error() -> None:
    async def scenario() -> None:
        reaper = Reaper()
        with pytest.raises(FileNotFoundError):
            Child(Stdio("/no/such/program"), reaper)
        await reaper.close()

    asyncio.run(scenario())


def test_a_number_that_may_be_a_strangers_by_now_is_never_signalled(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(child: Child) -> None:
        child.stdin.close()
        assert await child.ended(60) == "it exited with code 0"
        sent: list[int] = []
        monkeypatch.setattr("os.killpg", lambda _group, number: sent.append(number))  # somebody has that number now
        await child.stop()
        child.kill()
        assert sent == []

    with_child("import sys; sys.stdin.read()", scenario)
