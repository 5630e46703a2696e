"""What each era of the protocol wants around a result that goes through unmodified. Pure.

2026-07-28 wants `resultType`, cache hints on lists and `serverInfo` in `_meta`; older ones know none of them.
"""

from collections.abc import Mapping
from typing import Any

import mcp_types as types
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

__all__ = ["enveloped", "passed_on"]

# What has cache hints (MCP 2026-07-28, Caching). `server/discover` is the SDK's.
_CACHED = frozenset({"tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read"})
_MODERN_ONLY = ("resultType", "ttlMs", "cacheScope")
_HOP = frozenset({"progressToken", "traceparent", "tracestate", "baggage"})
_HOP_PREFIXES = ("io.modelcontextprotocol/", "toolgate/")


def enveloped(result: Mapping[str, Any], method: str, version: str, server_info: Mapping[str, Any]) -> dict[str, Any]:
    """The result as a client of this protocol version expects it: the body is untouched."""
    whole = dict(result)
    given = whole.pop("_meta", None)
    meta = {key: value for key, value in (given or {}).items() if key != types.SERVER_INFO_META_KEY}
    if version in MODERN_PROTOCOL_VERSIONS:
        whole.setdefault("resultType", "complete")
        if method in _CACHED and whole["resultType"] == "complete":
            whole |= {"ttlMs": whole.get("ttlMs", 0), "cacheScope": "private"}  # the policy decides for each who asks
        meta[types.SERVER_INFO_META_KEY] = dict(server_info)
    else:
        for key in _MODERN_ONLY:
            whole.pop(key, None)
    return whole | {"_meta": meta} if meta or given == {} else whole


def passed_on(meta: Mapping[str, Any] | None) -> dict[str, Any]:
    """What of a request's `_meta` is for the server behind us: not the hop's own envelope, and never baggage."""
    return {key: value for key, value in (meta or {}).items() if key not in _HOP and not key.startswith(_HOP_PREFIXES)}
