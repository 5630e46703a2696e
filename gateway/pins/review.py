"""What is pinned against what is there: what is held, and what is to be written down. Pure.

First sight is trusted, and written down. From then on a tool, a prompt, a server's instructions are what they were.
When another program answers under a server's name, the first sight is over too: its new tools are held like its changed
ones, and no change is harmless. Resources come and go, so they are not pinned; but what deceives in them can be held.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from gateway.pins.entries import Accepted, Identity, Note, PinnedEntry, PinnedServer, Pins, Reason
from gateway.pins.harmless import harmless
from gateway.pins.things import Thing
from gateway.screens.finding import Finding, Kind

__all__ = ["BY_RULE", "Review", "Seen", "Trust", "review", "unpinned"]

BY_RULE = "rule: harmless change"


@dataclass(frozen=True, slots=True)
class Trust:
    """The admin's word. `new_tools` is by server, what happens to what a pinned server adds."""

    new_tools: Mapping[str, Literal["accept", "hold"]] = field(default_factory=dict)
    accept_changes: Literal["none", "harmless"] = "none"
    hold_on: frozenset[Kind] = frozenset()


@dataclass(frozen=True, slots=True)
class Seen:
    """A server as it is now. `findings` by path."""

    name: str
    identity: Identity
    things: Sequence[Thing]
    findings: Mapping[str, Sequence[Finding]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Review:
    """`held` by path. `fresh` are the servers whose entries in the pins are new, `strangers` those that are another
    program now, with what they are.
    """

    held: Mapping[str, Note] = field(default_factory=dict)
    fresh: "Mapping[str, _Look]" = field(default_factory=dict)
    strangers: Mapping[str, Identity] = field(default_factory=dict)

    @property
    def learned(self) -> Mapping[str, PinnedServer]:
        """The entries of the fresh ones, as they must be. Takes its time, for what is large: it is for who writes."""
        return {name: look.entry() for name, look in self.fresh.items()}


def review(pins: Pins, seen: Sequence[Seen], trust: Trust, now: str) -> Review:
    """Compares what each server offers with its pins. `now` is the time that goes into what is written down."""
    held: dict[str, Note] = {}
    fresh: dict[str, _Look] = {}
    strangers: dict[str, Identity] = {}
    for server in seen:
        pinned = pins.get(server.name)
        if pinned is not None and not pinned.identity.same_as(server.identity):
            strangers[server.name] = server.identity
        look = _Look(server, pinned, trust, now, strange=server.name in strangers)
        held |= look.held()
        if look.is_fresh():
            fresh[server.name] = look
    return Review(held, fresh, strangers)


def unpinned(reviewed: Review, pins: Pins, seen: Sequence[Seen], why: str) -> Review:
    """The same while nothing is written down: what would have to be is held, for nobody could see it change."""
    held = dict(reviewed.held)
    for server in seen:
        known = pins[server.name].entries if server.name in pins else {}
        for thing in server.things if server.name in reviewed.fresh else ():
            if thing.lasts and (thing.name not in known or known[thing.name].pin != thing.pin):
                note = Note("unpinned", why, server.identity, thing.definition, "")
                held.setdefault(thing.path, note)
    return Review(held, {}, reviewed.strangers)


@dataclass(frozen=True, slots=True)
class _Look:
    """One server. `strange`: another program than the pinned one."""

    server: Seen
    pinned: PinnedServer | None
    trust: Trust
    now: str
    strange: bool

    def held(self) -> dict[str, Note]:
        found = ((thing, self.reason(thing)) for thing in self.server.things)
        return {thing.path: self.note(thing, reason) for thing, reason in found if reason}

    def is_fresh(self) -> bool:
        """Whether there is anything to write down of it."""
        return self.pinned is None or self.tools_only != self.pinned.tools_only or any(True for _ in self.learned())

    def entry(self) -> PinnedServer:
        """As it should stand in the pins. What the server does not offer now stays there: it may come back."""
        pinned = self.pinned or PinnedServer(self.server.identity)
        learned = {thing.name: self.fresh(thing, self.of(thing)) for thing in self.learned()}
        return replace(pinned, entries={**pinned.entries, **learned}, tools_only=self.tools_only)

    @property
    def tools_only(self) -> bool:
        """Of another program, nothing is believed at first sight."""
        return self.pinned is not None and self.pinned.tools_only and self.strange

    def learned(self) -> Iterator[Thing]:
        for thing in self.server.things:
            entry = self.of(thing)
            learns = thing.lasts and (entry is None or entry.pin != thing.pin)
            if learns and self.reason(thing) in (None, "suspicious"):
                yield thing

    def fresh(self, thing: Thing, entry: PinnedEntry | None) -> PinnedEntry:
        if entry is not None:
            return PinnedEntry.of(thing.definition, Accepted(BY_RULE, self.now))
        return PinnedEntry.of(thing.definition, added_at="" if self.first_sight(thing) else self.now)

    def of(self, thing: Thing) -> PinnedEntry | None:
        return self.pinned.entries.get(thing.name) if self.pinned else None

    def first_sight(self, thing: Thing) -> bool:
        """Whether nobody has looked at things of this kind of this server before."""
        return self.pinned is None or (self.pinned.tools_only and thing.kind != "tool")

    def reason(self, thing: Thing) -> Reason | None:
        """Why it is held; None if it is not."""
        entry = self.of(thing)
        if thing.lasts and entry is None and self.may_not_add(thing):
            return "new"
        changed = entry is not None and entry.pin != thing.pin
        if thing.lasts and entry is not None and changed and not self.may_change(thing, entry):
            return "changed"
        vouched = entry is not None and entry.vouched and not changed
        return "suspicious" if self.deceives(thing) and not vouched else None

    def may_not_add(self, thing: Thing) -> bool:
        if self.pinned is None:
            return False
        return self.strange or (self.trust.new_tools.get(self.server.name) == "hold" and not self.first_sight(thing))

    def may_change(self, thing: Thing, entry: PinnedEntry) -> bool:
        by_rule = self.trust.accept_changes == "harmless" and not self.strange
        return by_rule and harmless(entry.definition, thing.definition)

    def deceives(self, thing: Thing) -> list[Kind]:
        found = self.server.findings.get(thing.path, ())
        return sorted({finding.kind for finding in found if finding.kind in self.trust.hold_on})

    def note(self, thing: Thing, reason: Reason) -> Note:
        why = _WHY[reason].format(kinds=", ".join(self.deceives(thing)))
        if self.strange and reason != "suspicious":
            why = f"another program answers as `{self.server.name}` now, and {why}"
        return Note(
            reason, f"{why}; see `toolgate pins show {thing.path}`", self.server.identity, thing.definition, self.now
        )


_WHY: Mapping[Reason, str] = {
    "changed": "its definition is not the one that was pinned",
    "new": "it was not there when its server was pinned",
    "suspicious": "its definition has {kinds} in it",
    "unpinned": "it can't be pinned",
}
