"""What was freed goes back to the system, where it can be told so."""

import asyncio
import ctypes
import subprocess
import sys

import pytest

from gateway import memory

HOLES = """
from pathlib import Path
from gateway.memory import give_back

def held():
    return int(Path("/proc/self/statm").read_text().split()[1])

before = held()
blocks = [bytes(4000) for _ in range(10_000)]
kept = blocks[::100]
full = held()
del blocks
give_back()
print((held() - before) / (full - before))
"""


def has_glibc() -> bool:
    return hasattr(ctypes.CDLL(None), "gnu_get_libc_version")


@pytest.mark.skipif(not has_glibc(), reason="other allocators are not told")
def test_holes_in_the_memory_go_back_to_the_system() -> None:
    """Python gives back what it has asked for in large blocks at once, but what lies between others stays."""
    child = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, timeout=60, check=True)
    assert float(child.stdout) < 0.25


FAULTS = """
import sys
from resource import RUSAGE_SELF, getrusage
from pathlib import Path
from gateway.memory import ALONE, KEPT, give_back, keep_some

def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def busy():
    before = getrusage(RUSAGE_SELF).ru_minflt
    for _ in range(50):
        blocks = [bytes(100_000) for _ in range(20)]
        del blocks
    return getrusage(RUSAGE_SELF).ru_minflt - before

without = busy()
keep_some()
with_some = busy()
before = held()
one = b"x" * 3 * ALONE
del one
alone = held() - before
many = [b"x" * 100_000 for _ in range(2 * KEPT // 100_000)]
del many
kept = held() - before
give_back()
print(with_some / without, alone / ALONE, kept / KEPT, (held() - before) / KEPT)
"""


@pytest.mark.skipif(not has_glibc(), reason="other allocators are not told")
def test_some_memory_is_kept_for_the_next_large_result_until_it_is_time_to_give_it_back() -> None:
    child = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, timeout=60, check=True)
    faults, alone, kept, given_back = map(float, child.stdout.split())
    assert faults < 0.25
    assert alone < 0.25  # what is very large goes back by itself
    assert kept < 1.25
    assert given_back < 0.25


def test_without_such_an_allocator_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    memory.give_back()
    memory.keep_some()


def test_memory_is_given_back_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """For as long as the block lasts, and not any more after it."""

    async def counted() -> None:
        given, third = 0, asyncio.Event()

        def count() -> None:
            nonlocal given
            given += 1
            if given == 3:
                third.set()

        monkeypatch.setattr(memory, "give_back", count)
        monkeypatch.setattr(memory, "EVERY", 0.0)
        async with memory.giving_back():
            await third.wait()
        after = given
        await asyncio.sleep(0)
        assert given == after
        assert all(task is asyncio.current_task() for task in asyncio.all_tasks())

    asyncio.run(counted())
