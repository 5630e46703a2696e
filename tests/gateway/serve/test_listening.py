"""Listening in both eras, through an SDK client in the same process."""

import asyncio
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from mcp import Client, MCPError
from mcp.shared.subscriptions import ResourceUpdated

from gateway.serve import changes
from gateway.serve.listening import MOST_ASKED
from gateway.serve.replies import DENIED
from gateway.uris import MAX_URI
from tests.fixtures.gateway_app import Setup, opened, spec
from tests.fixtures.listened import listened
from tests.fixtures.near import near
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

        async with Client(near(app.server), mode="legacy", cache=None, message_handler=hear) as client:
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
        async with Client(near(app.server), mode="2026-07-28", cache=None) as client:
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
        async with Client(near(app.server), mode="legacy", cache=None) as client:
            params = types.SubscribeRequestParams(uri="test://static-text")
            with pytest.raises(MCPError, match="it is quiet") as caught:
                await client.session.send_request(types.SubscribeRequest(params=params), types.EmptyResult)
            assert caught.value.code == DENIED

    within(tmp_path, scenario, "p, *, *, up/test://static-text, subscribe, , deny, it is quiet")


LONG = "test://" + "a" * MAX_URI


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
def test_a_uri_that_is_too_long_is_refused_wherever_it_is_named(tmp_path: Path, mode: str) -> None:
    async def scenario(app: Any) -> None:
        async with Client(near(app.server), mode=mode, cache=None) as client:
            with pytest.raises(MCPError, match=f"A URI has at most {MAX_URI} characters"):
                await client.read_resource(LONG)
            reference = types.ResourceTemplateReference(type="ref/resource", uri=LONG)
            with pytest.raises(MCPError, match="A URI has at most"):
                await client.complete(reference, {"name": "x", "value": "y"})
            requests: list[Any] = [
                types.SubscribeRequest(params=types.SubscribeRequestParams(uri=LONG)),
                types.UnsubscribeRequest(params=types.UnsubscribeRequestParams(uri=LONG)),
            ]
            for request in requests if mode == "legacy" else []:
                with pytest.raises(MCPError, match="A URI has at most"):
                    await client.session.send_request(request, types.EmptyResult)
            if mode != "legacy":
                with pytest.raises(MCPError, match="A URI has at most"):
                    async with client.listen(resource_subscriptions=[WATCHED, LONG]):
                        pass

    within(tmp_path, scenario)


def test_a_subscription_of_which_too_much_would_be_kept_is_refused(tmp_path: Path) -> None:
    async def scenario(app: Any) -> None:
        async with Client(near(app.server), mode="2026-07-28", cache=None) as client:
            with pytest.raises(MCPError, match=f"A subscription has at most {MOST_ASKED} bytes"):
                async with client.listen(resource_subscriptions=[WATCHED] * (MOST_ASKED // len(WATCHED))):
                    pass
            async with client.listen(resource_subscriptions=[WATCHED] * 3) as stream:
                assert stream.honored.resource_subscriptions == [WATCHED]

    within(tmp_path, scenario)


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
def test_an_edit_of_the_policy_is_told_to_a_client_that_is_shown_other_lists(
    tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The edit changes prompts alone; the tools follow with the next one. Nobody makes a call meanwhile."""
    monkeypatch.setattr(changes, "POLICY_LOOK", 0.01)
    policy = tmp_path / "policy.csv"

    def edit(line: str) -> None:
        policy.write_text(policy.read_text(encoding="utf-8") + f"{line}\n", encoding="utf-8")

    async def scenario(app: Any) -> None:
        heard: asyncio.Queue[str] = asyncio.Queue()

        async def hear(message: Any) -> None:
            heard.put_nowait(type(message).__name__.removesuffix("Notification"))

        async with Client(near(app.server), mode=mode, cache=None, message_handler=hear) as client:
            listening = asyncio.ensure_future(_listen(client, heard)) if mode != "legacy" else None
            if listening is None:
                await client.list_tools()
            else:
                assert await heard.get() == "acknowledged"
            edit("p, *, *, */*, get, , allow, and prompts")
            assert (await heard.get()).startswith("Prompt")
            edit("p, *, *, up/grow, call, , deny, not that")
            assert (await heard.get()).startswith("Tool")
            if listening is not None:
                listening.cancel()

    within(tmp_path, scenario)


async def _listen(client: Client, heard: "asyncio.Queue[str]") -> None:
    async with client.listen(tools_list_changed=True, prompts_list_changed=True) as stream:
        heard.put_nowait("acknowledged")
        async for _ in stream:
            pass  # the client's handler hears it too


def test_a_client_that_wants_many_resources_has_their_server_subscribed_to_a_few_times(tmp_path: Path) -> None:
    async def work() -> None:
        uris = [f"r:{number:03}" for number in range(changes.MOST_URIS)]
        async with asyncio.timeout(PATIENCE), listened(uris=uris) as upstream:
            setup = Setup(tmp_path, {"up": spec("up", {"url": upstream.url, "era": "modern"})})
            setup.write_policy("p, *, *, */*, read, , allow, yes")
            async with opened(setup) as app, Client(app.server, mode="2026-07-28", cache=None) as client:
                async with client.listen(resource_subscriptions=uris) as stream:
                    assert stream.honored.resource_subscriptions == uris
                    assert upstream.wishes[-1] == uris
                    assert len(upstream.wishes) < 10
                await upstream.until(lambda: list(upstream.open.values())[-1][1] == [])
                assert len(upstream.wishes) < 20
                with pytest.raises(MCPError, match="can subscribe to"):
                    async with client.listen(resource_subscriptions=[*uris, "r:x"]):
                        pass

    asyncio.run(work())


def test_a_part_of_a_resource_is_told_to_whoever_might_subscribe_to_it(tmp_path: Path) -> None:
    whole = "test://a"

    async def work() -> None:
        async with asyncio.timeout(PATIENCE), listened(uris=[whole]) as upstream:
            setup = Setup(tmp_path, {"up": spec("up", {"url": upstream.url, "era": "modern"})})
            lines = ("p, *, *, */*, read, , allow, yes", "p, *, *, up/test://a/hidden, subscribe, , deny, no")
            setup.write_policy(*lines)
            async with (
                opened(setup) as app,
                Client(app.server, mode="2026-07-28", cache=None) as client,
                client.listen(resource_subscriptions=[whole]) as stream,
            ):
                await upstream.until(lambda: any(whole in uris for _, uris in upstream.open.values()))
                for part in ("/hidden", "/b", ""):
                    upstream.update(f"{whole}{part}", whole)
                heard: set[Any] = set()
                async for event in stream:
                    heard.add(event)
                    if len(heard) == 2:
                        break
                assert heard == {ResourceUpdated(uri=whole), ResourceUpdated(uri=f"{whole}/b")}

    asyncio.run(work())
