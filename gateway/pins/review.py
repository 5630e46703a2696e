"""What is pinned against what is there: which tools are held, and what is to be written down. Pure.

First sight is trusted, and written down. From then on a tool is what it was. When another program answers under a
server's name, the first sight is over too: its new tools are held like its changed ones, and no change is harmless.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from gateway.call import Tool
from gateway.pins.entries import Accepted, Identity, Note, PinnedServer, PinnedTool, Pins, Reason
from gateway.pins.harmless import harmless
from gateway.screens.finding import Finding, Kind

__all__ = ["BY_RULE", "Review", "Seen", "Trust", "review", "unpinned"]

BY_RULE = "rule: harmless change"


@dataclass(frozen=True, slots=True)
class Trust:
    """The admin's word. `new_tools` is by server, what happens to a tool that a pinned server adds."""

    new_tools: Mapping[str, Literal["accept", "hold"]] = field(default_factory=dict)
    accept_changes: Literal["none", "harmless"] = "none"
    hold_on: frozenset[Kind] = frozenset()


@dataclass(frozen=True, slots=True)
class Seen:
    """A server as it is now. `findings` by tool path."""

    name: str
    identity: Identity
    tools: Sequence[Tool]
    findings: Mapping[str, Sequence[Finding]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Review:
    """`held` by tool path. `learned` are the servers whose entries in the pins are new, as they must be.

    `strangers` are the servers that are another program now, with what they are.
    """

    held: Mapping[str, Note] = field(default_factory=dict)
    learned: Mapping[str, PinnedServer] = field(default_factory=dict)
    strangers: Mapping[str, Identity] = field(default_factory=dict)


def review(pins: Pins, seen: Sequence[Seen], trust: Trust, now: str) -> Review:
    """Compares each server's tools with their pins. `now` is the time that goes into what is written down."""
    held: dict[str, Note] = {}
    learned: dict[str, PinnedServer] = {}
    strangers: dict[str, Identity] = {}
    for server in seen:
        pinned = pins.get(server.name)
        if pinned is not None and not pinned.identity.same_as(server.identity):
            strangers[server.name] = server.identity
        look = _Look(server, pinned, trust, now, strange=server.name in strangers)
        held |= look.held()
        entry = look.entry()
        if entry != pinned:
            learned[server.name] = entry
    return Review(held, learned, strangers)


def unpinned(reviewed: Review, pins: Pins, seen: Sequence[Seen], problem: str) -> Review:
    """The same when nothing can be written down: what would have to be is held, for nobody could see it change."""
    held = dict(reviewed.held)
    for server in seen:
        entry = reviewed.learned.get(server.name)
        known = pins[server.name].tools if server.name in pins else {}
        for tool in server.tools if entry else ():
            if tool.name not in known or known[tool.name].pin != tool.pin:
                note = Note("unpinned", f"it can't be pinned: {problem}", server.identity, tool.definition, "")
                held.setdefault(tool.path, note)
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
        found = ((tool, self.reason(tool)) for tool in self.server.tools)
        return {tool.path: self.note(tool, reason) for tool, reason in found if reason}

    def entry(self) -> PinnedServer:
        """As it should stand in the pins. What the server does not offer now stays there: it may come back."""
        pinned = self.pinned or PinnedServer(self.server.identity)
        return replace(pinned, tools={**pinned.tools, **dict(self.learned())})

    def learned(self) -> Iterator[tuple[str, PinnedTool]]:
        for tool in self.server.tools:
            entry = self.of(tool)
            if (entry is None or entry.pin != tool.pin) and self.reason(tool) in (None, "suspicious"):
                yield tool.name, self.fresh(tool, entry)

    def fresh(self, tool: Tool, entry: PinnedTool | None) -> PinnedTool:
        if entry is not None:
            return PinnedTool.of(tool.definition, Accepted(BY_RULE, self.now))
        return PinnedTool.of(tool.definition, added_at=self.now if self.pinned else "")

    def of(self, tool: Tool) -> PinnedTool | None:
        return self.pinned.tools.get(tool.name) if self.pinned else None

    def reason(self, tool: Tool) -> Reason | None:
        """Why the tool is held; None if it is not."""
        entry = self.of(tool)
        if entry is None and self.pinned and (self.strange or self.trust.new_tools.get(self.server.name) == "hold"):
            return "new"
        changed = entry is not None and entry.pin != tool.pin
        if entry is not None and changed and not self.may_change(tool, entry):
            return "changed"
        vouched = entry is not None and entry.vouched and not changed
        return "suspicious" if self.deceives(tool) and not vouched else None

    def may_change(self, tool: Tool, entry: PinnedTool) -> bool:
        by_rule = self.trust.accept_changes == "harmless" and not self.strange
        return by_rule and harmless(entry.definition, tool.definition)

    def deceives(self, tool: Tool) -> list[Kind]:
        found = self.server.findings.get(tool.path, ())
        return sorted({finding.kind for finding in found if finding.kind in self.trust.hold_on})

    def note(self, tool: Tool, reason: Reason) -> Note:
        why = _WHY[reason].format(kinds=", ".join(self.deceives(tool)))
        if self.strange and reason != "suspicious":
            why = f"another program answers as `{self.server.name}` now, and {why}"
        return Note(
            reason, f"{why}; see `toolgate pins show {tool.path}`", self.server.identity, tool.definition, self.now
        )


_WHY: Mapping[Reason, str] = {
    "changed": "its definition is not the one that was pinned",
    "new": "it was not there when its server was pinned",
    "suspicious": "its definition has {kinds} in it",
    "unpinned": "it can't be pinned",
}
