"""A server's questions reach the client that caused them, and his answers the server, whatever the two speak."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError

from gateway.call import Subject, Unsent
from gateway.events import Admitted, Returned
from gateway.profile import Profile
from gateway.serve.asking import Asker
from gateway.serve.callers import Quiet
from gateway.serve.exchanges import Request
from gateway.serve.replies import ServerError
from gateway.serve.sessions import Client
from tests.fixtures.everything.starting import ROOT, command
from tests.fixtures.gateway_app import App, Setup, opened, spec

PATIENCE = 60.0
CAPABILITIES: dict[str, Any] = {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}}
ANN = Client.named(Asker(Subject("user:ann", "acme")), "ann", stateless=True)
ASK = {"name": "up__ask_form", "arguments": {"message": "Say hello"}}


def server(era: str) -> dict[str, Any]:
    program, *arguments = command("stdio", "--era", era)
    return {"command": program, "args": arguments, "cwd": str(ROOT)}


def within(tmp_path: Path, era: str, scenario: Callable[[App], Awaitable[None]]) -> None:
    setup = Setup(tmp_path, {"up": spec("up", server(era))})
    setup.write_policy("p, *, *, */*, call, , allow, yes", "p, *, *, */*, get, , allow, yes")

    async def work() -> None:
        async with asyncio.timeout(PATIENCE), opened(setup) as app:
            await scenario(app)

    asyncio.run(work())


async def ask(
    app: App, params: Any, *, method: str = "tools/call", client: Client = ANN, capabilities: Any = CAPABILITIES
) -> Any:
    caller = Quiet(client.key, True, capabilities)
    return await app.front.ask(method, Request(client, params, caller))


def answered(asked: Any, name: str = "hello") -> dict[str, Any]:
    """The next round's params beside the first one's."""
    said = {"action": "accept", "content": {"name": name}}
    return {"requestState": asked["requestState"], "inputResponses": dict.fromkeys(asked["inputRequests"], said)}


eras = pytest.mark.parametrize("era", ["modern", "legacy"])


@eras
def test_a_modern_client_is_asked_by_an_answer_and_comes_back(tmp_path: Path, era: str) -> None:
    async def scenario(app: App) -> None:
        asked = await ask(app, ASK)
        (question,) = asked["inputRequests"].values()
        assert (asked["resultType"], question["params"]["message"]) == ("input_required", "up asks: Say hello")
        result = await ask(app, {**ASK, **answered(asked)})
        assert result["structuredContent"]["answer"]["content"] == {"name": "hello"}

    within(tmp_path, era, scenario)


@eras
def test_a_state_is_nobody_elses_and_good_for_nothing_else(tmp_path: Path, era: str) -> None:
    async def scenario(app: App) -> None:
        asked = await ask(app, ASK)
        for other in ({**ASK, "arguments": {"message": "Say bye"}}, {**ASK, "name": "up__ask_page"}):
            with pytest.raises(MCPError, match="does not belong") as caught:
                await ask(app, {**other, **answered(asked)})
            assert caught.value.code == types.INVALID_PARAMS
        for asker in (Asker(Subject("user:eve", "acme")), replace(ANN.asker, profile=Profile("part", ["up"]))):
            with pytest.raises(MCPError, match="does not belong"):
                await ask(app, {**ASK, **answered(asked)}, client=replace(ANN, asker=asker))
        assert "structuredContent" in await ask(app, {**ASK, **answered(asked)})

    within(tmp_path, era, scenario)


@pytest.mark.parametrize("method", ["tools/call", "prompts/get"])
def test_a_state_is_good_for_one_answer(tmp_path: Path, method: str) -> None:
    async def scenario(app: App) -> None:
        prompt = {"name": "up__test_input_required_result_prompt", "arguments": {}}
        params = ASK if method == "tools/call" else prompt
        again = {**params, **answered(await ask(app, params, method=method))}
        both = await asyncio.gather(*(ask(app, again, method=method) for _ in range(2)), return_exceptions=True)
        (refused,) = [one for one in both if isinstance(one, MCPError)]
        assert (refused.code, "has been used" in refused.message) == (types.INVALID_PARAMS, True)
        with pytest.raises(MCPError, match="has been used"):
            await ask(app, again, method=method)
        (row,) = await app.store.run_rows()
        events = [recorded.event for recorded in await app.store.events(row.id)]
        assert [event.attempt for event in events if isinstance(event, Admitted)] == [1, 2]

    within(tmp_path, "modern", scenario)


def test_a_state_whose_answer_was_not_sent_is_good_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(app: App) -> None:
        again = {**ASK, **answered(await ask(app, ASK))}
        with monkeypatch.context() as away:
            away.setattr(app.upstreams, "forward", unsent)
            assert "nobody was there" in json.dumps(await ask(app, again))
        assert "structuredContent" in await ask(app, again)
        with pytest.raises(MCPError, match="has been used"):
            await ask(app, again)

    within(tmp_path, "modern", scenario)


async def unsent(*_: Any, **__: Any) -> Unsent:
    return Unsent("nobody was there")


def test_a_client_is_not_asked_by_a_modern_server_for_what_he_did_not_declare(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        with pytest.raises(MCPError, match=r"did not declare: `elicitation\.form`") as caught:
            await ask(app, ASK, capabilities={"sampling": {}})
        assert caught.value.code == types.MISSING_REQUIRED_CLIENT_CAPABILITY
        assert caught.value.error.data == {"requiredCapabilities": {"elicitation": {"form": {}}}}

    within(tmp_path, "modern", scenario)


def test_an_older_server_is_told_that_a_client_who_declared_nothing_can_not_be_asked(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        answer = await ask(app, ASK, capabilities={})
        assert isinstance(answer, ServerError)
        assert answer.message == "Elicitation not supported"  # the server's own words

    within(tmp_path, "legacy", scenario)


def test_every_round_is_admitted_and_recorded_and_only_the_last_one_is_a_call(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        await ask(app, {**ASK, **answered(await ask(app, ASK))})
        (row,) = await app.store.run_rows()
        events = [recorded.event for recorded in await app.store.events(row.id)]
        assert [event.attempt for event in events if isinstance(event, Admitted)] == [1, 2]
        returned = [event for event in events if isinstance(event, Returned)]
        assert [event.outcome["kind"] for event in returned] == ["input_required", "answered"]
        assert [bool(event.spent) for event in returned] == [False, True]

    within(tmp_path, "modern", scenario)


def test_a_call_that_waits_for_its_client_at_the_end_is_in_doubt(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        asked = await ask(app, ASK)
        await app.front.close()
        (row,) = await app.store.run_rows()
        events = [recorded.event for recorded in await app.store.events(row.id)]
        assert [event.outcome["kind"] for event in events if isinstance(event, Returned)] == ["in_doubt"]
        with pytest.raises(MCPError, match="Nothing waits for this answer"):
            await ask(app, {**ASK, **answered(asked)})

    within(tmp_path, "legacy", scenario)


def test_a_prompt_may_ask_too(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        params = {"name": "up__test_input_required_result_prompt", "arguments": {}}
        asked = await ask(app, params, method="prompts/get")
        assert asked["resultType"] == "input_required"
        assert "messages" in await ask(app, {**params, **answered(asked)}, method="prompts/get")

    within(tmp_path, "modern", scenario)
