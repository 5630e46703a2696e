"""What a client that means harm sends: over HTTP as bytes on a socket, over stdio as lines."""

import json
from typing import Any

from tests.fuzz.junk import Junk

__all__ = ["Mischief", "Requests"]

PREFIX = "io.modelcontextprotocol/"
MODERN, LEGACY = "2026-07-28", "2025-11-25"
ENVELOPE: dict[str, Any] = {
    f"{PREFIX}protocolVersion": MODERN,
    f"{PREFIX}clientInfo": {"name": "mischief", "version": "1"},
    f"{PREFIX}clientCapabilities": {},
}
# The wishes that must come to nothing, in the words of people who try. `act` is the one that is allowed.
NAMES = (
    "pipe1__act", "web2__act", "pipe1__denied", "web2__denied", "pipe1__held", "web1__held", "pipe1/denied", "denied",
    "PIPE1__denied", "pipe1__denied ", " pipe1__denied", "pipe1__Denied", "pipe1__denied\n", "pipe1__denied\u0000",
    "pipe1\u200b__denied", "pipe1__act__denied", "pipe1__act/../denied", "../pipe1/denied", "pipe1//denied",
    "pipe1%2fdenied", "pipe1___denied", "__denied", "pipe1__", "", "*", "*/*", "pipe1__*", "x" * 600, "web2/held",
    "pipe1__\u0434enied", "nowhere__act", "toolgate__act",
)  # fmt: skip
METHODS = (
    "tools/list", "server/discover", "ping", "initialize", "resources/list", "resources/read", "prompts/get",
    "completion/complete", "logging/setLevel", "subscriptions/listen", "tasks/get", "notifications/cancelled",
    "notifications/initialized", "resources/templates/list", "tools/Call", "tools/call ", "TOOLS/CALL", "", "rpc.x",
    "notifications/tools/call", "sampling/createMessage", "notifications/progress",
)  # fmt: skip
PARAMS: tuple[Any, ...] = (
    {"uri": "nonce://x"}, {"name": "say", "arguments": {"nonce": "x"}}, {"requestId": 1}, {"level": "debug"}, {},
    {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "m", "version": "1"}},
    {"ref": {"type": "ref/prompt", "name": "say"}, "argument": {"name": "nonce", "value": ""}},
    {"notifications": {"toolsListChanged": True}},
)  # fmt: skip
HEADERS = (
    "mcp-method: tools/list", "mcp-name: pipe1__act", "mcp-name: web2__denied", "Mcp-Name:pipe1__act",
    "mcp-protocol-version: 2025-11-25", "mcp-protocol-version: 1999-01-01", "mcp-protocol-version:", "origin: null",
    "origin: http://evil.example", "host: evil.example", "content-type: text/plain", "content-type: application/json",
    "content-type: application/json; charset=utf-16", "accept: text/html", "accept: */*", "mcp-session-id: x",
    "mcp-session-id: \xff", "mcp-param-region: x", "mcp-param-: ", "authorization: Bearer x", "x-forwarded-for: 1",
    "last-event-id: 1", "content-encoding: gzip", "expect: 100-continue", "upgrade: websocket", "x: " + "y" * 70_000,
    "mcp-name: =?base64?cGlwZTFfX2RlbmllZA==?=", "mcp-name: =?base64?!!?=", "transfer-encoding: chunked", ": x",
    "content-length: 3", "content-length: -1", "no colon", " folded", "x\x00: y", "connection: close", "te: trailers",
)  # fmt: skip
PATHS = ("/mcp", "/mcp/", "//mcp", "/MCP", "/mcp?x=1", "/mcp/../mcp", "/%6dcp", "/", "/health", "*", "http://x/mcp",
         "/mcp#x", "/mcp/x", "mcp", "/" + "a" * 70_000, "/mcp\x00", "")  # fmt: skip
NUMBERS: tuple[Any, ...] = ("a", -1, 1.5, None, True, [], {}, "x" * 5000, 2**70)
VERBS = ("GET", "DELETE", "PUT", "HEAD", "OPTIONS", "TRACE", "CONNECT", "post", "PO ST", "PRI", "", "PATCH")


class Mischief(Junk):
    """JSON-RPC from a client."""

    def wish(self) -> tuple[dict[str, Any], str]:
        """A message, and what its `Mcp-Name` should be."""
        numbers: tuple[Any, ...] = NUMBERS if self.one_in(8) else tuple(range(99))
        whole: dict[str, Any] = {"jsonrpc": "2.0", "id": self.choice(numbers)}
        if self.one_in(3):
            method, params = self.choice(METHODS), dict(self.choice(PARAMS))
        else:
            given = self.value() if self.one_in(4) else {"nonce": f"m{self.randrange(1 << 40)}"}
            method, params = "tools/call", {"name": self.choice(NAMES[: self.choice([2, 6, 99])]), "arguments": given}
        if self.one_in(10):
            del whole["id"]
        return {**whole, "method": method, "params": params}, str(params.get("name", ""))

    def text(self, message: dict[str, Any]) -> bytes:
        """The message as it goes out, perhaps with something odd in it."""
        text = self.mutated(message) if self.one_in(4) else json.dumps(message, ensure_ascii=self.one_in(2))
        if self.one_in(12):
            text = f"[{text},{json.dumps(message)}]"
        elif self.one_in(12):
            text = f"{text}\n{json.dumps(message)}"
        return self.harmed(text) if self.one_in(4) else text.encode(errors="surrogatepass")

    def line(self) -> bytes:
        """Over stdio. Ends of lines within it make several of one."""
        message, _ = self.wish()
        if self.one_in(3):
            message["params"]["_meta"] = dict(ENVELOPE)
        return self.text(message) if not self.one_in(10) else self.harmed(self.odd())


class Requests(Mischief):
    """HTTP requests as bytes. `session` is one that is open."""

    def __init__(self, seed: str, session: str) -> None:
        super().__init__(seed)
        self.session = session

    def connection(self) -> bytes:
        """What is written on one connection: several requests after one another, the last perhaps not whole."""
        whole = b"".join(self.request() for _ in range(self.choice([1, 1, 1, 2, 3])))
        return whole[: self.randrange(len(whole) + 1)] if self.one_in(8) else whole

    def request(self) -> bytes:
        message, name = self.wish()
        modern = self.one_in(2)
        if modern:
            message["params"]["_meta"] = {**ENVELOPE, **({"progressToken": 1} if self.one_in(4) else {})}
        body = self.text(message) if not self.one_in(15) else self.harmed(self.odd())
        verb = self.choice(VERBS) if self.one_in(10) else "POST"
        path = self.choice(PATHS) if self.one_in(10) else "/mcp"
        version = self.choice(["HTTP/1.0", "HTTP/2.0", "HTTP/1.2", "", "X"]) if self.one_in(20) else "HTTP/1.1"
        lines = [f"{verb} {path} {version}", *self._headers(message, name, modern=modern)]
        frame, body = self._framed(body) if self.one_in(6) else (f"content-length: {len(body)}", body)
        end = "\n" if self.one_in(30) else "\r\n"
        return (end.join([*lines, frame]) + end * 2).encode("utf-8", errors="replace") + body

    def _headers(self, message: dict[str, Any], name: str, *, modern: bool) -> list[str]:
        own = ["host: 127.0.0.1:80", "content-type: application/json", "accept: application/json, text/event-stream"]
        if modern:
            named = [f"mcp-name: {name}"] if name.isprintable() and name.isascii() and name else []
            own += [f"mcp-protocol-version: {MODERN}", f"mcp-method: {message['method']}", *named]
        else:
            own += [f"mcp-protocol-version: {LEGACY}", f"mcp-session-id: {self.session}"]
        for _ in range(self.choice([0, 0, 0, 0, 1, 2])):
            odd = self.choice(HEADERS)
            if self.one_in(2):
                own = [line for line in own if line.partition(":")[0] != odd.partition(":")[0].lower()]
            own.insert(self.randrange(len(own) + 1), odd)
        if self.one_in(10):
            own.remove(self.choice(own))
        return own
