"""Resources, prompts and completions through a client's run: real servers, the same gates as for calls, one record."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.approval import Approval
from gateway.budget import Limits, Spend
from gateway.call import Answered, Deny, InputRequired, Outcome, Refused, Subject, outcome_from_json
from gateway.caller import Caller
from gateway.clients import ClientRun, Exchange, Round, Seat
from gateway.events import Admitted, Denied, Held, Returned
from gateway.offer import Offer
from gateway.store import run_account
from tests.fixtures import nursery
from tests.fixtures.gateway_app import App, Setup, opened, spec

ANN, EVE = Subject("user:ann", "acme"), Subject("user:eve", "acme")


def server(name: str, scheme: str, *, trusted: bool = True) -> Any:
    entry = nursery.entry("-m", "tests.fixtures.everything", "stdio", "--era", "modern", "--scheme", scheme)
    return spec(name, {**entry, "cwd": str(nursery.ROOT), "trusted": trusted, "era": "modern"})


SERVERS = {
    "one": server("one", "shared"),
    "two": server("two", "shared", trusted=False),
    "own": server("own", "own"),
}
POLICY = (
    "p, user:ann, *, */*, call, , allow, ann may call",
    "p, user:ann, *, */*, read, tool.trusted, allow, reading is free where we trust",
    "p, user:ann, *, two/*, read, , allow, and there too",
    "p, user:ann, *, own/*, get, , allow, our prompts",
    "p, *, *, own/own://static-binary, read, , deny, no pictures",
    "p, *, *, own/own://watched*, read, , ask, a person looks first",
    "p, *, *, own/test_prompt_with_image, get, , ask, pictures are looked at",
    "p, *, *, one/shared://watched*, subscribe, , deny, nobody listens here",
    "p, *, *, own/test_prompt_with_arguments, complete, args.argument.name == 'arg2', deny, not this one",
    "p, *, *, one/*static-text, list, , deny, not shown",
    "p, *, *, own/test_input_required_result_elicitation, call, , ask, questions are looked at",
)


def within(tmp_path: Path, scenario: Callable[[App, ClientRun], Awaitable[None]], *more: str) -> None:
    setup = Setup(tmp_path, SERVERS, limits=Limits(tool_calls=1))
    setup.write_policy(*POLICY, *more)

    async def work() -> None:
        async with asyncio.timeout(60), opened(setup) as app, app.clients.run(ANN, "a test") as run:
            await scenario(app, run)

    asyncio.run(work())


def outcome_of(result: Any) -> Outcome:
    assert isinstance(result, Returned), result
    return outcome_from_json(result.outcome)


def answer(result: Any) -> Mapping[str, Any]:
    outcome = outcome_of(result)
    assert isinstance(outcome, Answered), outcome
    return outcome.result


async def facts(app: App, run: ClientRun) -> list[Any]:
    return [recorded.event for recorded in await app.store.events(run.run_id)]


def test_what_is_listed_is_what_may_be_used_by_names_that_are_nobody_elses(tmp_path: Path) -> None:
    async def scenario(app: App, ann: ClientRun) -> None:
        uris = [uri for uri, _ in ann.resources()]
        assert uris == [
            "toolgate://one/shared://static-binary",
            "toolgate://one/shared://watched-resource",
            "own://static-text",
            "own://watched-resource",
            "toolgate://two/shared://static-binary",
            "toolgate://two/shared://static-text",
            "toolgate://two/shared://watched-resource",
        ]
        assert "toolgate://one/shared://static-text" not in uris  # a `list` line hides it
        assert "own://static-binary" not in uris
        assert [name for name, _ in ann.templates()] == [
            "toolgate://one/shared://template/{id}/data",
            "own://template/{id}/data",
            "toolgate://two/shared://template/{id}/data",
        ]
        prompts = [name for name, _ in ann.prompts()]
        assert "own__test_simple_prompt" in prompts
        assert not any(name.startswith(("one", "two")) for name in prompts)
        eve = ClientRun(app.clients, Seat("", EVE))
        assert [eve.tools(), eve.prompts(), eve.resources(), eve.templates()] == [[], [], [], []]
        assert (set(ann.servers()), set(eve.servers())) == ({"one", "two", "own"}, set())

    within(tmp_path, scenario)


READ = [
    ("toolgate://one/shared://static-text", "shared://static-text"),  # hidden, and still allowed
    ("toolgate://two/shared://template/7/data", "shared://template/7/data"),
    ("own://static-text", "own://static-text"),
    ("own://template/42/data", "own://template/42/data"),
    ("toolgate://own/own://template/42/data", "own://template/42/data"),
]


def test_a_resource_is_read_by_the_servers_own_uri_whatever_the_client_calls_it(tmp_path: Path) -> None:
    async def scenario(app: App, ann: ClientRun) -> None:
        for uri, own in READ:
            (content,) = answer(await ann.read(uri))["contents"]
            assert content["uri"] == own
            admitted = [event for event in await facts(app, ann) if isinstance(event, Admitted)][-1]
            assert (admitted.action, json.loads(admitted.arguments), admitted.reserved) == ("read", {"uri": own}, {})
        assert await app.store.spend(run_account(ann.run_id)) == Spend()

    within(tmp_path, scenario)


NOT_READ = [
    ("own://static-binary", "permitted", False, "no pictures"),
    ("shared://static-text", "known", True, "no resource"),
    ("toolgate://nobody/x", "known", True, "no resource"),
    ("elsewhere://x", "known", True, "no resource"),
    ("", "known", True, "no resource"),
]


def test_what_may_not_be_read_or_is_nobodys_is_a_denial_on_record(tmp_path: Path) -> None:
    async def scenario(app: App, ann: ClientRun) -> None:
        for uri, gate, hidden, why in NOT_READ:
            denied = await ann.read(uri)
            assert isinstance(denied, Denied)
            assert (denied.gate, denied.action, ann.hides(denied)) == (gate, "read", hidden), uri
            assert why in denied.why
            assert (await facts(app, ann))[-1] == denied

    within(tmp_path, scenario)


def test_a_server_that_does_not_have_it_says_so_in_its_own_words(tmp_path: Path) -> None:
    async def scenario(_app: App, ann: ClientRun) -> None:
        outcome = outcome_of(await ann.read("toolgate://own/own://nothing"))
        assert isinstance(outcome, Refused)
        assert (outcome.code, outcome.data) == (-32602, {"uri": "own://nothing"})

    within(tmp_path, scenario)


def test_prompts_are_got_with_texts_and_what_is_required(tmp_path: Path) -> None:
    async def scenario(_app: App, ann: ClientRun) -> None:
        (message,) = answer(await ann.get("own__test_prompt_with_arguments", {"arg1": "a", "arg2": "b"}))["messages"]
        assert "arg1='a', arg2='b'" in message["content"]["text"]
        for given in ({"arg1": "a"}, {"arg1": "a", "arg2": 1}, "[]"):
            denied = await ann.get("own__test_prompt_with_arguments", given)
            assert isinstance(denied, Denied)
            assert denied.gate == "valid"
        hidden = await ann.get("one__test_simple_prompt", {})
        assert isinstance(hidden, Denied)
        assert ann.hides(hidden)

    within(tmp_path, scenario)


COMPLETED: list[tuple[dict[str, Any], str]] = [
    ({"type": "ref/prompt", "name": "own__test_prompt_with_arguments"}, "arg1"),
    ({"type": "ref/resource", "uri": "own://template/{id}/data"}, "id"),
    ({"type": "ref/resource", "uri": "toolgate://one/shared://template/{id}/data"}, "id"),
]
NOT_COMPLETED: list[tuple[dict[str, Any], str, str, bool]] = [
    ({"type": "ref/prompt", "name": "own__test_prompt_with_arguments"}, "arg2", "not this one", False),
    ({"type": "ref/prompt", "name": "one__test_simple_prompt"}, "x", "no line allows", True),
    ({"type": "ref/prompt", "name": "own__nothing"}, "x", "no prompt or resource", True),
    ({"type": "ref/resource", "uri": "shared://template/{id}/data"}, "id", "no prompt or resource", True),
    ({"type": "ref/other"}, "id", "no prompt or resource", True),
]


def test_what_may_be_read_or_got_may_be_completed(tmp_path: Path) -> None:
    async def scenario(_app: App, ann: ClientRun) -> None:
        for reference, name in COMPLETED:
            params = {"ref": reference, "argument": {"name": name, "value": "par"}}
            assert answer(await ann.complete(params))["completion"]["values"] == ["paris", "park", "party"]

    within(tmp_path, scenario)


def test_what_may_not_be_or_has_a_line_against_it_may_not(tmp_path: Path) -> None:
    async def scenario(_app: App, ann: ClientRun) -> None:
        for reference, name, why, hidden in NOT_COMPLETED:
            denied = await ann.complete({"ref": reference, "argument": {"name": name, "value": "par"}})
            assert isinstance(denied, Denied), reference
            assert why in denied.why
            assert ann.hides(denied) is hidden

    within(tmp_path, scenario)


def test_what_may_be_read_may_be_subscribed_to_unless_a_line_takes_it_away(tmp_path: Path) -> None:
    async def scenario(app: App, ann: ClientRun) -> None:
        found = await ann.may_subscribe("own://watched-resource")
        assert isinstance(found, Offer)
        assert found.path == "own/own://watched-resource"
        eve = ClientRun(app.clients, Seat(ann.run_id, EVE))
        said = {
            "nobody listens here": await ann.may_subscribe("toolgate://one/shared://watched-resource"),
            "there is no resource `shared://x`": await ann.may_subscribe("shared://x"),
            "there is no resource `own://watched-resource`": await eve.may_subscribe("own://watched-resource"),
        }
        for why, verdict in said.items():
            assert isinstance(verdict, Deny)
            assert verdict.why == why

    within(tmp_path, scenario)


def test_no_other_spelling_of_a_uri_goes_round_a_line(tmp_path: Path) -> None:
    async def scenario(_app: App, ann: ClientRun) -> None:
        for uri in ("own://static-bin%61ry", "OWN://static-binary", "own://static-binary#x", "own://static%252Dbinary"):
            result = await ann.read(f"toolgate://own/{uri}")
            assert isinstance(result, Denied)
            assert result.why == "no pictures"
            verdict = await ann.may_subscribe(f"toolgate://own/{uri}")
            assert isinstance(verdict, Deny)
        for uri in ("own://watched%2Dresource", "own://watched-resource#x"):
            assert isinstance(await ann.read(f"toolgate://own/{uri}"), Held)
        for uri in ("toolgate://one/shared://w%61tched-resource", "toolgate://one/shared://watched-resource#x"):
            verdict = await ann.may_subscribe(uri)
            assert isinstance(verdict, Deny)

    within(tmp_path, scenario)


@pytest.mark.parametrize("action", ["read", "get"])
def test_a_person_may_be_asked_before_something_is_read_or_got_and_the_yes_is_good_once(
    tmp_path: Path, action: str
) -> None:
    async def scenario(app: App, ann: ClientRun) -> None:
        async def ask() -> Any:
            if action == "read":
                return await ann.read("own://watched-resource")
            return await ann.get("own__test_prompt_with_image", {})

        held = await ask()
        assert isinstance(held, Held)
        assert held.action == action
        approval: Approval = await app.store.approval(held.approval_id)
        assert (approval.action, approval.call.digest) == (action, approval.digest)
        await app.store.decide(held.approval_id, "approved", "user:bob", "")
        assert answer(await ask())
        assert isinstance(await ask(), Held)

    within(tmp_path, scenario)


class Asked:
    """A caller who can answer questions; modern, so that nothing is pushed to it."""

    key, modern, wants_progress, log_level, spared = "ann", True, False, None, False
    capabilities: Mapping[str, Any] = {"elicitation": {"form": {}}}

    def hear(self, method: str, params: Any) -> None: ...

    async def ask(self, method: str, params: Any) -> Any:
        raise NotImplementedError


CALLER: Caller = Asked()
ANSWERS = {"inputResponses": {"user_name": {"action": "accept", "content": {"name": "Ann"}}}}
TOOL = "own__test_input_required_result_elicitation"


async def first_round(app: App, ann: ClientRun) -> tuple[Returned, Round]:
    """A call that a person approved, and that its server answered with a question."""
    held = await ann.call(TOOL, {}, None, Exchange(CALLER))
    assert isinstance(held, Held)
    await app.store.decide(held.approval_id, "approved", "user:bob", "")
    asked = await ann.call(TOOL, {}, None, Exchange(CALLER))
    assert isinstance(outcome_of(asked), InputRequired)
    assert isinstance(asked, Returned)
    return asked, ann.next_round(asked)


def test_a_question_costs_nothing_and_the_next_round_goes_on_under_the_same_key_and_approval(tmp_path: Path) -> None:
    async def scenario(app: App, ann: ClientRun) -> None:
        asked, round_ = await first_round(app, ann)
        assert await app.store.spend(run_account(ann.run_id)) == Spend()
        done = await ann.call(TOOL, {}, None, Exchange(CALLER, ANSWERS, round_))
        assert "Hello, Ann!" in str(answer(done))
        assert await app.store.spend(run_account(ann.run_id)) == Spend(tool_calls=1)
        admitted = [event for event in await facts(app, ann) if isinstance(event, Admitted)]
        assert [(event.key, event.attempt) for event in admitted] == [(asked.key, 1), (asked.key, 2)]
        assert admitted[0].approval_id == admitted[1].approval_id
        assert ann.next_round(asked, Exchange(round=round_)).number == 3

    within(tmp_path, scenario)


def test_a_round_that_is_played_twice_needs_a_second_approval(tmp_path: Path) -> None:
    async def scenario(app: App, ann: ClientRun) -> None:
        _, round_ = await first_round(app, ann)
        assert answer(await ann.call(TOOL, {}, None, Exchange(CALLER, ANSWERS, round_)))
        again = await ann.call(TOOL, {}, None, Exchange(CALLER, ANSWERS, round_))
        assert isinstance(again, (Held, Denied))  # the budget is one call
        assert sum(isinstance(event, Admitted) for event in await facts(app, ann)) == 2

    within(tmp_path, scenario)


def test_a_round_is_judged_again(tmp_path: Path) -> None:
    async def scenario(app: App, ann: ClientRun) -> None:
        _, round_ = await first_round(app, ann)
        Setup(tmp_path).write_policy("p, *, *, */*, call, , deny, not any more", *POLICY)
        denied = await ann.call(TOOL, {}, None, Exchange(CALLER, ANSWERS, round_))
        assert isinstance(denied, Denied)
        assert denied.why == "not any more"

    within(tmp_path, scenario)


def test_in_another_session_a_round_has_a_key_of_that_session(tmp_path: Path) -> None:
    async def scenario(app: App, ann: ClientRun) -> None:
        _, round_ = await first_round(app, ann)
        async with app.clients.run(ANN, "after a restart") as later:
            done = await later.call(TOOL, {}, None, Exchange(CALLER, ANSWERS, round_))
            assert answer(done)
            assert isinstance(done, Returned)
            assert done.key == "call/1"

    within(tmp_path, scenario)


def test_what_a_server_says_taints_unless_it_is_trusted_be_it_a_resource_or_a_question(tmp_path: Path) -> None:
    async def scenario(_app: App, ann: ClientRun) -> None:
        clean = await ann.read("own://static-text")
        tainted = await ann.read("toolgate://two/shared://static-text")
        assert isinstance(clean, Returned)
        assert isinstance(tainted, Returned)
        assert (clean.tainting, tainted.tainting) == (False, True)
        denied = await ann.read("own://static-text")
        assert isinstance(denied, Denied)
        assert denied.why == "no more after that"
        asked = await ann.call("two__test_input_required_result_elicitation", {}, None, Exchange(CALLER))
        assert isinstance(outcome_of(asked), InputRequired)
        assert isinstance(asked, Returned)
        assert asked.tainting

    within(tmp_path, scenario, "p, *, *, own/*, read, run.tainted, deny, no more after that")


def test_of_a_long_result_the_client_gets_all_and_the_record_its_hash(tmp_path: Path) -> None:
    async def scenario(app: App, ann: ClientRun) -> None:
        result = await ann.call("own__big", {"megabytes": 1})
        assert len(str(answer(result))) > 1_000_000
        kept = (await facts(app, ann))[-1]
        assert len(json.dumps(kept.outcome)) < 300
        assert kept.outcome["result"]["_meta"]["toolgate/whole"]["bytes"] > 1_000_000

    within(tmp_path, scenario)
