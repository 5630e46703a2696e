"""What a person has forgotten: what was seen and is not there any more, or also what is pinned. Pure."""

from dataclasses import dataclass, replace

from gateway.pins.entries import Notes, PinnedServer, Pins, within

__all__ = ["Forgetting", "forget"]


@dataclass(frozen=True, slots=True)
class Forgetting:
    """The pins and notes as they are afterwards; `paths` are those of which something is forgotten."""

    pins: Pins
    notes: Notes
    paths: tuple[str, ...] = ()


def forget(pins: Pins, notes: Notes, target: str, *, pinned: bool) -> Forgetting:
    """Forgets what was held once, and is not there any more, within `target` (a server or a tool). With `pinned` all
    that is known of it: it is pinned anew when it is seen the next time, whatever it is then.
    """
    gone = {path for path, note in notes.tools.items() if within(path, target) and (pinned or note.gone_at)}
    kept = notes.without(gone, {target} if pinned else ())
    if not pinned:
        return Forgetting(pins, kept, tuple(sorted(gone)))
    known = {path for path in _paths(pins) if within(path, target)}
    left = {name: _less(name, server, known) for name, server in pins.items() if name != target}
    return Forgetting(left, kept, tuple(sorted(gone | known)))


def _paths(pins: Pins) -> set[str]:
    return {f"{name}/{thing}" for name, server in pins.items() for thing in server.entries}


def _less(name: str, server: PinnedServer, gone: set[str]) -> PinnedServer:
    return replace(
        server, entries={thing: one for thing, one in server.entries.items() if f"{name}/{thing}" not in gone}
    )
