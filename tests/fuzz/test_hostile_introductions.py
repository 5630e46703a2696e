"""Servers that introduce themselves, and list what they have, with anything: the others don't notice.

Each round starts a gateway's upstream side with many such servers and a good one. What is then known of them can be
told to a client, whatever it is. TOOLGATE_SEED chooses others, TOOLGATE_FUZZ=10 ten times as many.
"""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

from gateway.call import Answered, Arguments, Call, Subject
from gateway.upstream import Http, ServerSpec, Upstreams
from tests.fixtures.told import tell
from tests.fuzz.junk import Junk
from tests.fuzz.stage import SEED, rounds

AT_ONCE = 12
ERAS: Any = ("auto", "modern", "legacy")
DEADLINE = 30.0  # seconds in which all have settled, on a busy machine

Json = dict[str, Any]
COMMON: Json = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
EVERYTHING: Json = {
    "capabilities": {"tools": {"listChanged": True}, "prompts": {}, "resources": {"subscribe": True}, "logging": {}},
    "serverInfo": {"name": "odd", "version": "1", "title": "Odd"},
    "instructions": "Be kind.",
}
SCHEMA: Json = {"type": "object", "properties": {"a": {"type": "string", "x-mcp-header": "A"}}, "required": ["a"]}
TOOL: Json = {"name": "act", "description": "Acts.", "inputSchema": SCHEMA, "annotations": {"readOnlyHint": True}}
PAGES: Mapping[str, Json] = {
    "initialize": {"protocolVersion": "2025-11-25", **EVERYTHING},
    "server/discover": {"supportedVersions": ["2026-07-28"], **EVERYTHING, **COMMON},
    "tools/list": {"tools": [TOOL, {**TOOL, "name": "other"}], **COMMON},
    "prompts/list": {"prompts": [{"name": "p", "arguments": [{"name": "x", "required": True}]}], **COMMON},
    "resources/list": {"resources": [{"uri": "a:b", "name": "r", "size": 1}], **COMMON},
    "resources/templates/list": {"resourceTemplates": [{"uriTemplate": "a:{b}", "name": "t"}], **COMMON},
    "tools/call": {"content": [{"type": "text", "text": "yes"}], **COMMON},
}


class Village:
    """All the servers on one port: the path says which. `junk` is None for the good one."""

    def __init__(self) -> None:
        self.junk: dict[str, Junk | None] = {}
        self.port = 0

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["Village"]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            going = True
            while going:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                length = head.partition("content-length:")[2].partition("\r\n")[0].strip() or "0"
                body = await reader.readexactly(int(length))
                data, going = self._answer(head.split(), body)
                writer.write(data)
        writer.close()

    def _answer(self, head: list[str], body: bytes) -> tuple[bytes, bool]:
        """The bytes, and whether the connection stays."""
        junk = self.junk[head[1].strip("/")]
        if head[0] != "post":
            return b"HTTP/1.1 405 No\r\ncontent-length: 0\r\n\r\n", True
        message = json.loads(body)
        if "id" not in message:
            return b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n", True
        page = PAGES.get(message["method"])
        number = json.dumps(message["id"]).encode()
        if junk is None or junk.one_in(3):
            what = '"error":{"code":-32601,"message":"?"}' if page is None else f'"result":{json.dumps(page)}'
            return _whole(f'{{"jsonrpc":"2.0","id":@ID@,{what}}}'.encode(), number), True
        if junk.one_in(4):
            return b"".join(junk.http_answer()).replace(b"@ID@", number), False
        kind = "error" if junk.one_in(5) else "result"
        text = junk.mutated(page or {}) if kind == "result" else junk.refusal()
        return _whole(junk.harmed(f'{{"jsonrpc":"2.0","id":@ID@,"{kind}":{text}}}'), number), True


def _whole(body: bytes, number: bytes) -> bytes:
    body = body.replace(b"@ID@", number)
    kind = b"content-type: application/json\r\nmcp-session-id: s\r\n"
    return b"HTTP/1.1 200 OK\r\n%scontent-length: %d\r\n\r\n%s" % (kind, len(body), body)


def _spec(name: str, url: str, junk: Junk | None) -> ServerSpec:
    if junk is None:
        return ServerSpec(name, Http(url), era="modern", connect_timeout=DEADLINE)
    return ServerSpec(name, Http(url), era=junk.choice(ERAS), connect_timeout=1.5)


async def _round(village: Village, number: int, count: Counter[str]) -> None:
    village.junk = {f"odd{n}": Junk(f"{SEED}/{number}/{n}") for n in range(AT_ONCE)} | {"good": None}
    specs = {name: _spec(name, f"http://127.0.0.1:{village.port}/{name}", junk) for name, junk in village.junk.items()}
    async with asyncio.timeout(DEADLINE), Upstreams(specs) as servers:
        catalogue = servers.catalogue
        assert {"good/act", "good/other"} <= catalogue.tools.keys(), catalogue.missing
        known = [
            dict(catalogue.missing),
            dict(catalogue.rejected),
            [tool.definition for tool in catalogue.tools.values()],
        ]
        known += [[dict(one.definition) for one in catalogue.prompts.values()]]
        known += [[dict(one.definition) for one in catalogue.resources.values()]]
        known += [(about.instructions, dict(about.capabilities)) for about in catalogue.about.values()]
        json.dumps(known, ensure_ascii=False, allow_nan=False).encode()
        call = Call("r", "c", Subject("user:ann", "acme"), "good/act", Arguments.parse({"a": "x"}))
        assert isinstance(await servers.forward(call, timeout=10, meta={}), Answered)
        count.update({"up": AT_ONCE - len(catalogue.missing), "missing": len(catalogue.missing)})
        count["left out"] += len(catalogue.rejected)


async def _all(most: int) -> Counter[str]:
    count: Counter[str] = Counter()
    async with Village().open() as village:
        for number in rounds(most):
            try:
                await _round(village, number, count)
            except Exception as error:
                raise AssertionError(f"round {number} of seed {SEED}") from error
    return count


def test_however_a_server_introduces_itself_the_others_do_not_notice() -> None:
    count = asyncio.run(_all(20))
    tell(f"hostile introductions, seed {SEED}: {dict(count)}")
    assert count["up"]  # on a busy machine few are quick enough
    assert count["missing"]
