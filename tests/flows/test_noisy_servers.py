"""Servers that never stop talking, or never stop growing: whoever uses another one does not notice.

At what pace they are heard is tested where they are: in `tests/gateway/upstream`, by clocks that stand still.
"""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.served import ECHO, EVERYTHING, FIXTURES, Place, hostile, text_of

CALLS = 40
ROOM = 64 * 2**20  # bytes by which the gateway may have grown when it has been shouted at


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.policy(EVERYTHING)
    return made


def resident(pid: int) -> int:
    """The memory of a process, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


@contextlib.contextmanager
def over_http(era: str) -> Iterator[Mapping[str, Any]]:
    command = [sys.executable, "-S", str(FIXTURES / "loud_http.py"), era]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield {"url": process.stdout.readline().strip()}
        finally:
            process.kill()


LOUD: Mapping[str, Callable[[], AbstractContextManager[Mapping[str, Any]]]] = {
    "notes-flood": lambda: nullcontext(hostile("notes-flood")),
    "grows": lambda: nullcontext(hostile("grows")),
    "modern HTTP": lambda: over_http("modern"),
    "legacy HTTP": lambda: over_http("legacy"),
}


@pytest.mark.parametrize("mode", LOUD)
@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_a_server_that_makes_noise_without_end_disturbs_nobody(place: Place, era: str, mode: str) -> None:
    with (
        LOUD[mode]() as loud,
        place.serve({"echo": ECHO, "loud": loud}) as gateway,
        gateway.client(era) as client,
    ):
        assert text_of(client.call("echo__echo", {"text": "first"})) == "first"
        before = resident(gateway.process.pid)
        for number in range(CALLS):
            assert text_of(client.call("echo__echo", {"text": str(number)})) == str(number)
        assert "loud__act" in [tool["name"] for tool in client.ask("tools/list")["result"]["tools"]]
        assert "act" in text_of(client.call("loud__act"))  # it answers, too
        assert resident(gateway.process.pid) < before + ROOM
        assert gateway.stop() == 0
    assert "Traceback" not in place.log
