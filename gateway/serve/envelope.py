"""What each era of the protocol wants around a result that goes through unmodified. Pure.

2026-07-28 wants `resultType`, cache hints on lists and `serverInfo` in `_meta`; older ones know none of them.
"""

import json
from collections.abc import Mapping, Sequence
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
_BLANKS, _COMMA = b" \t\r\n", ord(",")
_SERVER = {types.SERVER_INFO_META_KEY}
_COMPLETE = (b'"resultType":"complete"', b'"resultType": "complete"')  # nearly always
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
    """A result keeps its text, without what a client of this version does not know, and with the envelope behind it.
    In parts: it may be long. What can't be cut out of the text at a glance is laid out.
    """
    modern = version in MODERN_PROTOCOL_VERSIONS
    if isinstance(result, Verbatim) and method not in _CACHED:
        unwanted = _unwanted(result, modern=modern)
        kept = None if unwanted is None else _without(result, unwanted)
        if unwanted is not None and kept is not None:
            if not modern:
                return b"{", kept, b"}"
            there = "resultType" in result and "resultType" not in unwanted
            said = {} if there else {"resultType": result.get("resultType", "complete")}
            behind = encode({**said, "_meta": {types.SERVER_INFO_META_KEY: server_info}})
            return b"{", kept, b"," if len(result) > len(unwanted) else b"", behind[1:]
    return (encode(laid_out(result, method, version, server_info)),)


def _unwanted(result: Mapping[str, Any], *, modern: bool) -> Sequence[str] | None:
    """Which members of a result such a client does not get as they are; None where it gets a part of one."""
    names = [] if modern or _ONLY_MODERN.isdisjoint(result) else [name for name in _MODERN_ONLY if name in result]
    if "_meta" in result:
        given = result["_meta"]
        if not isinstance(given, dict) or given.keys() == _SERVER:
            names.append("_meta")
        elif modern or types.SERVER_INFO_META_KEY in given:
            return None
        if modern and "resultType" in result:  # the two stand together
            names.append("resultType")
    return names


def _without(result: Verbatim, names: Sequence[str]) -> memoryview | None:
    """The text between the braces of an object, without these members; None where they do not stand first and last in
    it, as JSON is mostly written.
    """
    text = result.text
    if text[:1] != b"{":
        return None
    first, end = 1, len(text.rstrip()) - 1
    left = list(names)
    while left:
        for name in left:
            cut = _cut(text, _members(name, result[name]), first, end)
            if cut is not None:
                first, end = cut
                left.remove(name)
                break
        else:
            return None
    return memoryview(text)[first:end]


def _members(name: str, value: Any) -> tuple[bytes, ...]:
    """A member as JavaScript and most others write it, and as Python does."""
    if name == "resultType" and value == "complete":
        return _COMPLETE
    key, said = encode(name), encode(value)
    return key + b":" + said, key + b": " + said


def _cut(text: bytes, written: Sequence[bytes], first: int, end: int) -> tuple[int, int] | None:
    """Where the text between the braces begins and ends without this member, if that is the first in it or the last. A
    text that begins so has nothing else there. Nor has one that ends so behind a comma: each quote in it begins or ends
    what it does here, but the first, which could stand within another name (`"a\\"resultType"`).
    """
    for member in written:
        if text.startswith(member, begin := _over(text, first), end):
            behind = _over(text, begin + len(member))
            if behind != end and text[behind] != _COMMA:
                return None  # a number of more digits
            return behind + 1, end  # behind the comma, if there is one
        if text.endswith(member, first, last := _back(text, end)):
            comma = _back(text, last - len(member)) - 1
            if text[comma] == _COMMA:
                return first, comma
    return None


def _over(text: bytes, place: int) -> int:
    """The next place that has no blank: before the last brace."""
    while text[place] in _BLANKS:
        place += 1
    return place


def _back(text: bytes, place: int) -> int:
    """The same from behind."""
    while text[place - 1] in _BLANKS:
        place -= 1
    return place


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
