"""What a broken program puts on the wire, or one that means harm: JSON-RPC and HTTP, almost right and all wrong.

Plain random choice and not Hypothesis: a batch of forty such inputs is more than an example of Hypothesis's may hold,
and it took longer to draw them than the gateway to answer them. Each is short, so that it can be read as it is.
"""

import json
import random
from typing import Any

__all__ = ["ODD", "Junk"]

WORDS = ("", "\x00", "\u202e", "é☃😀", "text", "../../etc/passwd", "@ID@", "tools/call", "a" * 300)
ODD = (
    "NaN", "-Infinity", "1e999", "-0", "1" * 5000, "1E400", '"\\ud800"', '"\\udfff\\ud800"', '{"\\ud800":1}',
    '{"a":1,"a":2}', "[" * 2000 + "]" * 2000, "[" * 950 + "]" * 950,
    '{"a":' * 300 + "1" + "}" * 300, "[" * 30_000, '"' + "x" * 50_000 + '"',
    "", "oops", "{", "]", '"\\u00', "nul", "tru", "\ufeff1", "'a'", "1 2", "/*c*/1", "[1,]", '"\t"', "0x10", "01",
    "\u2028", "1.5", "-1", "null", "true", "[]", "{}", "9007199254740993", "1e-400", '"\\u0000"', "[null]",
)  # fmt: skip

RESULTS: tuple[dict[str, Any], ...] = (
    {"content": [{"type": "text", "text": "hello", "annotations": {"priority": 1}}], "resultType": "complete"},
    {"content": [{"type": "image", "data": "aGk=", "mimeType": "image/png"}], "structuredContent": {"a": [1]}},
    {"content": [{"type": "resource", "resource": {"uri": "a:b", "text": "t"}}], "isError": True, "_meta": {"a": 1}},
    {"content": [], "_meta": {"toolgate/verdict": {"effect": "allow"}}, "ttlMs": 5, "cacheScope": "public"},
    {"resultType": "input_required", "inputRequests": {"q": {"method": "elicitation/create", "params": {}}}},
    {"resultType": "task", "task": {"taskId": "t", "status": "working"}},
)
ERRORS: tuple[dict[str, Any], ...] = (
    {"code": -32602, "message": "no", "data": {"a": 1}},
    {"code": 0, "message": ""},
    {"code": -32021, "message": "capability", "data": {"requiredCapabilities": {"elicitation": {}}}},
    {"code": -32001, "message": "header"},
    {"code": -32600, "message": "Session not found"},
)
SAID: tuple[tuple[str, Any], ...] = (
    ("notifications/progress", {"progressToken": "@TOKEN@", "progress": 1, "total": 2, "message": "m"}),
    ("notifications/message", {"level": "info", "data": {"a": 1}, "logger": "l"}),
    ("notifications/cancelled", {"requestId": "@ID@", "reason": "r"}),
    ("notifications/resources/updated", {"uri": "a:b"}),
    ("notifications/tools/list_changed", {}),
    ("sampling/createMessage", {"messages": [{"role": "user", "content": {"type": "text", "text": "hi"}}]}),
    ("elicitation/create", {"message": "who?", "mode": "form", "requestedSchema": {"type": "object"}}),
    ("roots/list", {}),
    ("ping", {}),
    ("tools/call", {"name": "denied", "arguments": {}}),
    ("initialize", {}),
    ("", {}),
    ("notifications/tasks/status", {"taskId": "t"}),
)
IDS = ("null", "0", "-1", "1.5", "true", '"@ID@"', "[]", "{}", "99999999999999999999", '"x"', "1e3", "")

STATUS = (
    "202 Accepted", "204 No", "301 There", "307 There", "400 Bad", "401 Who", "404 Gone", "429 Slow", "500 Oh",
    "503 Later", "100 Continue", "101 Switch", "999 ?", "0 x", "abc", "-1 x", "2000 x", "200", "",
)  # fmt: skip
KINDS = (
    "content-type: text/event-stream", "content-type: text/html", "content-type:", "",
    "content-type: application/json; charset=utf-16", "content-type: APPLICATION/JSON",
)  # fmt: skip
VERSIONS = ("HTTP/1.0", "HTTP/2", "HTTP/9.9", "http/1.1", "ICY", "")
EXTRA = (
    "connection: close", "content-encoding: gzip", "transfer-encoding: gzip, chunked", "mcp-session-id: other",
    "location: http://169.254.169.254/latest", "set-cookie: a=b", "x: " + "y" * 70_000, ": no name", "no colon",
    "a: b\r\n folded", 'www-authenticate: Bearer resource_metadata="http://127.0.0.1:1/x"', "x: \x00\xff",
    "content-length: 5", "\r\n".join(["x: y"] * 300), "trailer: x", "upgrade: h2c", "retry-after: -1",
)  # fmt: skip
LENGTHS = ("-1", "+5", "x", "", "5, 6", "0x10", "9" * 400, "\uff11", "1000000000000")
SIZES = ("-1", "zz", "", "f" * 40, "ffffffff", "5;x=" + "y" * 9000, " 5", "0x5")
CHUNKED = "transfer-encoding: chunked"


class Junk(random.Random):
    """A source of it; the same seed gives the same again."""

    def one_in(self, times: int) -> bool:
        return self.randrange(times) == 0

    # ---- JSON text, which need not be JSON

    def value(self, depth: int = 0) -> Any:
        """Something that JSON can say."""
        kinds = [None, True, False, self.randrange(-9, 99), self.uniform(-1e9, 1e9), self.choice(WORDS)]
        if depth < 3 and self.one_in(3):
            return [self.value(depth + 1) for _ in range(self.randrange(4))]
        if depth < 3 and self.one_in(3):
            return {self.choice(WORDS): self.value(depth + 1) for _ in range(self.randrange(4))}
        return self.choice(kinds)

    def odd(self) -> str:
        return json.dumps(self.value()) if self.one_in(3) else self.choice(ODD)

    def mutated(self, whole: Any) -> str:
        """This value as JSON text, with something odd in the place of one thing in it, or one thing missing."""
        if not isinstance(whole, dict | list) or not whole or self.one_in(5):
            return self.odd()
        items = list(whole.items() if isinstance(whole, dict) else enumerate(whole))
        chosen = self.randrange(len(items))
        texts = [self.mutated(v) if i == chosen else json.dumps(v) for i, (_, v) in enumerate(items)]
        named = [""] * len(items) if isinstance(whole, list) else [f"{json.dumps(name)}:" for name, _ in items]
        pairs = [name + text for name, text in zip(named, texts, strict=True)]
        if self.one_in(8):
            del pairs[chosen]
        elif self.one_in(12):
            pairs.append(pairs[0])
        return f"[{','.join(pairs)}]" if isinstance(whole, list) else f"{{{','.join(pairs)}}}"

    def perhaps_mutated(self, whole: Any) -> str:
        return self.mutated(whole) if self.one_in(2) else json.dumps(whole)

    # ---- JSON-RPC from a server

    def message(self) -> str:
        kinds = [self.response, self.response, self.response, self.said, self.odd]
        return self.choice(kinds)()

    def response(self) -> str:
        result = f'"result":{self.perhaps_mutated(self.choice(RESULTS))}'
        error = f'"error":{self.perhaps_mutated(self.choice(ERRORS))}'
        (body,) = self.choices([[result], [error], [result, error], []], [12, 4, 1, 1])
        version = self.choice(['"jsonrpc":"1.0"', '"jsonrpc":2', '"x":1']) if self.one_in(12) else '"jsonrpc":"2.0"'
        number = self.choice(IDS) if self.one_in(3) else "@ID@"
        parts = [version, f'"id":{number}', *body]
        if self.one_in(3):
            self.shuffle(parts)
        return f"{{{','.join(parts)}}}"

    def refusal(self) -> str:
        """A JSON-RPC error whose message nobody should show as it is."""
        words = self.choice(['"\\ud800"', '"\\u001b[2J"', '"no"', json.dumps("x" * 100_000), '"\\u202e"', "[[1]]"])
        return f'{{"code":{self.choice([-32601, -32600, -5, 0])},"message":{words},"data":{self.odd() or 1}}}'

    def said(self) -> str:
        """A notification or a request of the server's own."""
        method, params = self.choice(SAID)
        number = self.choice(['"id":1,', '"id":"q",', '"id":null,', '"id":[],']) if self.one_in(2) else ""
        text = f'{{"jsonrpc":"2.0",{number}"method":{json.dumps(method)},"params":{self.perhaps_mutated(params)}}}'
        return text.replace('"@TOKEN@"', "@TOKEN@").replace('"@ID@"', "@ID@")

    def harmed(self, text: str) -> bytes:
        """The text as bytes that may have suffered on the way."""
        data = text.encode(errors="surrogatepass")
        place = self.randrange(len(data) + 1)
        if not self.one_in(4):
            return data
        harms = [
            data[:place],
            data[:place] + b"\xff\xc0\x80" + data[place:],
            data[:place] + b"\xed\xa0\x80" + data[place:],
            data[:place] + b"\x00" + data[place:],
            b"\xef\xbb\xbf" + data,
            text.encode("utf-16", errors="surrogatepass"),
        ]
        return self.choice(harms)

    # ---- over stdio

    def lines(self) -> list[bytes]:
        """What a server may print, once: some lines, the last of which may never end."""
        lines = [self.harmed(self.message()) for _ in range(self.randint(1, 4))]
        end = self.choice([b"\r\n", b"\n\n", b" \n", b"\r", b""]) if self.one_in(4) else b"\n"
        flood = 200 if self.one_in(15) else 1
        return [(line + end) * (flood if len(line) < 1000 else 1) for line in lines]

    # ---- over HTTP

    def http_answer(self) -> list[bytes]:
        """A whole HTTP response, or what somebody takes for one."""
        kind, body = "content-type: application/json", self.harmed(self.message())
        if self.one_in(3):
            kind, body = "content-type: text/event-stream", self.harmed(self._events())
        if self.one_in(6):
            kind = self.choice(KINDS)
        frame, body = self._framed(body)
        version = self.choice(VERSIONS) if self.one_in(10) else "HTTP/1.1"
        status = self.choice(STATUS) if self.one_in(5) else "200 OK"
        extra = self.choice(EXTRA) if self.one_in(4) else ""
        head = "\r\n".join([f"{version} {status}", *filter(None, (kind, frame, extra))])
        place = self.randrange(len(body) + 1)
        return [f"{head}\r\n\r\n".encode(), body[:place], body[place:]]

    def _framed(self, body: bytes) -> tuple[str, bytes]:
        """The header that says where the body ends, true or not, and the body as it says."""
        size = len(body)
        wrong = self.choice(LENGTHS) if self.one_in(2) else str(max(0, size + self.randint(-20, 20)))
        ways = [
            (f"content-length: {wrong}", body),
            ("x-none: 1", body),
            (f"content-length: {size}\r\n{CHUNKED}", body),
            (CHUNKED, _chunk(body, f"{size:x}")),
            (CHUNKED, _chunk(body, self.choice(SIZES))),
            (CHUNKED, body),
        ]
        return self.choice(ways) if self.one_in(2) else (f"content-length: {size}", body)

    def _events(self) -> str:
        """Server-sent events, more or less (HTML standard, section 9.2)."""
        end = self.choice(["\n", "\n", "\n", "\r\n", "\r"])
        fields = ["data: "] * 8 + ["data:", "data", "id: ", "event: ", "retry: ", ":", "x: "]
        texts = [self.message() for _ in range(self.randint(0, 4))]
        lines = [self.choice(fields) + line for text in texts for line in text.split("\n")]
        whole = (end * self.choice([2, 2, 2, 2, 1, 3])).join([*lines, ""])
        return whole * (50 if self.one_in(10) and len(whole) < 2000 else 1)


def _chunk(body: bytes, size: str) -> bytes:
    return size.encode() + b"\r\n" + body + b"\r\n0\r\n\r\n"
