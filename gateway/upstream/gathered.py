"""What a server lists, to whomever: some show a client more that can be asked more (sampling, roots, elicitation).

So a list that a private connection was told counts beside that of the public one, and not in its place: what one client
declares takes no tool from another. There is one for each set of capabilities that clients declare. Of two definitions
of one name the one that was told last counts, so one that a server shows to some only is seen, and held. Pure.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.call import JsonObject
from gateway.caller import ASKING
from gateway.upstream.listing import Listing

__all__ = ["Gathered", "declared"]

MOST = 16  # sets of capabilities; there is no list of others, which clients could make up without end
_PARTS = ("form", "url", "tools", "context", "listChanged")  # of what they can be asked


class Gathered:
    """The lists of one server. `own` is the public connection's, `all` what all of them say together."""

    def __init__(self) -> None:
        self.own = self.all = Listing()
        self._by: dict[str, Listing] = {}  # by what was declared, that of the last word at the end

    def knows(self, to: str) -> bool:
        """Whether it was listed to somebody who declared this."""
        return not to or to in self._by or len(self._by) > MOST

    def begin(self, listing: Listing) -> None:
        """The public connection is a new one: the server may be another by now."""
        self._by.clear()
        self.take(listing)

    def take(self, listing: Listing, to: str = "") -> None:
        """What was listed just now, to somebody who declared this; `""`: on the public connection. What that lists no
        more is nobody's any more.
        """
        if to not in self._by and self.knows(to) and to:
            return
        self._by.pop(to, None)
        if not to:
            before, self.own = self.own, self.own.followed_by(listing)
            self._by = {one: _without(lists, before, self.own) for one, lists in self._by.items()}
        self._by[to] = _sharing(listing, self.all) if to else self.own
        self.all = self.all.followed_by(_together(self.own, self._by))


def declared(capabilities: JsonObject) -> str:
    """What a client says that he can be asked, for comparison; `""` where that is nothing. Of his own words it holds
    the names of extensions alone.
    """
    asked = {
        name: [part for part in _PARTS if part in said]
        for name in ASKING
        if isinstance(said := capabilities.get(name), Mapping)
    }
    extensions = capabilities.get("extensions")
    if isinstance(extensions, Mapping) and extensions:
        asked["extensions"] = sorted(extensions)
    return json.dumps(asked, sort_keys=True) if asked else ""


def _without(listing: Listing, before: Listing, now: Listing) -> Listing:
    """A list that was told beside the public one, without what that has lost."""
    lost = before.tools.keys() - now.tools.keys()
    gone = {(one.kind, one.name) for one in before.offers} - {(one.kind, one.name) for one in now.offers}
    if not lost and not gone:
        return listing
    tools = {name: tool for name, tool in listing.tools.items() if name not in lost}
    return replace(
        listing, tools=tools, offers=tuple(one for one in listing.offers if (one.kind, one.name) not in gone)
    )


def _sharing(listing: Listing, known: Listing) -> Listing:
    """What is equal is kept once."""
    tools = {name: old if (old := known.tools.get(name)) == tool else tool for name, tool in listing.tools.items()}
    return replace(listing, tools=tools)


def _together(own: Listing, lists: Mapping[str, Listing]) -> Listing:
    """In the order of the public one, which says what is still to be looked at, and what the server says of itself."""
    if len(lists) == 1:
        return own
    told = (own, *lists.values())
    offers: dict[tuple[Any, str], Any] = {(one.kind, one.name): one for each in told for one in each.offers}
    return replace(
        own,
        tools={name: tool for each in told for name, tool in each.tools.items()},
        rejected={path: why for each in told for path, why in each.rejected.items()},
        offers=tuple(offers.values()),
    )
