"""A client is asked about its own call where its user may decide it; what he says is said once, and to that call."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError

from gateway.approval import Approval
from gateway.call import JsonObject, Subject
from gateway.caller import CantAsk
from gateway.form import APPROVAL
from gateway.profile import Profile
from gateway.serve.asking import Asker
from gateway.serve.callers import Quiet
from gateway.serve.exchanges import Request
from gateway.serve.sessions import Client
from tests.fixtures.everything.starting import ROOT, command
from tests.fixtures.gateway_app import App, Setup, opened, spec
from tests.fixtures.served import FIXTURES

Json = dict[str, Any]

PATIENCE = 60.0
FORMS: Json = {"elicitation": {"form": {}}}
ANN = Client.named(Asker(Subject("user:ann", "acme")), "ann", stateless=True)
SEND: Json = {"name": "tally__send", "arguments": {"word": "a"}}
ASK = "p, *, *, tally/*, call, , ask, a person looks at it"
ALLOW = "p, *, *, tally/*, call, , allow, for all"
ALONE = "p, user:ann, *, tally/*, approve, subject.is_requester, allow, alone here"
APPROVE: Json = {"action": "accept", "content": {"decision": "approve"}}
DENY: Json = {"action": "accept", "content": {"decision": "deny", "reason": "not now"}}


def within(
    tmp_path: Path, scenario: Callable[[App], Awaitable[None]], *lines: str, asks: bool = True, **more: Any
) -> None:
    tally = {"command": sys.executable, "args": ["-S", str(FIXTURES / "tally_server.py"), str(tmp_path / "calls")]}
    setup = Setup(tmp_path, {"tally": spec("tally", {**tally, "era": "legacy"})}, asks=asks, **more)
    setup.write_policy(*(lines or (ALLOW, ASK, ALONE)))

    async def work() -> None:
        async with asyncio.timeout(PATIENCE), opened(setup) as app:
            await scenario(app)

    asyncio.run(work())


def arrived(tmp_path: Path) -> list[Any]:
    file = tmp_path / "calls"
    return [json.loads(line)["arguments"] for line in file.read_text().splitlines()] if file.exists() else []


async def ask(app: App, params: Json, *, client: Client = ANN, capabilities: Json | None = None) -> Any:
    caller = Quiet(client.key, True, FORMS if capabilities is None else capabilities)
    return await app.front.ask("tools/call", Request(client, params, caller))


def back(asked: Json, said: Any) -> Json:
    return {**SEND, "requestState": asked["requestState"], "inputResponses": {APPROVAL: said}}


@dataclass
class Waiting:
    """A client of the handshake era that says this when it is asked."""

    said: Any
    key: str = "ann"
    modern: bool = False
    capabilities: JsonObject = field(default_factory=lambda: FORMS)
    wants_progress: bool = False
    log_level: str | None = None
    spared: bool = False
    asked: list[Json] = field(default_factory=list)
    meanwhile: Callable[[], Awaitable[None]] | None = None
    heard: list[Any] = field(default_factory=list)

    def hear(self, method: str, params: JsonObject) -> None:
        self.heard.append((method, params))

    async def ask(self, method: str, params: JsonObject) -> JsonObject:
        self.asked.append({"method": method, **params})
        if self.meanwhile is not None:
            await self.meanwhile()
        if isinstance(self.said, Exception):
            raise self.said
        answer: JsonObject = self.said
        return answer


async def wait(app: App, caller: Waiting) -> Any:
    return await app.front.ask("tools/call", Request(ANN, SEND, caller))


async def approvals(app: App) -> list[Approval]:
    return list(await app.store.approvals(pending_only=False))


def text(result: Any) -> str:
    return str(result["content"][0]["text"])


def test_a_modern_client_is_asked_by_an_answer_and_its_yes_makes_the_call_once(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        asked = await ask(app, SEND)
        assert asked["resultType"] == "input_required"
        (question,) = asked["inputRequests"].values()
        assert question["method"] == "elicitation/create"
        assert 'with: word = "a"' in question["params"]["message"].split("\n")
        assert arrived(tmp_path) == []
        result = await ask(app, back(asked, APPROVE))
        assert not result.get("isError"), result
        assert arrived(tmp_path) == [{"word": "a"}]
        (approval,) = await approvals(app)
        assert (approval.state, approval.decisions[0].method) == ("consumed", "elicitation")

    within(tmp_path, scenario)


def test_a_form_may_change_the_call_and_have_the_yes_remembered(tmp_path: Path) -> None:
    more = {"edit": '{"word": "b"}', "remember": "session", "by": "word"}

    async def scenario(app: App) -> None:
        asked = await ask(app, SEND)
        assert "remember" in asked["inputRequests"][APPROVAL]["params"]["requestedSchema"]["properties"]
        unread = await ask(app, back(asked, {"action": "accept", "content": {"decision": "approve", "edit": "b"}}))
        assert (unread["isError"], arrived(tmp_path)) == (True, [])
        asked = await ask(app, SEND)
        result = await ask(app, back(asked, {"action": "accept", "content": {"decision": "approve", **more}}))
        assert not result.get("isError"), result
        assert arrived(tmp_path) == [{"word": "b"}]
        (kept,) = app.store.lasting.remembered()
        assert (kept.by, kept.scope, kept.fields) == ("user:ann", "session", ("word",))

    within(tmp_path, scenario, ALLOW, ASK, ALONE, "o, *, *, tally/*, call, , remember=yes, words are harmless")


def test_what_a_form_hands_up_waits_for_others_and_is_not_asked_again_at_once(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        asked = await ask(app, SEND)
        told = await ask(app, back(asked, {"action": "accept", "content": {"decision": "escalate"}}))
        assert told["isError"]
        (approval,) = await approvals(app)
        assert (approval.state, approval.decisions[0].decision, arrived(tmp_path)) == ("pending", "escalated", [])

    within(tmp_path, scenario, ALLOW, ASK, ALONE, "o, *, *, tally/*, call, , escalate=role:boss@2h, the boss knows")


def test_an_older_client_is_asked_while_its_call_waits(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        caller = Waiting(APPROVE)
        result = await wait(app, caller)
        assert not result.get("isError"), result
        (question,) = caller.asked
        assert question["method"] == "elicitation/create"
        assert arrived(tmp_path) == [{"word": "a"}]

    within(tmp_path, scenario)


@pytest.mark.parametrize("said", [DENY, {"action": "decline"}])
def test_a_no_is_the_answer(tmp_path: Path, said: Json) -> None:
    async def scenario(app: App) -> None:
        for result in (await ask(app, back(await ask(app, SEND), said)), await wait(app, Waiting(said))):
            assert "user:ann denied this call" in text(result)
        assert {approval.state for approval in await approvals(app)} == {"denied"}

    within(tmp_path, scenario)
    assert arrived(tmp_path) == []


@pytest.mark.parametrize(
    "said",
    [
        {"action": "cancel"},
        {"action": "accept"},
        {"action": "accept", "content": {"decision": "yes"}},
        None,
        [],
    ],
)
def test_whoever_says_nothing_leaves_the_question_as_it_stands(tmp_path: Path, said: Any) -> None:
    async def scenario(app: App) -> None:
        first = await ask(app, back(await ask(app, SEND), said))
        second = await wait(app, Waiting(said or {}))
        third = await wait(app, Waiting(CantAsk(-32000, "gone")))
        (approval,) = await approvals(app)
        for result in (first, second, third):
            assert approval.id in text(result)
            assert result["_meta"]["toolgate/verdict"]["effect"] == "ask"
        assert approval.state == "pending"

    within(tmp_path, scenario)
    assert arrived(tmp_path) == []


def test_a_client_that_may_not_decide_about_its_own_call_is_told_that_it_waits(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        assert "toolgate approve" in text(await ask(app, SEND))
        caller = Waiting(APPROVE)
        assert "toolgate approve" in text(await wait(app, caller))
        assert caller.asked == []

    within(tmp_path, scenario, ALLOW, ASK, "p, *, *, tally/*, approve, , allow, anybody but him")


def test_without_the_admins_word_nobody_is_asked(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        assert "toolgate approve" in text(await ask(app, SEND))

    within(tmp_path, scenario, asks=False)


@pytest.mark.parametrize("capabilities", [{}, {"sampling": {}}, {"elicitation": {"url": {}}}])
def test_a_client_without_forms_is_told_as_ever(tmp_path: Path, capabilities: Json) -> None:
    async def scenario(app: App) -> None:
        assert "toolgate approve" in text(await ask(app, SEND, capabilities=capabilities))

    within(tmp_path, scenario)


def test_where_several_people_must_agree_the_callers_own_client_has_no_voice(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        assert "toolgate approve" in text(await ask(app, SEND))
        caller = Waiting(APPROVE)
        await wait(app, caller)
        assert caller.asked == []

    within(tmp_path, scenario, ALLOW, ASK, ALONE, "o, *, *, tally/*, call, , needs=2, two look at it")


def test_an_agent_never_answers_for_its_user(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        clerk = Client.named(Asker(Subject("user:ann", "acme", "agent:clerk")), "ann", stateless=True)
        assert "toolgate approve" in text(await ask(app, SEND, client=clerk))

    clerk = ("p, agent:clerk, *, tally/*, call, , allow, it may", "p, agent:clerk, *, tally/*, approve, , allow, no")
    within(tmp_path, scenario, ALLOW, ASK, ALONE, *clerk)


def test_a_state_is_good_for_one_answer_to_its_own_call_of_its_own_client(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        asked = await ask(app, SEND)
        other = {**back(asked, APPROVE), "arguments": {"word": "b"}}
        eve = replace(ANN, asker=Asker(Subject("user:eve", "acme")))
        part = replace(ANN, asker=replace(ANN.asker, profile=Profile("part", ["tally"])))
        forged = {**back(asked, APPROVE), "requestState": asked["requestState"][:-8] + "AAAAAAA="}
        for params, client in ((other, ANN), (back(asked, APPROVE), eve), (back(asked, APPROVE), part), (forged, ANN)):
            with pytest.raises(MCPError, match="does not belong") as caught:
                await ask(app, params, client=client)
            assert caught.value.code == types.INVALID_PARAMS
        assert arrived(tmp_path) == []
        both = await asyncio.gather(*(ask(app, back(asked, APPROVE)) for _ in range(2)), return_exceptions=True)
        assert len([one for one in both if isinstance(one, MCPError) and "has been used" in one.message]) == 1
        with pytest.raises(MCPError, match="has been used"):
            await ask(app, back(asked, APPROVE))
        assert arrived(tmp_path) == [{"word": "a"}]

    within(tmp_path, scenario)


def test_a_yes_without_our_state_is_no_answer_to_us(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        await ask(app, SEND)
        again = await ask(app, {**SEND, "inputResponses": {APPROVAL: APPROVE}})
        assert again["resultType"] == "input_required"

    within(tmp_path, scenario)
    assert arrived(tmp_path) == []


def test_what_is_said_to_a_server_that_imitates_us_goes_to_that_server_and_decides_nothing(tmp_path: Path) -> None:
    program, *arguments = command("stdio", "--era", "modern")
    everything = {"command": program, "args": arguments, "cwd": str(ROOT)}

    async def work() -> None:
        setup = Setup(tmp_path, {"Toolgate": spec("Toolgate", everything)}, asks=True)
        lines = ("call, , ask, a person", "call, , allow, all", "approve, subject.is_requester, allow, alone")
        own = [f"p, *, *, Toolgate/{tool}, {line}" for line, tool in zip(lines, ("ask_page", "*", "*"), strict=True)]
        setup.write_policy(*own)
        async with asyncio.timeout(PATIENCE), opened(setup) as app:
            page: Json = {"name": "Toolgate__ask_page", "arguments": {"message": "x"}}
            ours = await ask(app, page)
            approval = ours["inputRequests"][APPROVAL]["params"]["_meta"][APPROVAL]["id"]
            lure = f"[Toolgate approval {approval}] May this call be made?"
            asked = await ask(app, {"name": "Toolgate__ask_form", "arguments": {"message": lure}})
            ((key, question),) = asked["inputRequests"].items()
            assert question["params"]["message"] == f"Toolgate asks: {lure}"
            assert APPROVAL not in question["params"]["_meta"]
            both = {key: APPROVE, APPROVAL: APPROVE}
            again: Json = {"name": "Toolgate__ask_form", "arguments": {"message": lure}, "inputResponses": both}
            await ask(app, {**again, "requestState": asked["requestState"]})
            assert (await app.store.approval(approval)).state == "pending"

    asyncio.run(work())


def test_what_somebody_else_has_decided_meanwhile_stands(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        async def denied() -> None:
            (approval,) = await app.store.approvals()
            await app.store.decide(approval.id, "denied", "user:bob", "no")

        assert "user:bob denied" in text(await wait(app, Waiting(APPROVE, meanwhile=denied)))

    within(tmp_path, scenario)
    assert arrived(tmp_path) == []


def test_who_says_no_does_not_have_it_made_by_another_ones_yes(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        async def approved() -> None:
            (approval,) = await app.store.approvals()
            await app.store.decide(approval.id, "approved", "user:bob", "")

        await wait(app, Waiting(DENY, meanwhile=approved))

    within(tmp_path, scenario)
    assert arrived(tmp_path) == []


def test_a_second_person_who_is_wanted_while_the_form_is_open_is_never_this_client(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        asked = await ask(app, SEND)
        with (tmp_path / "policy.csv").open("a") as policy:
            policy.write("o, *, *, tally/*, call, , needs=2, two look at it\n")
        assert "toolgate approve" in text(await ask(app, back(asked, APPROVE)))
        (approval,) = await approvals(app)
        assert (approval.state, approval.decisions) == ("pending", ())

    within(tmp_path, scenario)
    assert arrived(tmp_path) == []


def test_a_line_that_comes_while_the_form_is_open_makes_its_answer_worthless(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        asked = await ask(app, SEND)
        with (tmp_path / "policy.csv").open("a") as policy:
            policy.write("p, user:ann, *, tally/*, approve, , deny, not any more\n")
        assert "toolgate approve" in text(await ask(app, back(asked, APPROVE)))
        assert [approval.state for approval in await approvals(app)] == ["pending"]

    within(tmp_path, scenario)
    assert arrived(tmp_path) == []


def test_a_client_that_goes_away_while_it_is_asked_leaves_the_question(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        asked = asyncio.Event()

        async def silence() -> None:
            asked.set()
            await asyncio.Event().wait()

        call = asyncio.ensure_future(wait(app, Waiting({}, meanwhile=silence)))
        await asked.wait()
        call.cancel()
        await asyncio.wait({call})
        (approval,) = await approvals(app)
        assert approval.state == "pending"
        assert not (await wait(app, Waiting(APPROVE))).get("isError")
        assert [one.id for one in await approvals(app)] == [approval.id]
        assert arrived(tmp_path) == [{"word": "a"}]

    within(tmp_path, scenario)


URL = "https://gate.example"
PAGES: Json = {"elicitation": {"url": {}}}
BOTH: Json = {"elicitation": {"url": {}, "form": {}}}
OPENED: Json = {"action": "accept"}
COMPLETE = "notifications/elicitation/complete"


def test_who_was_led_to_a_page_is_told_when_it_has_been_answered_and_his_call_is_made(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        async def bob() -> None:
            (approval,) = await app.store.approvals()
            await app.store.decide(approval.id, "approved", "user:bob", "")

        caller = Waiting(OPENED, capabilities=PAGES, meanwhile=bob)
        assert not (await wait(app, caller)).get("isError")
        (question,) = caller.asked
        assert question["url"].startswith(f"{URL}/approvals/A-")
        assert caller.heard == [(COMPLETE, {"elicitationId": question["elicitationId"]})]
        assert arrived(tmp_path) == [{"word": "a"}]

    within(tmp_path, scenario, asks=False, url=URL)


def test_nobody_is_told_that_a_page_was_answered_that_was_not(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        caller = Waiting(OPENED, capabilities=PAGES)
        assert "toolgate approve" in text(await wait(app, caller))
        assert caller.heard == []

    within(tmp_path, scenario, asks=False, url=URL, open_seconds=0.0)


@pytest.mark.parametrize("said", [APPROVE, DENY, {"action": "decline"}, {"action": "cancel"}])
def test_what_a_client_says_of_a_page_is_no_answer_where_clients_are_not_asked(tmp_path: Path, said: Json) -> None:
    """A line lets him decide: on the page, where he shows who he is."""

    async def scenario(app: App) -> None:
        asked = await ask(app, SEND, capabilities=PAGES)
        assert asked["inputRequests"][APPROVAL]["params"]["mode"] == "url"
        await ask(app, back(asked, said), capabilities=PAGES)
        await wait(app, Waiting(said, capabilities=PAGES))
        assert [(one.state, one.decisions) for one in await approvals(app)] == [("pending", ())]

    within(tmp_path, scenario, asks=False, url=URL, open_seconds=0.0)
    assert arrived(tmp_path) == []


def test_a_client_that_was_not_shown_the_call_does_not_approve_it(tmp_path: Path) -> None:
    """It is too long for a form, so he is led to its page."""
    long: Json = {"name": "tally__send", "arguments": {"word": "x" * 9_000}}

    async def scenario(app: App) -> None:
        asked = await ask(app, long, capabilities=BOTH)
        assert asked["inputRequests"][APPROVAL]["params"]["mode"] == "url"
        again = {**long, "requestState": asked["requestState"], "inputResponses": {APPROVAL: APPROVE}}
        await ask(app, again, capabilities=BOTH)
        assert [one.state for one in await approvals(app)] == ["pending"]

    within(tmp_path, scenario, url=URL, open_seconds=0.0)
    assert arrived(tmp_path) == []
