"""What a server says before its answer reaches the client whose request it is, in his own words and in order."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from mcp import Client

from gateway.caller import CantAsk
from gateway.serve import callers
from gateway.serve.callers import Quiet, wants_nothing_meanwhile
from tests.fixtures.gateway_app import App, Setup, opened, spec
from tests.fixtures.near import near
from tests.fixtures.served import hostile
from tests.gateway.serve.test_exchanges import PATIENCE, server


def within(tmp_path: Path, scenario: Callable[[App], Awaitable[None]]) -> None:
    setup = Setup(tmp_path, {"up": spec("up", server("both"))})
    setup.write_policy("p, *, *, */*, call, , allow, yes")

    async def work() -> None:
        async with asyncio.timeout(PATIENCE), opened(setup) as app:
            await scenario(app)

    asyncio.run(work())


def test_progress_comes_before_the_answer(tmp_path: Path) -> None:
    """In the older era; in the same process, the modern one has no tokens."""

    async def scenario(app: App) -> None:
        told: list[tuple[float, str | None]] = []

        async def hear(progress: float, total: float | None, message: str | None) -> None:
            del total
            told.append((progress, message))

        async with Client(near(app.server), mode="legacy", cache=None) as client:
            await client.call_tool("up__test_tool_with_progress", {}, progress_callback=hear)
            assert [progress for progress, _ in told] == [0, 50, 100]

    within(tmp_path, scenario)


def test_a_client_of_the_older_era_is_asked_while_he_waits(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        async def answer(context: Any, params: Any) -> types.ElicitResult:
            del context
            assert params.message == "up asks: Say hello"
            return types.ElicitResult(action="accept", content={"name": params.message.split()[-1]})

        async with Client(near(app.server), mode="legacy", cache=None, elicitation_callback=answer) as client:
            result = await client.call_tool("up__ask_form", {"message": "Say hello"})
            assert (result.structured_content or {})["answer"]["content"] == {"name": "hello"}

    within(tmp_path, scenario)


def test_servers_that_may_ask_for_the_roots_of_a_client_are_told_that_they_have_changed(tmp_path: Path) -> None:
    """And no server is told of another client's."""

    async def roots(context: Any) -> types.ListRootsResult:
        del context
        return types.ListRootsResult(roots=[])

    async def heard(client: Client) -> str:
        result = await client.call_tool("up__act", {})
        assert isinstance(result.content[0], types.TextContent)
        return result.content[0].text

    async def work() -> None:
        setup = Setup(tmp_path, {"up": spec("up", hostile("roots"))})
        setup.write_policy("p, *, *, */*, call, , allow, yes")
        async with (
            asyncio.timeout(PATIENCE),
            opened(setup) as app,
            Client(near(app.server), mode="legacy", cache=None, list_roots_callback=roots) as one,
            Client(near(app.server), mode="legacy", cache=None, list_roots_callback=roots) as other,
            Client(near(app.server), mode="legacy", cache=None) as rootless,
        ):
            assert [await heard(client) for client in (one, other, rootless)] == ["0"] * 3
            await one.session.send_notification(types.RootsListChangedNotification())
            while await heard(one) == "0":
                pass
            assert [await heard(client) for client in (one, other, rootless)] == ["1", "0", "0"]

    asyncio.run(work())


def test_a_client_who_refuses_to_answer_is_heard_so(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        async def refuse(context: Any, params: Any) -> types.ErrorData:
            del context, params
            return types.ErrorData(code=4711, message="not now")

        async with Client(near(app.server), mode="legacy", cache=None, elicitation_callback=refuse) as client:
            try:
                said = repr((await client.call_tool("up__ask_form", {"message": "Say hello"})).content)
            except Exception as error:  # noqa: BLE001 - a server may pass it on as an error or as a result
                said = repr(error)
            assert "not now" in said

    within(tmp_path, scenario)


def test_a_client_who_never_answers_holds_a_call_for_ten_minutes_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callers.ANSWER_SECONDS == 600
    monkeypatch.setattr(callers, "ANSWER_SECONDS", 0.01)

    async def scenario(app: App) -> None:
        async def forget(context: Any, params: Any) -> types.ElicitResult:
            del context, params
            await asyncio.Event().wait()
            raise AssertionError("it never comes")

        async with Client(near(app.server), mode="legacy", cache=None, elicitation_callback=forget) as client:
            try:
                said = repr((await client.call_tool("up__ask_form", {"message": "Say hello"})).content)
            except Exception as error:  # noqa: BLE001 - a server may pass it on as an error or as a result
                said = repr(error)
            assert "has not answered `elicitation/create` within 0.01 s" in said

    within(tmp_path, scenario)


def test_a_quiet_client_can_not_be_asked_and_hears_nothing() -> None:
    quiet = Quiet("x", False, {"roots": {}})
    quiet.hear("notifications/message", {})
    with pytest.raises(CantAsk, match=r"did not declare `elicitation\.form`"):
        asyncio.run(quiet.ask("elicitation/create", {}))
    with pytest.raises(CantAsk, match="can't be asked `roots/list` now"):
        asyncio.run(quiet.ask("roots/list", {}))


def test_what_a_client_wants_before_the_answer_is_in_its_meta() -> None:
    assert wants_nothing_meanwhile({"vendor": 1})
    assert not wants_nothing_meanwhile({"progressToken": 0})
    assert not wants_nothing_meanwhile({types.LOG_LEVEL_META_KEY: "debug"})
