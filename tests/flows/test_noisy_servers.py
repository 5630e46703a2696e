"""Servers that never stop talking, or never stop growing: whoever uses another one does not notice."""

import time
from pathlib import Path

import pytest

from tests.fixtures.served import ECHO, EVERYTHING, Place, hostile, text_of

CALLS = 100
SLOWEST = 5.0  # seconds of one call on a busy machine; without the noise it takes milliseconds
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


@pytest.mark.parametrize("mode", ["notes-flood", "grows"])
@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_a_server_that_makes_noise_without_end_disturbs_nobody(place: Place, era: str, mode: str) -> None:
    with place.serve({"echo": ECHO, "loud": hostile(mode)}) as gateway, gateway.client(era) as client:
        assert text_of(client.call("echo__echo", {"text": "first"})) == "first"
        before, slowest = resident(gateway.process.pid), 0.0
        for number in range(CALLS):
            began = time.monotonic()
            assert text_of(client.call("echo__echo", {"text": str(number)})) == str(number)
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < SLOWEST
        assert "loud__act" in [tool["name"] for tool in client.ask("tools/list")["result"]["tools"]]
        assert "act" in text_of(client.call("loud__act"))  # it answers, too
        assert resident(gateway.process.pid) < before + ROOM
        assert gateway.stop() == 0
    assert "Traceback" not in place.log
