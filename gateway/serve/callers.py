"""Who waits for a request's answer, as the servers behind us may talk to him: `gateway.caller.Caller` over the SDK.

Everything is raw JSON. A notification rides the request's own stream, where the client looks for it; so does a question
to a client of the handshake era, the only one that can be asked before the answer.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import mcp_types as types
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from gateway.call import JsonObject
from gateway.caller import CantAsk
from gateway.serve.connected import connected
from gateway.serve.questions import lacking, worded
from gateway.serve.written import note
from gateway.verbatim import altered

__all__ = ["Quiet", "Talking", "declared", "meta_of", "wants_nothing_meanwhile"]

MOST_UNHEARD = 1000  # notifications that wait for a client that reads slowly
ANSWER_SECONDS = 600.0  # that a client has to answer a server's question: its call has no other deadline meanwhile

log = logging.getLogger("toolgate.serve")


@dataclass(frozen=True, slots=True)
class Quiet:
    """A client that gets its answer and nothing before: it did not ask for more, or can't take it."""

    key: str
    modern: bool
    capabilities: JsonObject = field(default_factory=dict)
    wants_progress: bool = False
    log_level: str | None = None
    spared: bool = False

    def hear(self, method: str, params: JsonObject) -> None:
        """It did not ask for it."""

    async def ask(self, method: str, params: JsonObject) -> JsonObject:
        if missing := lacking(method, params, self.capabilities):
            raise CantAsk(types.METHOD_NOT_FOUND, f"this client did not declare {worded(missing)}")
        raise CantAsk(types.METHOD_NOT_FOUND, f"this client can't be asked `{method}` now")


class Talking:
    """A client whose request came through the SDK. `key` names whoever may share a connection with him."""

    spared = False

    def __init__(self, context: Any, key: str) -> None:
        self._context = context
        meta = meta_of(context.params)
        self.modern = context.protocol_version in MODERN_PROTOCOL_VERSIONS
        self.key = key if self.modern else f"{key} {connected(context).key}"
        self.capabilities = declared(context)
        self._token = meta.get("progressToken")
        level = meta.get(types.LOG_LEVEL_META_KEY) if self.modern else connected(context).log_level
        self.log_level = level if isinstance(level, str) else None
        self._unheard: deque[tuple[str, JsonObject]] = deque()
        self._sending: asyncio.Task[None] | None = None

    @property
    def wants_progress(self) -> bool:
        return self._token is not None

    def hear(self, method: str, params: JsonObject) -> None:
        """Sent in the order in which it comes. What a client does not read in time is lost."""
        if method == "notifications/progress":
            if self._token is None:
                return
            params = altered({**params, "progressToken": self._token}, params)
        if len(self._unheard) >= MOST_UNHEARD:
            return
        self._unheard.append((method, params))
        if self._sending is None:
            self._sending = asyncio.ensure_future(self._send())

    async def heard(self) -> None:
        """Returns when the client was told all that is for him: his answer comes after it."""
        if self._sending is not None:
            await asyncio.wait({self._sending})

    def leave(self) -> None:
        """He is not there any more."""
        self._unheard.clear()
        if self._sending is not None:
            self._sending.cancel()

    async def ask(self, method: str, params: JsonObject) -> JsonObject:
        """Only in the handshake era: a modern client is asked by the answer to his request."""
        if missing := lacking(method, params, self.capabilities):
            raise CantAsk(types.METHOD_NOT_FOUND, f"this client did not declare {worded(missing)}")
        # Through the session itself, which would hold the answer against the models of what it knows.
        stream = self._context.session._request_outbound  # noqa: SLF001 - it has no other name
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                result: JsonObject = await stream.send_raw_request(method, dict(params), None)
        except TimeoutError:
            late = f"the client has not answered `{method}` within {ANSWER_SECONDS:g} s"
            raise CantAsk(types.REQUEST_TIMEOUT, late) from None
        except MCPError as error:
            raise CantAsk(error.code, error.message, error.data) from None
        return result

    async def _send(self) -> None:
        try:
            while self._unheard:
                method, params = self._unheard.popleft()
                await note(self._context, method, params)
        except Exception as error:  # noqa: BLE001 - a client that is gone; its call ends by itself
            log.debug("a client could not be told of its call: %r", error)
        finally:
            self._sending = None


def declared(context: Any) -> JsonObject:
    """The capabilities of a request's client, as they came as far as the SDK keeps them so."""
    if context.protocol_version in MODERN_PROTOCOL_VERSIONS:
        said = meta_of(context.params).get(types.CLIENT_CAPABILITIES_META_KEY)
        return said if isinstance(said, Mapping) else {}
    known = context.session.client_capabilities
    return known.model_dump(by_alias=True, mode="json", exclude_none=True) if known is not None else {}


def meta_of(params: Mapping[str, Any] | None) -> JsonObject:
    meta = (params or {}).get("_meta")
    return meta if isinstance(meta, Mapping) else {}


def wants_nothing_meanwhile(meta: Mapping[str, Any]) -> bool:
    """Whether nothing has to be told to whoever sends this `_meta` before his answer."""
    return "progressToken" not in meta and types.LOG_LEVEL_META_KEY not in meta
