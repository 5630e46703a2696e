"""What is taken for a plain call before anybody speaks ASGI, and what is not."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway.auth import Headers
from gateway.call import Subject
from gateway.identity import Identity
from gateway.serve.application import application
from gateway.serve.asgi import dumped
from gateway.serve.asking import Asker
from gateway.serve.desk import LONGEST_HEAD, Desk
from gateway.serve.direct import Direct
from gateway.serve.door import Door, Entry
from tests.fixtures.gateway_app import Setup, opened, spec
from tests.fixtures.served import ECHO, MODERN, request

BODY = dumped(request("tools/call", {"name": "echo__echo", "arguments": {"text": "x"}}, era="modern"))
FIELDS = {
    "Host": "127.0.0.1:80",
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": MODERN,
    "Mcp-Method": "tools/call",
    "Mcp-Name": "echo__echo",
}


class Anybody:
    """Lets everybody in, once he was asked."""

    async def authenticate(self, headers: Headers, path: str) -> Identity:
        del headers, path
        return Identity(Subject("user:bob", "acme"))


def raw(line: str = "POST /mcp HTTP/1.1", body: bytes = BODY, end: str = "\r\n", **more: str | None) -> bytes:
    fields = FIELDS | {"Content-Length": str(len(body))} | {key.replace("_", "-"): value for key, value in more.items()}
    lines = [line, *(f"{key}: {value}" for key, value in fields.items() if value is not None)]
    return (end.join(lines) + end + end).encode("latin-1") + body


def at_the_desk(
    folder: Path, look: Callable[[Desk, Door], None], entry: Callable[[Entry], Entry] = lambda it: it
) -> None:
    async def work() -> None:
        setup = Setup(folder, {"echo": spec("echo", ECHO)})
        setup.write_policy("p, *, *, */*, call, , allow, whatever it is")
        async with opened(setup, http=True) as parts:
            app: Any = partial(application, parts.server, 1 << 20)
            door = Door(entry(setup.entry))
            look(Desk(door, Direct(app, parts.front, parts.server.server_info_stamp)), door)

    asyncio.run(work())


def test_a_plain_call_is_taken_and_its_head_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[object] = []
    known = Door.asker

    def asker(door: Door, headers: Headers, path: str) -> Asker | None:
        looked.append(headers)
        return known(door, list(headers), path)

    monkeypatch.setattr(Door, "asker", asker)

    def look(desk: Desk, _door: Door) -> None:
        first, again = desk.plain(raw()), desk.plain(raw())
        assert first is not None
        assert again is not None
        assert (first.params["name"], first.client.asker.subject.user) == ("echo__echo", "user:ann")
        assert first.client is again.client
        assert len(looked) == 1
        other = BODY.replace(b'"x"', b'"y"')
        changed = desk.plain(raw(body=other))
        assert changed is not None
        assert changed.params["arguments"] == {"text": "y"}
        assert len(looked) == 1

    at_the_desk(tmp_path, look)


def test_what_a_client_says_at_length_is_not_kept_with_its_head(tmp_path: Path) -> None:
    def look(desk: Desk, _door: Door) -> None:
        for length, kept in ((10, True), (50_000, False)):
            more = {"name": "echo__echo", "arguments": {}, "_meta": {"x": "x" * length}}
            body = dumped(request("tools/call", more, era="modern"))
            first, again = desk.plain(raw(body=body)), desk.plain(raw(body=body))
            assert first is not None
            assert again is not None
            assert (first.client is again.client) is kept

    at_the_desk(tmp_path, look)


STRANGE = {
    "another method": raw("GET /mcp HTTP/1.1"),
    "another place": raw("POST /other HTTP/1.1"),
    "a query": raw("POST /mcp?a=1 HTTP/1.1"),
    "a whole URL": raw("POST http://127.0.0.1/mcp HTTP/1.1"),
    "HTTP/1.0": raw("POST /mcp HTTP/1.0"),
    "no HTTP": b"hello\r\n\r\n" + BODY,
    "lines that end with a bare LF": raw(end="\n"),
    "one line that does": raw(X_A="b\nx: y"),
    "a lone CR": raw(X_A="b\rc"),
    "another host": raw(Host="evil.test"),
    "a page of another site": raw(Origin="https://evil.test"),
    "a page that may ask": raw(Origin="http://localhost:3000"),
    "two lengths": raw(Content_length=str(len(BODY))).replace(b"Content-Length: ", b"Content-Length: 0\r\nX: "),
    "another framing, too": raw(Transfer_Encoding="chunked"),
    "a length that is none": raw(Content_Length="+5"),
    "no length": raw(Content_Length=None),
    "less than its length": raw()[:-1],
    "more than its length": raw() + b"x",
    "more, which JSON would not mind": raw() + b"\r\n",
    "two at once": raw() * 2,
    "two, of which one looks like its head's end": raw(X_A="b\n\nPOST /mcp HTTP/1.1"),
    "too large": raw(Content_Length=str(1 << 40)),
    "something to wait for": raw(Expect="100-continue"),
    "an offer": raw(Connection="upgrade", Upgrade="h2c"),
    "the last of its connection": raw(Connection="close"),
    "credentials": raw(Authorization="Bearer x"),
    "a head that is too long to keep": raw(X_Long="x" * LONGEST_HEAD),
    "a second value": raw(accept="*/*"),
    "no JSON": raw(body=b"{"),
    "a doubled key": raw(body=BODY.replace(b'"x"', b'"x","text":"y"')),
    "another name in the head": raw(Mcp_Name="echo__env"),
    "another name than a head of the same bytes had": raw(body=BODY.replace(b"echo__echo", b"echo__ohce")),
    "no name in the head": raw(Mcp_Name=None),
    "another method in the head": raw(Mcp_Method="tools/list"),
    "another version in the head": raw(MCP_Protocol_Version="2025-11-25"),
    "another request": raw(body=dumped(request("tools/list", era="modern")), Mcp_Method="tools/list", Mcp_Name=None),
}


def test_whatever_is_not_plain_takes_the_usual_way(tmp_path: Path) -> None:
    def look(desk: Desk, _door: Door) -> None:
        for _ in range(2):  # what was remembered is no better
            assert desk.plain(raw()) is not None
            taken = [what for what, data in STRANGE.items() if desk.plain(data) is not None]
            assert taken == []

    at_the_desk(tmp_path, look)


def test_nothing_is_taken_by_a_door_that_is_closed(tmp_path: Path) -> None:
    def look(desk: Desk, door: Door) -> None:
        assert desk.plain(raw()) is not None
        door.close()
        assert desk.plain(raw()) is None

    at_the_desk(tmp_path, look)


def test_where_somebody_has_to_log_in_each_head_is_looked_at(tmp_path: Path) -> None:
    def look(desk: Desk, _door: Door) -> None:
        assert desk.plain(raw()) is None

    at_the_desk(tmp_path, look, lambda entry: replace(entry, authenticator=Anybody()))


def test_an_encoded_name_is_read_by_the_sdk(tmp_path: Path) -> None:
    def look(desk: Desk, _door: Door) -> None:
        assert desk.plain(raw(Mcp_Name="=?base64?ZWNob19fZWNobw==?=")) is not None
        name = "=?base64?ZWNob19fZWNobw==?="
        body = dumped(request("tools/call", {"name": name, "arguments": {}}, era="modern"))
        assert desk.plain(raw(body=body, Mcp_Name=name)) is None

    at_the_desk(tmp_path, look)
