"""`server/discover` without the SDK's server: what a modern client asks first, and all that many ask beside calls.

A plain one is answered in the SDK's own words. Whatever is not in order goes to the SDK, which says what is wrong.
"""

import json
from collections.abc import Mapping
from typing import Any

from mcp.shared.inbound import MCP_METHOD_HEADER, MCP_NAME_HEADER
from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    PROTOCOL_VERSION_META_KEY,
    SERVER_INFO_META_KEY,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from gateway.call import JsonObject
from gateway.serve.asgi import Scope, Send, message_of
from gateway.serve.asking import ASKER
from gateway.serve.door import MCP_PATH
from gateway.serve.envelope import in_shape
from gateway.serve.front import Front
from gateway.serve.heads import plain_head
from gateway.serve.sessions import Client
from gateway.serve.task_methods import advertised

__all__ = ["OFFERED", "Discovery"]

OFFERED: JsonObject = {  # what `server` says that it has, in either era
    "completions": {},
    "logging": {},
    "prompts": {"listChanged": True},
    "resources": {"listChanged": True, "subscribe": True},
    "tools": {"listChanged": True},
}
_METHOD = "server/discover"
_REQUEST = {"jsonrpc", "id", "method", "params"}
_SAID = {PROTOCOL_VERSION_META_KEY, CLIENT_INFO_META_KEY, CLIENT_CAPABILITIES_META_KEY}


class Discovery:
    """`stamp` is our `serverInfo`."""

    def __init__(self, front: Front, stamp: JsonObject) -> None:
        self._front, self._stamp = front, stamp

    async def answers(self, scope: Scope, send: Send) -> bool:
        """Whether this was a plain one, and is answered."""
        message = message_of(scope)
        meta = _plain(message, scope)
        if meta is None:
            return False
        client = Client.said(scope["state"][ASKER], meta.get(CLIENT_INFO_META_KEY), stateless=True)
        result = {
            "cacheScope": "private",
            "capabilities": advertised(_METHOD, OFFERED),
            "resultType": "complete",
            "supportedVersions": list(MODERN_PROTOCOL_VERSIONS),
            "ttlMs": 0,
            "_meta": {SERVER_INFO_META_KEY: self._stamp},
            "instructions": self._front.instructions(client),
        }
        said = {"jsonrpc": "2.0", "id": message["id"], "result": result}
        body = json.dumps(said, separators=(",", ":")).encode()  # in ASCII, as the SDK
        headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return True


def _plain(message: Mapping[str, Any], scope: Scope) -> JsonObject | None:
    """What the client says of itself in a request in which head and body are in order, and say the same."""
    if message.get("method") != _METHOD or message.keys() != _REQUEST:
        return None
    if scope["method"] != "POST" or scope["path"] != MCP_PATH:
        return None
    head, params = plain_head(scope["headers"], scope["state"][ASKER]), message["params"]
    if head is None or not head.modern or params.keys() != {"_meta"} or not isinstance(params["_meta"], dict):
        return None
    meta, said = params["_meta"], head.fields
    routed = said.get(MCP_METHOD_HEADER) == _METHOD and MCP_NAME_HEADER not in said
    same = meta.get(PROTOCOL_VERSION_META_KEY) == head.version
    return meta if routed and same and meta.keys() <= _SAID and in_shape(meta, head.version) else None
