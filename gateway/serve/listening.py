"""How clients listen: in the modern era by a request that lasts (`subscriptions/listen`), in the older one by being
there, and by `resources/subscribe`.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mcp_types as types
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY

from gateway.call import Deny, JsonObject
from gateway.errors import UpstreamUnavailable
from gateway.serve.asgi import dumped
from gateway.serve.changes import LISTS, MOST_URIS, Listener
from gateway.serve.connected import connected, when_it_ends
from gateway.serve.front import Front, check_uri
from gateway.serve.replies import DENIED, not_found
from gateway.serve.sessions import Client

__all__ = ["MOST_ASKED", "Listening"]

MOST_ASKED = 512 * 1024  # bytes of a `subscriptions/listen`

log = logging.getLogger("toolgate.serve")


class Listening:
    """The methods, by an SDK request's context. `who` says whose it is."""

    def __init__(self, front: Front, who: Callable[[Any], Client]) -> None:
        self._front, self._changes, self._who = front, front.changes, who

    def instructions(self, context: Any) -> str:
        return self._front.instructions(self._who(context))

    # ---- the modern era

    async def listen(self, context: Any) -> JsonObject:
        """Lasts until the client goes, or we do. What he may not subscribe to is not acknowledged."""
        client = self._who(context)
        meta = {SUBSCRIPTION_ID_META_KEY: context.request_id}

        async def send(method: str, params: JsonObject) -> None:
            await _notify(context, method, {**params, "_meta": meta}, related=context.request_id)

        asked: Mapping[str, Any] = context.params["notifications"]
        lists = [kind for kind in LISTS if asked.get(f"{kind}ListChanged") is True]
        tasks = self._front.tasks
        followed = await tasks.listened(context, asked, client)
        listener = self._listener(send, lists, client)
        wanted = asked.get("resourceSubscriptions") or []
        for uri in wanted:
            check_uri(uri)
        if len(dumped(context.params)) > MOST_ASKED:  # it is kept as long as he listens
            raise MCPError(types.INVALID_PARAMS, f"A subscription has at most {MOST_ASKED} bytes")
        with self._changes.listening(listener):
            uris = await self._watched(listener, client, list(dict.fromkeys(wanted)))
            honoured: dict[str, Any] = {f"{kind}ListChanged": True for kind in lists}
            honoured |= {"resourceSubscriptions": uris} if uris else {}
            honoured |= {"taskIds": followed} if followed else {}
            await send("notifications/subscriptions/acknowledged", {"notifications": honoured})
            async with tasks.watched(context, followed, client, listener.tell):
                await listener.run()
        return {"_meta": meta}

    async def _watched(self, listener: Listener, client: Client, wanted: Sequence[str]) -> list[str]:
        """Those of them of which he is told. Many at once: each new one would have its server subscribed to anew."""
        told: list[str] = []
        for start in range(0, len(wanted), MOST_URIS):
            some = wanted[start : start + MOST_URIS]
            found = await asyncio.gather(
                *(self._watches(listener, client, uri) for uri in some), return_exceptions=True
            )
            told += [uri for uri, watches in zip(some, found, strict=True) if _raised(watches)]
        return told

    async def _watches(self, listener: Listener, client: Client, uri: str) -> bool:
        resource = await self._front.viewer(client).may_subscribe(uri)
        if isinstance(resource, Deny):
            return False
        try:
            await self._changes.watch(listener, resource, uri)
        except UpstreamUnavailable as error:
            log.info("a subscription was refused: %s", error)
            return False
        return True

    # ---- the handshake's era

    def join(self, context: Any) -> Listener:
        """Has the client of this connection told of changes for as long as it lasts."""
        kept, client = connected(context), self._who(context)
        if kept.listener is None:

            async def send(method: str, params: JsonObject) -> None:
                await _notify(context, method, params, related=None)

            kept.listener = self._listener(send, LISTS, client)
            telling = asyncio.ensure_future(self._tell(kept.listener))
            key = self._key(context)

            async def leave() -> None:
                telling.cancel()
                await asyncio.wait({telling})
                self._changes.forget(key)

            when_it_ends(context, leave)
        return kept.listener

    def roots_changed(self, context: Any) -> None:
        """The client of this connection says that its roots are others."""
        self._changes.roots_changed(self._key(context))

    def _key(self, context: Any) -> str:
        """Whose the connections to servers are that this one has to itself."""
        return f"{self._who(context).key} {connected(context).key}"

    async def _tell(self, listener: Listener) -> None:
        try:
            with self._changes.listening(listener):
                await listener.run()
        except MCPError as error:
            log.warning("a client is not told of changes: %s", error)

    async def subscribe(self, context: Any) -> JsonObject:
        uri: str = context.params["uri"]
        check_uri(uri)
        client = self._who(context)
        resource = await self._front.viewer(client).may_subscribe(uri)
        if isinstance(resource, Deny):
            raise _refusal(client.asker.told(resource), uri)
        try:
            await self._changes.watch(self.join(context), resource, uri)
        except UpstreamUnavailable as error:
            raise MCPError(types.INTERNAL_ERROR, f"Toolgate: {error}") from None
        return {}

    async def unsubscribe(self, context: Any) -> JsonObject:
        check_uri(context.params["uri"])
        listener, uri = self.join(context), context.params["uri"]
        for key in [key for key, named in listener.uris.items() if named == uri]:
            self._changes.unwatch(listener, key)
        return {}

    def _listener(self, send: Any, lists: Any, client: Client) -> Listener:
        async def may_follow(uri: str) -> bool:
            return not isinstance(await self._front.viewer(client).may_subscribe(uri), Deny)

        def may_hear(path: str) -> bool:
            return self._front.viewer(client).offers(path, "read")

        return Listener(send, lists, client.asker, may_hear, may_follow, turn=self._changes.turn)


def _raised(found: bool | BaseException) -> bool:
    if isinstance(found, BaseException):
        raise found
    return found


def _refusal(denied: Deny, uri: str) -> MCPError:
    """A denial by a line is told with its reason; all else reads as if there were no such resource."""
    if denied.rule is None:
        hidden = not_found("resource", uri)
        return MCPError(hidden.code, hidden.message, hidden.data)
    data = {"verdict": "deny", "gate": denied.gate, "rule": denied.rule}
    return MCPError(DENIED, f"Denied: {denied.why} (rule {denied.rule})", data)


async def _notify(context: Any, method: str, params: JsonObject, related: Any) -> None:
    note = types.Notification[dict[str, Any], str](method=method, params=dict(params))
    await context.session.send_notification(note, related_request_id=related)
