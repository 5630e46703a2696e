"""A program of its own: stops the process groups that outlive the process that started it.

Run as `python -I -S reaper.py`, with a pipe as standard input whose other end only the parent holds. Lines `+123` and
`-123` name process groups to stop, or not to, when the pipe ends, which it does however the parent dies: SIGTERM, two
seconds, SIGKILL. Standard library only, and little of it: it must start in no time and outlive everything.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable

GRACE = 2.0  # seconds between SIGTERM and SIGKILL


def remembered(lines: Iterable[bytes]) -> set[int]:
    """The groups that are still named when the lines end. A line that is not a group's is passed over."""
    groups: set[int] = set()
    for line in lines:
        sign, digits = line[:1], line[1:].strip()
        if digits.isdigit() and int(digits) > 1:  # 0 and 1 would be our own group, and everybody
            (groups.add if sign == b"+" else groups.discard)(int(digits))
    return groups


def send(group: int, number: int) -> bool:
    """Signals a group. False when nobody is left in it."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # some member runs as somebody else; the others have got the signal
        return True
    return True


def stop(groups: set[int]) -> None:
    """Asks all, waits for them together, then kills those that are left."""
    left = {group for group in groups if send(group, signal.SIGTERM)}
    deadline = time.monotonic() + GRACE
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = {group for group in left if send(group, 0)}
    for group in left:
        send(group, signal.SIGKILL)


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # what ends the parent must not end us before our work
    with contextlib.suppress(OSError):
        stop(remembered(sys.stdin.buffer))


if __name__ == "__main__":
    main()
