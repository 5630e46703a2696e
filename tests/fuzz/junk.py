"""What a broken program puts on the wire, or one that means harm: JSON-RPC and HTTP, almost right and all wrong."""

import json
from typing import Any

from hypothesis import strategies as st

__all__ = ["answer_lines", "any_json", "http_answers", "mutated", "raw_json"]

# ---- JSON text, which need not be JSON

_TEXT = st.one_of(
    st.text(max_size=20), st.sampled_from(["", "\x00", "\u202e", "é☃😀", "text", "../../etc/passwd", "@ID@"])
)
_PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), _TEXT)
any_json: st.SearchStrategy[Any] = st.recursive(
    _PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4), max_leaves=8
)

ODD = (
    "NaN", "-Infinity", "1e999", "-0", "1" * 5000, "1E400", '"\\ud800"', '"\\udfff\\ud800"', '{"\\ud800":1}',
    '{"a":1,"a":2}', "[" * 2000 + "]" * 2000, '{"a":' * 300 + "1" + "}" * 300, "[" * 100_000, '"' + "x" * 200_000 + '"',
    "", "oops", "{", "]", '"\\u00', "nul", "tru", "\ufeff1", "'a'", "1 2", "/*c*/1", "[1,]", '"\t"', "0x10", "01",
)  # fmt: skip
raw_json = st.one_of(any_json.map(json.dumps), st.sampled_from(ODD))

RESULTS: tuple[dict[str, Any], ...] = (
    {"content": [{"type": "text", "text": "hello", "annotations": {"priority": 1}}], "resultType": "complete"},
    {"content": [{"type": "image", "data": "aGk=", "mimeType": "image/png"}], "structuredContent": {"a": [1]}},
    {"content": [{"type": "resource", "resource": {"uri": "a:b", "text": "t"}}], "isError": True, "_meta": {"a": 1}},
    {"content": [], "_meta": {"toolgate/verdict": {"effect": "allow"}}, "ttlMs": 5, "cacheScope": "public"},
    {"resultType": "input_required", "inputRequests": {"q": {"method": "elicitation/create", "params": {}}}},
    {"resultType": "input_required", "requestState": "s"},
    {"resultType": "task", "task": {"taskId": "t", "status": "working"}},
)
ERRORS: tuple[dict[str, Any], ...] = (
    {"code": -32602, "message": "no", "data": {"a": 1}},
    {"code": 0, "message": ""},
    {"code": -32021, "message": "capability", "data": {"requiredCapabilities": {"elicitation": {}}}},
    {"code": -32001, "message": "header"},
    {"code": -32600, "message": "Session not found"},
)


@st.composite
def mutated(draw: st.DrawFn, whole: Any) -> str:
    """This value as JSON text, with something odd in the place of one thing in it."""
    odd = draw(raw_json)
    if not isinstance(whole, dict | list) or not whole or draw(st.integers(0, 3)) == 0:
        return odd
    keys = list(whole) if isinstance(whole, dict) else list(range(len(whole)))
    chosen = draw(st.sampled_from(keys))
    parts = {key: json.dumps(value) for key, value in _items(whole)}
    parts[chosen] = draw(mutated(whole[chosen]))
    if draw(st.integers(0, 9)) == 0:
        del parts[chosen]
    if isinstance(whole, list):
        return f"[{','.join(parts.values())}]"
    return f"{{{','.join(f'{json.dumps(key)}:{text}' for key, text in parts.items())}}}"


def _items(whole: Any) -> Any:
    return whole.items() if isinstance(whole, dict) else enumerate(whole)


# ---- JSON-RPC

_IDS = st.sampled_from(
    ["@ID@"] * 12 + ["null", "0", "-1", "1.5", "true", '"@ID@"', "[]", "{}", "99999999999999999999", '"x"', "1e3", ""]
)
_METHODS = st.sampled_from(
    ["notifications/progress", "notifications/message", "notifications/tools/list_changed", "notifications/cancelled",
     "notifications/resources/updated", "sampling/createMessage", "elicitation/create", "roots/list", "ping",
     "tools/call", "initialize", "", "a" * 300, "notifications/elicitation/complete", "notifications/tasks/status"]
)  # fmt: skip
_PARAMS: tuple[Any, ...] = (
    {"progressToken": "@TOKEN@", "progress": 1, "total": 2, "message": "m"},
    {"level": "info", "data": {"a": 1}, "logger": "l"},
    {"requestId": "@ID@", "reason": "r"},
    {"uri": "a:b"},
    {"messages": [{"role": "user", "content": {"type": "text", "text": "hi"}}], "maxTokens": 5},
    {"message": "who are you?", "mode": "form", "requestedSchema": {"type": "object", "properties": {}}},
    {},
)


@st.composite
def _response(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(["result"] * 6 + ["error", "error", "both", "neither"]))
    result = draw(st.sampled_from(RESULTS).flatmap(mutated) | st.sampled_from(RESULTS).map(json.dumps))
    error = draw(st.sampled_from(ERRORS).flatmap(mutated) | st.sampled_from(ERRORS).map(json.dumps))
    fields = {"result": [f'"result":{result}'], "error": [f'"error":{error}'], "neither": []}
    body = fields.get(kind, [f'"result":{result}', f'"error":{error}'])
    version = draw(st.sampled_from(['"jsonrpc":"2.0"'] * 9 + ['"jsonrpc":"1.0"', '"jsonrpc":2', '"x":1']))
    own = [version, f'"id":{draw(_IDS)}', *body]
    return f"{{{','.join(draw(st.permutations(own)) if draw(st.booleans()) else own)}}}"


@st.composite
def _said(draw: st.DrawFn) -> str:
    """A notification or a request of the server's own."""
    params = draw(st.sampled_from(_PARAMS).flatmap(mutated) | st.sampled_from(_PARAMS).map(json.dumps))
    number = draw(st.sampled_from(["", "", '"id":1,', '"id":"q",', '"id":null,', '"id":[],']))
    text = f'{{"jsonrpc":"2.0",{number}"method":{json.dumps(draw(_METHODS))},"params":{params}}}'
    return text.replace('"@TOKEN@"', "@TOKEN@").replace('"@ID@"', "@ID@")


_messages = st.one_of(_response(), _response(), _said(), raw_json)


@st.composite
def _bytes(draw: st.DrawFn, text: str) -> bytes:
    """The text as bytes that may have suffered on the way."""
    data = text.encode(errors="surrogatepass")
    harm = draw(st.sampled_from(["none"] * 8 + ["cut", "utf8", "bom", "nul", "utf16"]))
    place = draw(st.integers(0, len(data)))
    match harm:
        case "cut":
            return data[:place]
        case "utf8":
            return data[:place] + b"\xff\xc0\x80" + data[place:]
        case "bom":
            return b"\xef\xbb\xbf" + data
        case "nul":
            return data[:place] + b"\x00" + data[place:]
        case "utf16":
            return text.encode("utf-16", errors="surrogatepass")
    return data


# ---- over stdio


@st.composite
def answer_lines(draw: st.DrawFn) -> list[bytes]:
    """What a server may print, once: some lines, the last of which may never end."""
    lines = [draw(_bytes(text)) for text in draw(st.lists(_messages, min_size=1, max_size=4))]
    flood = draw(st.sampled_from([1] * 12 + [0, 200]))
    ends = draw(st.sampled_from([b"\n"] * 8 + [b"\r\n", b"\n\n", b" \n", b""]))
    return [(line + ends) * (flood if len(line) < 1000 else 1) for line in lines]


# ---- over HTTP

_STATUS = st.sampled_from(["200 OK"] * 10 + ["202 Accepted", "204 No", "301 There", "307 There", "400 Bad", "401 Who",
    "404 Gone", "429 Slow", "500 Oh", "503 Later", "100 Continue", "101 Switch", "999 ?", "0 x", "abc", "-1 x",
    "2000 x"]
)  # fmt: skip
_KIND = st.sampled_from(
    ["content-type: application/json"] * 6
    + ["content-type: text/event-stream"] * 2
    + ["content-type: text/html", "content-type: application/json; charset=utf-16", "content-type:", ""]
)
_EXTRA = st.sampled_from(
    [""] * 8
    + ["connection: close", "content-encoding: gzip", "transfer-encoding: gzip, chunked", "mcp-session-id: other",
       "location: http://169.254.169.254/latest", "set-cookie: a=b", "x: " + "y" * 70_000, ": no name", "no colon",
       "a: b\r\n folded", "www-authenticate: Bearer resource_metadata=\"http://127.0.0.1:1/x\"", "x: \x00\xff",
       "content-length: 5", "\r\n".join(["x: y"] * 300), "trailer: x", "upgrade: h2c", "retry-after: -1"]
)  # fmt: skip


def _chunks(body: bytes, size: str) -> bytes:
    return size.encode() + b"\r\n" + body + b"\r\n0\r\n\r\n"


@st.composite
def http_answers(draw: st.DrawFn) -> list[bytes]:
    """A whole HTTP response, or what somebody takes for one."""
    if draw(st.integers(0, 2)):
        kind, body = draw(_KIND), draw(_messages.flatmap(_bytes))
    else:
        kind, body = "content-type: text/event-stream", draw(_events())
    frame, body = draw(_framed(body))
    version = draw(st.sampled_from(["HTTP/1.1"] * 8 + ["HTTP/1.0", "HTTP/2", "HTTP/9.9", "http/1.1", "ICY", ""]))
    head = [f"{version} {draw(_STATUS)}", *filter(None, (kind, frame, draw(_EXTRA)))]
    place = draw(st.integers(0, len(body)))
    return [("\r\n".join(head) + "\r\n\r\n").encode(), body[:place], body[place:]]


_LENGTHS = st.sampled_from(["-1", "+5", "x", "", "5, 6", "0x10", "9" * 400, "\uff11", "1000000000000"])
_SIZES = st.sampled_from(["-1", "zz", "", "f" * 40, "ffffffff", "5;x=" + "y" * 9000, " 5", "0x5"])
CHUNKED = "transfer-encoding: chunked"


@st.composite
def _framed(draw: st.DrawFn, body: bytes) -> tuple[str, bytes]:
    """The header that says where the body ends, true or not, and the body as it says."""
    size = len(body)
    wrong = draw(_LENGTHS | st.integers(-20, 20).map(lambda more: str(max(0, size + more))))
    bad = draw(_SIZES)
    ways = [(f"content-length: {size}", body)] * 8 + [
        (f"content-length: {wrong}", body),
        ("x-none: 1", body),
        (f"content-length: {size}\r\n{CHUNKED}", body),
        (CHUNKED, _chunks(body, f"{size:x}")),
        (CHUNKED, _chunks(body, bad)),
        (CHUNKED, body),
    ]
    return draw(st.sampled_from(ways))


@st.composite
def _events(draw: st.DrawFn) -> bytes:
    """Server-sent events, more or less (HTML standard, section 9.2)."""
    ends = draw(st.sampled_from(["\n"] * 5 + ["\r\n", "\r"]))
    parts = draw(st.lists(_messages, max_size=4))
    fields = st.sampled_from(["data: "] * 10 + ["data:", "data", "id: ", "event: ", "retry: ", ":", "x: "])
    lines = [draw(fields) + line for text in parts for line in text.split("\n")]
    text = (ends * draw(st.sampled_from([2, 2, 2, 2, 1, 3]))).join([*lines, ""])
    return draw(_bytes(text)) * draw(st.sampled_from([1, 1, 1, 1, 1, 50]))
