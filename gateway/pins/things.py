"""What of all that servers offer is compared with pins: each thing as a name and a definition. Pure.

A tool goes by its own name, which has no colon. The name of anything else begins with what it is: `prompt:greet`,
`resource:file:///a`, `template:file:///{x}`, and `about:instructions` for what a server tells models about itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.call import JsonObject, Tool, pin_of
from gateway.catalogue import Catalogue
from gateway.offer import ABOUT, Offer

__all__ = ["Thing", "kind_of", "named", "thing_of", "things"]

_FLEETING = frozenset({"resource", "template"})  # what there is of them changes while one works: the use of a server


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing, as it is now. `definition` is the server's own JSON."""

    server: str
    name: str
    definition: JsonObject = field(repr=False)
    pin: str

    @property
    def path(self) -> str:
        return f"{self.server}/{self.name}"

    @property
    def kind(self) -> str:
        return kind_of(self.name)

    @property
    def lasts(self) -> bool:
        """Whether it is written down at first sight, and should stay as it is."""
        return self.kind not in _FLEETING


def kind_of(name: str) -> str:
    """`tool`, `prompt`, `resource`, `template` or `about`."""
    kind, colon, _ = name.partition(":")
    return kind if colon else "tool"


def named(name: str) -> str:
    """Its own name, without what it is."""
    kind, colon, own = name.partition(":")
    return own if colon else kind


def thing_of(offered: Tool | Offer) -> Thing:
    """A tool, or anything else that is listed."""
    name = offered.name if isinstance(offered, Tool) else f"{offered.kind}:{offered.name}"
    return Thing(offered.server, name, offered.definition, offered.pin)


def things(catalogue: Catalogue) -> Iterator[Thing]:
    """All that is listed, in no order."""
    yield from map(thing_of, catalogue.tools.values())
    yield from map(thing_of, catalogue.unseen)
    yield from map(thing_of, catalogue.prompts.values())
    yield from map(thing_of, catalogue.resources.values())
    yield from (thing_of(template) for _, template in catalogue.templates)
    for server, about in catalogue.about.items():
        if about.instructions.strip():
            said = {"instructions": about.instructions}
            yield Thing(server, ABOUT, said, pin_of(said))
