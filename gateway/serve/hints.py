"""For how long a client may keep a list, and for whom (MCP 2026-07-28, Caching).

A list of ours is made of those of several servers: it is true for no longer than each of theirs, and that time runs
from when we had it. What we add to that is told at once to those who listen; whoever does not finds it when the time is
over. Then the servers are asked anew (`upstream.renewing`).
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from gateway.call import Tool
from gateway.catalogue import Catalogue
from gateway.clients import ClientRun
from gateway.offer import GATEWAYS, UNHINTED, Hint, Offer
from gateway.profile import WHOLE

__all__ = ["LONGEST", "hint_of", "told"]

OURS = "toolgate"  # what a Toolgate calls itself as a client
LONGEST = 3600.0  # seconds: an edit of the policy is seen at some time by those, too, who do not listen


def hint_of(method: str, things: Iterable[Tool | Offer], catalogue: Catalogue) -> Hint:
    """What the servers say together whose things are in a list."""
    about = catalogue.about
    servers = {thing.server for thing in things}
    hints = [about[server].hints.get(method, UNHINTED) if server in about else UNHINTED for server in servers]
    if not hints:
        return UNHINTED
    return Hint(min(hint.until for hint in hints), all(hint.public for hint in hints))


def told(found: Mapping[str, Any], hint: Hint, viewer: ClientRun, client: str = "") -> dict[str, Any]:
    """A list, for how long it may be kept, and which servers of his are missing from it, because a short list looks
    whole. It may not be kept where one can be there again, or a right begins or ends, at any time.
    A `client` that is a Toolgate hears which ones are behind this list: it may be one of them.
    """
    missing, policy = dict(viewer.missing()), viewer.glance
    left = 0.0 if missing or policy.timed else min(LONGEST, hint.until - time.monotonic())
    for_all = hint.public and policy.impartial and viewer.profile is WHOLE
    hints = {"ttlMs": max(0, int(left * 1000)), "cacheScope": "public" if for_all else "private"}
    meta: dict[str, Any] = {"toolgate/missing": missing} if missing else {}
    if client == OURS:
        meta[GATEWAYS] = list(viewer.catalogue.gateways)
    return {**found, **hints} | ({"_meta": meta} if meta else {})
