"""What servers offered when they were pinned, as a catalogue: to be known without asking them. Pure."""

from collections.abc import Iterator, Mapping

from gateway.call import Tool
from gateway.catalogue import Catalogue
from gateway.offer import Offer, OfferKind
from gateway.pins.entries import PinnedServer, Pins
from gateway.pins.things import kind_of, named

__all__ = ["pinned_catalogue"]

NOT_PINNED = "it is not pinned yet: nobody has seen it here"
_OFFERED: Mapping[str, OfferKind] = {"prompt": "prompt", "resource": "resource", "template": "template"}


def pinned_catalogue(pins: Pins, trusted: Mapping[str, bool]) -> Catalogue:
    """What these servers offer, by their pinned definitions; `trusted` is the admin's word about each server that there
    is. Those that were never seen are missing.
    """
    things = [thing for name in trusted if name in pins for thing in _things(name, pins[name], trusted[name])]
    return Catalogue.of(
        [thing for thing in things if isinstance(thing, Tool)],
        missing={name: NOT_PINNED for name in trusted if name not in pins},
        offers=[thing for thing in things if isinstance(thing, Offer)],
    )


def _things(server: str, pinned: PinnedServer, trusted: bool) -> Iterator[Tool | Offer]:
    for name, entry in pinned.entries.items():
        kind = kind_of(name)
        if kind == "tool":
            yield Tool(server, name, entry.definition, entry.pin, trusted)
        elif kind in _OFFERED:
            yield Offer(_OFFERED[kind], server, named(name), entry.definition, trusted, entry.pin)
