"""Nothing outlives us, however we die: with a real SIGKILL."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from gateway.upstream.reaping import Reaper

ROOT = Path(__file__).parents[3]
PARENT = """
import asyncio, sys
from gateway.upstream import ServerSpec, Stdio, Upstreams

async def main():
    stdio = Stdio(sys.executable, ("-S", sys.argv[1], "stubborn-fork"), {"FIFO": sys.argv[2]})
    async with Upstreams({"s": ServerSpec("s", stdio, era="legacy")}) as up:
        print("ready" if up.catalogue.tools else up.catalogue.missing, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_stubborn_child_and_its_own_child_are_gone_after_we_were_killed(tmp_path: Path) -> None:
    fifo = tmp_path / "held"
    os.mkfifo(fifo)
    # Both hold the FIFO open for writing: it ends when the last of them is gone.
    held = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(held, True)
    command = [sys.executable, "-c", PARENT, str(ROOT / "tests/fixtures/hostile_server.py"), str(fifo)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    assert parent.stdout
    assert parent.stdout.readline() == b"ready\n"
    parent.send_signal(signal.SIGKILL)
    parent.communicate()

    async def gone() -> bytes:
        return await asyncio.wait_for(asyncio.to_thread(os.read, held, 1), 60)

    assert asyncio.run(gone()) == b""
    os.close(held)


def sleeper() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def test_groups_that_are_taken_back_are_left_alone_and_the_others_are_stopped() -> None:
    sleeping = "import time; time.sleep(600)"
    kept, stopped = (subprocess.Popen([sys.executable, "-S", "-c", sleeping], start_new_session=True) for _ in range(2))
    reaper = Reaper()
    reaper.watch(kept.pid)
    reaper.watch(stopped.pid)
    reaper.forget(kept.pid)
    asyncio.run(reaper.close())
    assert stopped.wait(60) == -signal.SIGTERM
    assert kept.poll() is None
    kept.kill()
    kept.wait()


def test_a_reaper_that_was_killed_is_replaced_and_told_everything_again() -> None:
    child = sleeper()
    reaper = Reaper()
    reaper.watch(child.pid)
    first = reaper._process  # noqa: SLF001 - only its process can be killed
    assert first
    first.kill()
    first.wait()
    reaper.forget(4_000_000)  # meets the broken pipe
    reaper.start()
    asyncio.run(reaper.close())
    assert child.wait(60) == -signal.SIGTERM
