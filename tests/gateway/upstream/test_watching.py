"""What we want to be told, and who is still told when nobody listens any more."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from mcp.shared.exceptions import MCPError

from gateway.upstream import watching as module
from gateway.upstream.connection import Link
from gateway.upstream.outcomes import transport_error
from gateway.upstream.watching import Watched, watch

UNREACHABLE = MCPError.from_error_data(transport_error("unsent", "refused"))


def session(*tells: str) -> Any:
    """A session whose server tells when these lists change."""
    lists = {kind: SimpleNamespace(list_changed=kind in tells) for kind in ("tools", "prompts", "resources")}
    return SimpleNamespace(server_capabilities=SimpleNamespace(**lists))


class Subscriptions:
    """`listen`, with a script: the events of each subscription, then how it ends."""

    def __init__(self, *script: Exception | int) -> None:
        self.script = list(script)
        self.endless = False
        self.wishes: list[dict[str, Any]] = []

    def __call__(self, _session: Any, **wishes: Any) -> "Subscriptions":
        self.wishes.append(wishes)
        return self

    async def __aenter__(self) -> Any:
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step

        async def events() -> Any:
            for _ in range(step):
                yield SimpleNamespace()
            if self.endless:
                await asyncio.Event().wait()
            raise SubscriptionLost

        return events()

    async def __aexit__(self, *_: object) -> None:
        return


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ([ListenNotSupportedError("x")], False),
        ([MCPError(-32601, "no such method")], False),
        ([0, MCPError(-32601, "no")], False),
        ([1, MCPError(-32601, "no")], False),
        ([SubscriptionLost(), 0, MCPError(-32601, "no")], True),  # opened again: something may have been missed
        ([UNREACHABLE, 0, MCPError(-32601, "no")], True),
    ],
)
def test_a_subscription_is_opened_again_unless_the_server_says_no(
    script: list[Any],
    told: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "listen", Subscriptions(*script))
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.01)
    connection: Any = SimpleNamespace(session=session("tools"), link=Link())
    asyncio.run(asyncio.wait_for(watch(connection, Watched()), 60))
    assert bool(connection.link.stale) is told


def test_a_new_wish_opens_the_subscription_anew_with_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    listening = Subscriptions(0, 0, 0)
    listening.endless = True
    monkeypatch.setattr(module, "listen", listening)
    told: list[str] = []
    talk = SimpleNamespace(updated=told.append)
    connection: Any = SimpleNamespace(session=session("prompts"), link=Link(), talk=talk)

    async def scenario() -> None:
        watched = Watched()
        task = asyncio.create_task(watch(connection, watched))
        for uri in ("b", "a"):
            assert watched.add(uri)
            await watched.honoured(60)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(asyncio.wait_for(scenario(), 60))
    assert told == ["b"]  # what happened to it while nobody listened was not heard
    assert [wish["resource_subscriptions"] for wish in listening.wishes][-2:] == [["b"], ["a", "b"]]
    assert listening.wishes[-1]["prompts_list_changed"] is True
    assert listening.wishes[-1]["tools_list_changed"] is False


def test_a_wish_that_came_while_the_server_was_asked_is_not_honoured_by_its_answer() -> None:
    async def scenario() -> tuple[bool, bool]:
        watched = Watched()
        watched.add("a")
        asked = watched.uris
        watched.add("b")
        watched.acknowledged(asked)
        early = await watched.honoured(0)
        watched.acknowledged(watched.uris)
        return early, await watched.honoured(60)

    assert asyncio.run(scenario()) == (False, True)


def test_subscriptions_are_counted() -> None:
    watched = Watched()
    assert [watched.add("a"), watched.add("a"), watched.remove("a"), watched.remove("a"), watched.remove("a")] == [
        True, False, False, True, False,
    ]  # fmt: skip
    assert watched.uris == []
