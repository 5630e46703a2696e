"""What a server lists, with the schemas of its tools looked at: in the gateway's time, and not in the server's own.

A server with very many is served with those that were looked at first. The others are left out, each with the reason,
until their turn has come.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from typing import Any

from gateway.upstream.connection import Connection
from gateway.upstream.listing import Listing, list_everything
from gateway.upstream.paging import Patience
from gateway.upstream.reasons import shown
from gateway.upstream.spec import ServerSpec, Transport
from gateway.upstream.usable import AT_FIRST, NOT_YET, Usable, usable_among
from gateway.upstream.watching import background

__all__ = ["listed", "looked_at", "looked_at_all", "looked_on", "looking_on"]


async def listed(connection: Connection, spec: ServerSpec) -> Listing:
    """All that it says that it has, not looked at; but for tools that are switched off. Raises what `list_everything`
    does.
    """
    patience = Patience(spec.connect_timeout)

    def ask(method: str, params: Mapping[str, Any]) -> Awaitable[Any]:
        return connection.ask(method, params, patience.left(method, anew="cursor" not in params))

    listing = await list_everything(connection.session, ask, spec.name, trusted=spec.trusted)
    return replace(listing, tools={name: tool for name, tool in listing.tools.items() if spec.offers(name)})


async def looked_at(listing: Listing, transport: Transport) -> Listing:
    """As far as that does not take too long; the rest is `unseen`."""
    found = await usable_among(listing.tools, AT_FIRST, NOT_YET)
    return _told(replace(listing, tools={}), found, transport)


async def looked_on(listing: Listing, transport: Transport | None = None) -> Listing:
    """With what was left `unseen`, as far as there is time for it at all."""
    found = await usable_among(listing.unseen)
    seen = {tool.path for tool in listing.unseen.values()}
    rejected = {path: why for path, why in listing.rejected.items() if path not in seen}
    return replace(_told(replace(listing, rejected=rejected), found, transport), unseen={})


def looking_on(
    server: str, listing: Listing, transport: Transport, adopt: Callable[[Listing], None]
) -> AbstractAsyncContextManager[None]:
    """While this lasts, the same is done for whoever does not wait for it."""
    if not listing.unseen:
        return nullcontext()
    return background(_look_on(listing, transport, adopt), server, "no more of its tools are looked at")


async def _look_on(listing: Listing, transport: Transport, adopt: Callable[[Listing], None]) -> None:
    adopt(await looked_on(listing, transport))


async def looked_at_all(listing: Listing, transport: Transport | None = None) -> Listing:
    """However long it takes."""
    return await looked_on(replace(listing, tools={}, unseen=listing.tools), transport)


def _told(listing: Listing, found: Usable, transport: Transport | None) -> Listing:
    """With what was found. A reason may hold words of the server."""
    rejected = {what: shown(why, transport) for what, why in {**listing.rejected, **found.wrong}.items()}
    return replace(listing, tools={**listing.tools, **found.tools}, rejected=rejected, unseen=found.unseen)
