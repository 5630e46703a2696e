"""What a link remembers, and what both lanes put around a call."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.call import Answered, Arguments, Tool, Unsent
from gateway.upstream import Http, ServerSpec, Upstreams
from gateway.upstream import connection as module
from gateway.upstream.connection import CLIENT, Connection, Link

TEXT = '{"f":1e+16,"n":12345678901234567890,"region":"Zürich"}'


def test_the_first_reason_for_a_loss_stays_and_both_news_wake() -> None:
    link = Link()
    link.doubt()
    assert (link.stale, link.lost, link.wake.is_set()) == ({"tools", "prompts", "resources"}, None, True)
    link.lose("")
    link.lose("later")
    assert link.lost == ""

    async def scenario() -> None:
        assert await link.explain("as it is") == "as it is"

    asyncio.run(scenario())


def test_of_tools_that_are_described_otherwise_each_time_only_so_many_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_MAPS", 4)
    nobody: Any = SimpleNamespace(protocol_version="2026-07-28")
    connection = Connection(nobody, nobody, nobody, Link(), nobody)
    region = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}
    for number in range(20):
        tool = Tool("s", "act", {"inputSchema": region}, f"pin-{number}")
        assert connection.mirrored(tool, Arguments.parse({"region": "eu"})) == {"Mcp-Param-Region": "eu"}
    assert len(connection._header_maps) <= 4  # noqa: SLF001 - nothing else tells what it holds


def test_we_say_who_we_are() -> None:
    assert CLIENT.name == "toolgate"
    assert CLIENT.version


@pytest.fixture
def mirror() -> Iterator[str]:
    """The URL of a server that answers with what it was sent."""
    path = Path(__file__).parents[2] / "fixtures" / "mirror_http.py"
    process = subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    yield process.stdout.readline().strip()
    process.kill()
    process.communicate()


def mirrored(url: str, era: Any, call: Any, text_of: Any) -> tuple[dict[str, str], str]:
    """The headers, in lower case, and the body of a call."""

    async def scenario() -> Any:
        async with Upstreams({"s": ServerSpec("s", Http(url, {"X-Team": "a"}), era=era)}) as up:
            return await up.forward(call("s/act", TEXT), timeout=30, meta={"traceparent": "00-1", "own": None})

    headers, body = text_of(asyncio.run(scenario()))
    return {name.lower(): value for name, value in headers.items()}, body


def test_a_modern_call_carries_its_envelope_its_headers_and_the_exact_arguments(
    mirror: str, call: Any, text_of: Any
) -> None:
    headers, body = mirrored(mirror, "modern", call, text_of)
    expected = {"mcp-method": "tools/call", "mcp-name": "act", "mcp-protocol-version": "2026-07-28", "x-team": "a"}
    assert expected.items() <= headers.items()
    assert headers["mcp-param-region"] == "=?base64?WsO8cmljaA==?="
    assert "mcp-param-n" not in headers
    assert f'"arguments":{TEXT},' in body
    assert '"traceparent":"00-1","own":null,' in body
    assert '"io.modelcontextprotocol/clientCapabilities":{}' in body


def test_a_legacy_call_over_http_carries_the_exact_arguments_and_no_envelope(
    mirror: str, call: Any, text_of: Any
) -> None:
    headers, body = mirrored(mirror, "legacy", call, text_of)
    assert {"mcp-protocol-version": "2025-11-25", "x-team": "a"}.items() <= headers.items()
    assert not [name for name in headers if name.startswith(("mcp-method", "mcp-param"))]
    assert f'"arguments":{TEXT},"_meta":{{"traceparent":"00-1","own":null}}' in body


def test_a_call_to_a_modern_server_that_is_gone_was_not_sent(start_http: Any, call: Any) -> None:
    async def scenario() -> None:
        url, process = await asyncio.to_thread(start_http, "http", "modern")
        async with Upstreams({"echo": ServerSpec("echo", Http(url))}) as up:
            assert isinstance(await up.forward(call("echo/count"), timeout=30, meta={}), Answered)
            process.kill()
            process.communicate()
            assert isinstance(await up.forward(call("echo/count"), timeout=0.3, meta={}), Unsent)

    asyncio.run(scenario())
