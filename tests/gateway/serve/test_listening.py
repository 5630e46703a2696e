"""Listening in both eras, through an SDK client in the same process."""

import asyncio
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from mcp import Client, MCPError
from mcp.shared.subscriptions import ResourceUpdated

from gateway.serve.replies import DENIED
from tests.fixtures.gateway_app import Setup, opened, spec
from tests.gateway.serve.test_exchanges import PATIENCE, server

WATCHED = "test://watched-resource"


def within(tmp_path: Path, scenario: Any, *more: str) -> None:
    setup = Setup(tmp_path, {"up": spec("up", server("both"))})
    setup.write_policy("p, *, *, */*, call, , allow, yes", "p, *, *, */*, read, , allow, yes", *more)

    async def work() -> None:
        async with asyncio.timeout(PATIENCE), opened(setup) as app:
            await scenario(app)

    asyncio.run(work())


def test_a_client_of_the_older_era_is_told_of_lists_and_of_what_it_subscribed_to(tmp_path: Path) -> None:
    async def scenario(app: Any) -> None:
        heard: asyncio.Queue[Any] = asyncio.Queue()

        async def hear(message: Any) -> None:
            heard.put_nowait(message)

        async with Client(app.server, mode="legacy", cache=None, message_handler=hear) as client:
            await client.call_tool("up__grow", {})
            assert isinstance(await heard.get(), types.ToolListChangedNotification)
            await client.session.send_request(
                types.SubscribeRequest(params=types.SubscribeRequestParams(uri=WATCHED)), types.EmptyResult
            )
            await client.call_tool("up__announce", {"what": WATCHED})
            note = await heard.get()
            assert isinstance(note, types.ResourceUpdatedNotification)
            assert str(note.params.uri) == WATCHED

    within(tmp_path, scenario)


def test_a_modern_client_is_acknowledged_what_it_may_hear_of(tmp_path: Path) -> None:
    async def scenario(app: Any) -> None:
        async with Client(app.server, mode="2026-07-28", cache=None) as client:
            uris = [WATCHED, "test://static-text"]
            async with client.listen(tools_list_changed=True, resource_subscriptions=uris) as stream:
                assert stream.honored.resource_subscriptions == [WATCHED]
                await client.call_tool("up__announce", {"what": WATCHED})
                async for event in stream:
                    assert event == ResourceUpdated(uri=WATCHED)
                    break

    within(tmp_path, scenario, "p, *, *, up/test://static-text, subscribe, , deny, it is quiet")


def test_whoever_may_not_subscribe_is_told_why_if_a_line_says_it(tmp_path: Path) -> None:
    async def scenario(app: Any) -> None:
        async with Client(app.server, mode="legacy", cache=None) as client:
            params = types.SubscribeRequestParams(uri="test://static-text")
            with pytest.raises(MCPError, match="it is quiet") as caught:
                await client.session.send_request(types.SubscribeRequest(params=params), types.EmptyResult)
            assert caught.value.code == DENIED

    within(tmp_path, scenario, "p, *, *, up/test://static-text, subscribe, , deny, it is quiet")
