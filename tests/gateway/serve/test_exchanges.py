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

from gateway.call import Subject, TaskCreated, Unsent
from gateway.events import Admitted, Returned
from gateway.profile import Profile
from gateway.serve.asking import Asker
from gateway.serve.callers import Quiet
from gateway.serve.exchanges import Request
from gateway.serve.replies import ServerError
from gateway.serve.sessions import Client
from gateway.task import EXTENSION
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


# ---- what a call that has become a task asks at first

FORM = {"method": "elicitation/create", "params": {"mode": "form", "message": "who?", "requestedSchema": {}}}
ASKING_TASK = {"resultType": "task", "taskId": "theirs", "status": "input_required", "inputRequests": {"q": FORM}}
KNOWS_TASKS: dict[str, Any] = {"extensions": {EXTENSION: {}}}


@pytest.mark.parametrize(("declared", "shown"), [({}, False), ({"elicitation": {}}, True)])
def test_the_first_state_of_a_task_shows_no_question_that_its_client_did_not_declare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: Any, shown: bool
) -> None:
    async def makes_a_task(*_: Any, **__: Any) -> TaskCreated:
        return TaskCreated(ASKING_TASK)

    async def scenario(app: App) -> None:
        monkeypatch.setattr(app.upstreams, "forward", makes_a_task)
        state = await ask(app, ASK, capabilities={**KNOWS_TASKS, **declared})
        assert (state["resultType"], state["status"]) == ("task", "input_required")
        assert ("inputRequests" in state) is shown

    within(tmp_path, "modern", scenario)


# ---- pages that a server of the older era wants to be visited before a request is made again

PAGES = [
    {"mode": "url", "elicitationId": "e-1", "url": "https://shop.example/in", "message": "Log in"},
    {"mode": "url", "elicitationId": "e-2", "url": "https://bank.example/in", "message": "Here, too"},
]


def page_first(*pages: Any) -> dict[str, Any]:
    data = {"elicitations": list(pages), "more": 1}
    return {"name": "up__refuse", "arguments": {"code": types.URL_ELICITATION_REQUIRED, "data": data}}


@eras
def test_a_client_of_the_older_era_gets_the_error_whole_with_the_name_of_who_asks(tmp_path: Path, era: str) -> None:
    async def scenario(app: App) -> None:
        refused = await ask_older(app, page_first(*PAGES))
        assert (refused.code, refused.message) == (types.URL_ELICITATION_REQUIRED, "refused as asked")
        first, second = refused.data["elicitations"]
        assert first == {**PAGES[0], "message": "up asks: Log in", "_meta": {"toolgate/server": "up"}}
        assert (second["elicitationId"], refused.data["more"]) == ("e-2", 1)

    within(tmp_path, era, scenario)


async def ask_older(app: App, params: Any) -> ServerError:
    answer = await app.front.ask("tools/call", Request(ANN, params, Quiet(ANN.key, False, CAPABILITIES)))
    assert isinstance(answer, ServerError)
    return answer


@eras
def test_a_modern_client_gets_it_as_a_question_and_his_next_round_is_a_new_call(tmp_path: Path, era: str) -> None:
    async def scenario(app: App) -> None:
        for _ in range(2):
            asked = await ask(app, page_first(*PAGES))
            assert asked["resultType"] == "input_required"
            one, other = asked["inputRequests"].values()
            said = {"mode": "url", "url": PAGES[0]["url"], "message": "up asks: Log in"}
            assert one == {"method": "elicitation/create", "params": said | {"_meta": {"toolgate/server": "up"}}}
            assert other["params"]["url"] == PAGES[1]["url"]
            asked = await ask(app, {**page_first(*PAGES), **answered(asked)})
            assert asked["resultType"] == "input_required"  # it wants the same again
        (row,) = await app.store.run_rows()
        events = [recorded.event for recorded in await app.store.events(row.id)]
        admitted = [event for event in events if isinstance(event, Admitted)]
        assert (len({event.key for event in admitted}), {event.attempt for event in admitted}) == (4, {1})
        returned = [event for event in events if isinstance(event, Returned)]
        assert [(event.outcome["kind"], event.outcome["code"]) for event in returned] == [("refused", -32042)] * 4
        assert not any(event.spent for event in returned)  # it has only asked back

    within(tmp_path, era, scenario)


def test_a_state_of_pages_is_for_that_call_and_for_who_has_gone_there(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        asked = await ask(app, page_first(*PAGES))
        with pytest.raises(MCPError, match="does not belong"):
            await ask(app, {**page_first(PAGES[0]), **answered(asked)})
        declined = {"page-1": {"action": "accept"}, "page-2": {"action": "decline"}}
        with pytest.raises(MCPError, match="nothing is done"):
            await ask(app, {**page_first(*PAGES), **answered(asked), "inputResponses": declined})
        (row,) = await app.store.run_rows()
        assert len([one for one in await app.store.events(row.id) if isinstance(one.event, Admitted)]) == 1
        with pytest.raises(MCPError, match=r"did not declare: `elicitation\.url`"):
            await ask(app, page_first(*PAGES), capabilities={"elicitation": {"form": {}}})

    within(tmp_path, "legacy", scenario)


@pytest.mark.parametrize("page", [{"url": "javascript:alert(1)"}, {"url": "http://shop.example"}, {}, {"mode": "form"}])
def test_nobody_is_sent_to_what_is_no_page(tmp_path: Path, page: dict[str, Any]) -> None:
    async def scenario(app: App) -> None:
        for asking in (ask, ask_older):
            with pytest.raises(MCPError, match="no https address") as caught:
                await asking(app, page_first(PAGES[0], page))
            assert caught.value.code == types.INTERNAL_ERROR

    within(tmp_path, "legacy", scenario)


@pytest.mark.parametrize("pages", [[], [7, PAGES[0]]])
def test_where_there_is_no_page_there_is_a_plain_error_which_each_era_knows(tmp_path: Path, pages: list[Any]) -> None:
    async def scenario(app: App) -> None:
        modern = await ask(app, page_first(*pages))
        assert (modern.code, modern.message, modern.data) == (types.INTERNAL_ERROR, "refused as asked", None)
        older = await ask_older(app, page_first(*pages))
        assert (older.code, older.data) == (types.URL_ELICITATION_REQUIRED, None)

    within(tmp_path, "legacy", scenario)
