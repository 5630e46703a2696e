"""How much of `toolgate.lock`, and of the notes, one server may have: a server lists what it likes. Pure.

What is over stays held, for that server alone. A server that gives its tools other names each time keeps its pins in
bounds by itself: those give way that came later, that nobody has accepted, and that it does not offer any more.
"""

from collections.abc import Collection, Iterable, Mapping

from gateway.pins.document import weight
from gateway.pins.entries import PinnedServer

__all__ = ["MOST", "MOST_BYTES", "fitted", "over"]

MOST = 2_000  # entries of a server
MOST_BYTES = 2_000_000


def fitted(now: PinnedServer, before: PinnedServer | None, offered: Collection[str]) -> PinnedServer:
    """The server as it is to be written: what is new in it and finds no room is as it was `before`.

    `offered` are the names of what it has at the moment.
    """
    old = before.entries if before else {}
    fresh = [name for name, entry in now.entries.items() if old.get(name) is not entry]
    late = [(entry.added_at, name) for name, entry in old.items() if entry.added_at and name not in offered]
    order = [*(name for _, name in sorted(late)), *reversed(fresh)]
    least = {name: len(entry.text) for name, entry in now.entries.items()}
    gone = over(least, order)  # by so much already: what a large one takes exactly is worth knowing of few
    weights = {name: weight(name, entry) for name, entry in now.entries.items() if name not in gone}
    gone |= over(weights, [name for name in order if name not in gone])
    kept = {name: entry for name, entry in now.entries.items() if name not in gone}
    back = {name: old[name] for name in gone.intersection(fresh) if name in old}
    return PinnedServer(now.identity, {**kept, **back}, now.accepted, now.tools_only)


def over(weights: Mapping[str, int], order: Iterable[str]) -> frozenset[str]:
    """Which have to go, the first in `order` first, so that the others are no more than one server may have."""
    left, size, gone = len(weights), sum(weights.values()), set[str]()
    for name in order:
        if left <= MOST and size <= MOST_BYTES:
            break
        gone.add(name)
        left, size = left - 1, size - weights[name]
    return frozenset(gone)
