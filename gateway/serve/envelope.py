"""What each era of the protocol wants around a result that goes through unmodified. Pure.

2026-07-28 wants `resultType`, cache hints on lists and `serverInfo` in `_meta`; older ones know none of them.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import mcp_types as types
from mcp_types import methods
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from gateway.verbatim import Verbatim, encode, origin, parts

__all__ = ["enveloped", "in_shape", "laid_out", "passed_on", "response", "traced"]

# What has cache hints (MCP 2026-07-28, Caching). `server/discover` is the SDK's.
_CACHED = frozenset({"tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read"})
_MODERN_ONLY = ("resultType", "ttlMs", "cacheScope")
_ONLY_MODERN = frozenset(_MODERN_ONLY)
_HOP = frozenset({"progressToken", "tracestate", "baggage"})
_PROTOCOL = "io.modelcontextprotocol/"
_KEPT = 4096  # bytes of what a client says of itself; longer is looked at each time, so that it takes no room
_SAID = {types.PROTOCOL_VERSION_META_KEY, types.CLIENT_INFO_META_KEY, types.CLIENT_CAPABILITIES_META_KEY}
_NAMED, _TOLD = {"name", "version"}, {"name", "version", "title"}
_ASKED = {"elicitation", "roots", "sampling"}
_HOP_PREFIXES = (_PROTOCOL, "toolgate/")


def enveloped(result: Mapping[str, Any], method: str, version: str, server_info: Mapping[str, Any]) -> dict[str, Any]:
    """The result as a client of this protocol version expects it: the body is untouched."""
    whole = dict(result)
    given = whole.pop("_meta", None)
    said = given if isinstance(given, Mapping) else {}  # whatever else a server puts there says nothing to anybody
    meta = {key: value for key, value in said.items() if key != types.SERVER_INFO_META_KEY}
    if version in MODERN_PROTOCOL_VERSIONS:
        whole.setdefault("resultType", "complete")
        if method in _CACHED and whole["resultType"] == "complete":
            scope = "private" if method == "resources/read" else whole.get("cacheScope", "private")  # a list is ours
            whole |= {"ttlMs": whole.get("ttlMs", 0), "cacheScope": scope}  # what is read, the policy decides for each
        meta[types.SERVER_INFO_META_KEY] = dict(server_info)
    else:
        for key in _MODERN_ONLY:
            whole.pop(key, None)
    return whole | {"_meta": meta} if meta or given == {} else whole


def response(
    request_id: str | int, result: Mapping[str, Any], method: str, version: str, server_info: Mapping[str, Any]
) -> bytes:
    """The response to a request, with `enveloped`, as JSON."""
    written = _written(result, method, version, server_info)
    return b"".join((b'{"jsonrpc":"2.0","id":', encode(request_id), b',"result":', *written, b"}"))


def laid_out(result: Mapping[str, Any], method: str, version: str, server_info: Mapping[str, Any]) -> Mapping[str, Any]:
    """`enveloped`, to be written by `encode`: what goes through untouched has the text that it had."""
    given = origin(result).get("_meta")
    more = isinstance(given, dict) and (len(given) > 1 or types.SERVER_INFO_META_KEY not in given)
    return parts(enveloped(result, method, version, server_info), result, deep=more)


def _written(
    result: Mapping[str, Any], method: str, version: str, server_info: Mapping[str, Any]
) -> tuple[bytes | memoryview, ...]:
    """A result of which nothing has to be changed keeps its text, with the envelope behind it. In parts: it may be
    long.
    """
    modern = version in MODERN_PROTOCOL_VERSIONS
    changed = "_meta" in result or not (modern or _ONLY_MODERN.isdisjoint(result)) or method in _CACHED
    if changed or not isinstance(result, Verbatim):
        return (encode(laid_out(result, method, version, server_info)),)
    if not modern:
        return (result.text,)
    said = {} if "resultType" in result else {"resultType": "complete"}
    behind = encode({**said, "_meta": {types.SERVER_INFO_META_KEY: server_info}})
    return memoryview(result.text.rstrip())[:-1], b"," if result else b"", behind[1:]


def passed_on(meta: Mapping[str, Any] | None) -> dict[str, Any]:
    """What of a request's `_meta` is for those behind us: not the hop's own envelope, and never baggage.

    Its `traceparent` goes no further than our spans: what leaves for a server has ours in its place (`tracing`).
    """
    if not meta:
        return {}
    return {key: value for key, value in meta.items() if key not in _HOP and not key.startswith(_HOP_PREFIXES)}


def traced(params: Mapping[str, Any], header: str | bytes | None) -> Mapping[str, Any]:
    """A request's parameters, with the `traceparent` of its HTTP request where its own `_meta` names none."""
    if header is None:
        return params
    given, said = params.get("_meta"), header if isinstance(header, str) else header.decode("latin-1")
    meta = given if isinstance(given, Mapping) else {}
    return params if "traceparent" in meta else {**params, "_meta": {**meta, "traceparent": said}}


def in_shape(meta: Mapping[str, Any], version: str) -> bool:
    """Whether the protocol's own model takes what a modern `tools/call` says in its `_meta`.

    A client says the same of itself each time: it is looked at once. All that the model looks at has its prefix.
    """
    said = encode({key: value for key, value in meta.items() if key.startswith(_PROTOCOL)})
    return _seen(said, version) if len(said) <= _KEPT else _fits(said, version)


def _fits(said: bytes, version: str) -> bool:
    meta = json.loads(said)
    if _usual(meta, version):
        return True
    try:
        methods.validate_client_request("tools/call", version, {"name": "", "_meta": meta})
    except ValidationError:
        return False
    return True


def _usual(said: dict[str, Any], version: str) -> bool:
    """Whether it is what nearly every client says, which fits for certain: the models need not even be loaded."""
    if said.keys() != _SAID or said[types.PROTOCOL_VERSION_META_KEY] != version:
        return False
    info, capabilities = said[types.CLIENT_INFO_META_KEY], said[types.CLIENT_CAPABILITIES_META_KEY]
    if not isinstance(info, dict) or not isinstance(capabilities, dict):
        return False
    named = _NAMED <= info.keys() <= _TOLD and all(isinstance(value, str) for value in info.values())
    return named and capabilities.keys() <= _ASKED and all(value == {} for value in capabilities.values())


_seen = lru_cache(maxsize=1000)(_fits)
