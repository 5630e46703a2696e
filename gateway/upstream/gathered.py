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
from gateway.upstream.listing import Listing

__all__ = ["Gathered", "declared"]

MOST = 16  # sets of capabilities; those that were told first give way


class Gathered:
    """The lists of one server. `own` is the public connection's, `all` what all of them say together."""

    def __init__(self) -> None:
        self.own = self.all = Listing()
        self._by: dict[str, Listing] = {}  # by what was declared, that of the last word at the end

    def knows(self, to: str) -> bool:
        """Whether it was listed to somebody who declared this."""
        return not to or to in self._by

    def begin(self, listing: Listing) -> None:
        """The public connection is a new one: the server may be another by now."""
        self._by.clear()
        self.take(listing)

    def take(self, listing: Listing, to: str = "") -> None:
        """What was listed just now, to somebody who declared this; `""`: on the public connection."""
        self._by.pop(to, None)
        if not to:
            self.own = self.own.followed_by(listing)
        self._by[to] = _sharing(listing, self.all) if to else self.own
        if len(self._by) > MOST:
            self._by.pop(next(one for one in self._by if one))
        self.all = self.all.followed_by(_together(self.own, self._by))


def declared(capabilities: JsonObject) -> str:
    """What a client says that he can be asked, for comparison; `""` where that is nothing."""
    return json.dumps(capabilities, sort_keys=True) if capabilities else ""


def _sharing(listing: Listing, known: Listing) -> Listing:
    """What is equal is kept once."""
    tools = {name: old if (old := known.tools.get(name)) == tool else tool for name, tool in listing.tools.items()}
    return replace(listing, tools=tools)


def _together(own: Listing, lists: Mapping[str, Listing]) -> Listing:
    """In the order of the public one, which says what is still to be looked at."""
    if len(lists) == 1:
        return own
    told = (own, *lists.values())
    offers: dict[tuple[Any, str], Any] = {(one.kind, one.name): one for each in told for one in each.offers}
    return replace(
        own,
        tools={name: tool for each in told for name, tool in each.tools.items()},
        rejected={path: why for each in told for path, why in each.rejected.items()},
        offers=tuple(offers.values()),
        about=told[-1].about,
    )
