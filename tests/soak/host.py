"""The real `toolgate`, with one thing more: at SIGUSR1 it writes its asyncio tasks into a file.

`host.py FILE serve ...`. The product has no such window; from outside, tasks can't be counted.
"""

import asyncio
import json
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

from gateway.cli import main


def show(_number: int, _frame: FrameType | None) -> None:
    """`{"name of a coroutine": how many}`: replaced as a whole, so that nobody reads half of it."""
    found = Counter(_named(task) for task in asyncio.all_tasks())
    aside = SHOWN.with_suffix(".new")
    aside.write_text(json.dumps(found), encoding="utf-8")
    aside.replace(SHOWN)


def _named(task: "asyncio.Task[object]") -> str:
    return str(getattr(task.get_coro(), "__qualname__", task))


SHOWN = Path(sys.argv.pop(1))

if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, show)
    main()
