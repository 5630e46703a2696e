"""Calls that are allowed with duties: what client and model see, what is recorded, and what reaches a server."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.approval import Approval
from gateway.call import Answered, InDoubt, Outcome, Unsent, outcome_from_json
from gateway.clients import Exchange
from gateway.events import (
    Admitted,
    Denied,
    Doubted,
    Event,
    Held,
    ModelAnswered,
    ModelAsked,
    Obliged,
    Queued,
    Recognised,
    Returned,
    Started,
)
from gateway.screens.secrets import MASK
from tests.fixtures.parts import ANN, BOB, PATIENCE, Replies, Stage, arrivals, calls, gate, opened, says, tally
from tests.flows.test_sources import pages, text

MAY = """\
p, user:ann,    *, */*, call, , allow, ann works here
p, user:ann,    *, */*, read, , allow, ann works here
p, user:ann,    *, */*, get,  , allow, ann works here
p, agent:clerk, *, */*, call, , allow, the clerk may do what its user may
p, user:bob,    *, */*, approve, , allow, bob decides
"""
SSN, KEY = "123-45-6789", "ghp_" + "a1B2" * 9
ROW = {"name": "Ann", "ssn": SSN, "note": f"use {KEY}"}
CUSTOMER = {"content": [{"type": "text", "text": json.dumps(ROW)}], "structuredContent": ROW}
HIDING = MAY + "o, *, *, web/*, call, , redact=ssn @secrets, customers' numbers stay inside\n"


def on_stage(folder: Path, rules: str, scenario: Any, **results: Any) -> None:
    async def play() -> None:
        async with (
            asyncio.timeout(PATIENCE),
            opened(folder, tally(folder), pages(folder, **results), rules=rules) as stage,
        ):
            await scenario(stage)

    asyncio.run(play())


def outcome_of(result: Any) -> Outcome:
    assert isinstance(result, Returned)
    return outcome_from_json(result.outcome)


def everything_in(folder: Path) -> str:
    """The bytes of the store, with what is still in its journal."""
    return "".join(file.read_bytes().decode(errors="replace") for file in folder.glob("toolgate.db*"))


# ---- redact


@pytest.mark.parametrize("trusted", [True, False])
def test_neither_client_nor_record_nor_spans_see_what_is_redacted(tmp_path: Path, trusted: bool) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "a client") as client:
            outcome = outcome_of(await client.call("web/fetch", {"page": "row"}))
            left = {"name": "Ann", "ssn": MASK, "note": f"use {MASK}"}
            assert isinstance(outcome, Answered)
            assert outcome.result["structuredContent"] == left
            assert json.loads(outcome.result["content"][0]["text"]) == left
            (obliged,) = [event for event in await stage.events(client.run_id) if isinstance(event, Obliged)]
            assert obliged.duties == {"redact": ["ssn", "@secrets"]}
            assert obliged.rules[0].endswith("policy.csv:6")
        assert SSN not in repr(stage.recorder.spans)

    on_stage(tmp_path, HIDING, scenario, row=CUSTOMER, trusted=trusted)
    assert SSN not in everything_in(tmp_path)
    assert KEY not in everything_in(tmp_path)


def test_a_tool_that_returns_prose_does_not_get_round_it(tmp_path: Path) -> None:
    """SDKs say a returned text twice: as content, and as `result` of the structured content."""
    prose = f"Ann's ssn is {SSN}"

    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "a client") as client:
            outcome = outcome_of(await client.call("web/fetch", {"page": "said"}))
            assert "withheld" in str(outcome)
            assert SSN not in str(outcome)

    on_stage(tmp_path, HIDING, scenario, said=text(prose) | {"structuredContent": {"result": prose}})
    assert SSN not in everything_in(tmp_path)


def test_no_model_sees_what_is_redacted(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("web__fetch", {"page": "row"})), says("Done."))
        run = await stage.drive(await stage.queued(), model)
        assert run.status == "succeeded"
        assert MASK in repr(model.requests[-1])
        assert SSN not in repr(model.requests)
        assert "obliged" in await stage.story()

    on_stage(tmp_path, HIDING, scenario, row=CUSTOMER)
    assert SSN not in everything_in(tmp_path)


def test_resources_and_prompts_are_redacted_by_lines_of_their_own(tmp_path: Path) -> None:
    rules = MAY + "o, *, *, web/*, read, , redact=ssn, why\no, *, *, web/*, get, , redact=ssn, why\n"
    results = {
        "resource": {"contents": [{"uri": "page://one", "text": json.dumps(ROW)}]},
        "prompt": {"messages": [{"role": "user", "content": {"type": "text", "text": json.dumps(ROW)}}]},
        "row": CUSTOMER,
    }

    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "a client") as client:
            for result in (await client.read("page://one"), await client.get("web/ask", {})):
                assert MASK in str(result)
                assert SSN not in str(result)
            assert SSN in str(await client.call("web/fetch", {"page": "row"}))  # no line obliges calls

    on_stage(tmp_path, rules, scenario, **results)


class Telling:
    """A client that hears everything, and answers what it is asked."""

    key, modern, wants_progress, log_level, spared = "k", False, True, "debug", False

    def __init__(self) -> None:
        self.capabilities: dict[str, Any] = {"elicitation": {}}
        self.heard: list[Any] = []

    def hear(self, method: str, params: Any) -> None:
        self.heard.append(params)

    async def ask(self, method: str, params: Any) -> Any:
        del method
        self.heard.append(params)
        return {"action": "accept", "content": {}}


BEFORE = [
    {"method": "notifications/progress", "params": {"progress": 1, "message": f"reading {SSN}"}},
    {
        "method": "elicitation/create",
        "params": {"message": f"Is it {SSN}?", "requestedSchema": {"type": "object", "properties": {}}},
    },
]


def test_words_that_come_before_the_answer_are_not_told_and_questions_not_put(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "a client") as client:
            telling = Telling()
            outcome = outcome_of(await client.call("web/fetch", {"page": "talk"}, None, Exchange(telling)))
            assert isinstance(outcome, Answered)
            assert "progress" in repr(telling.heard)
            assert SSN not in repr(telling.heard)

    on_stage(tmp_path, HIDING, scenario, talk=CUSTOMER | {"before": BEFORE})


# ---- max_result_bytes


def test_a_result_that_is_too_large_is_an_error_that_says_so_and_the_next_one_is_not(tmp_path: Path) -> None:
    rules = MAY + "o, *, *, web/*, call, , max_result_bytes=1 KB, why\n"

    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "a client") as client:
            outcome = outcome_of(await client.call("web/fetch", {"page": "long"}))
            assert isinstance(outcome, Answered)
            assert outcome.is_error
            assert "the policy allows 1,024" in outcome.result["content"][0]["text"]
            small = outcome_of(await client.call("web/fetch", {"page": "page"}))
            assert isinstance(small, Answered)
            assert not small.is_error
            assert (await stage.books(client.run_id)).tool_calls == 2  # both were made

    on_stage(tmp_path, rules, scenario, long=text("y" * 2000))
    assert "yyyy" not in everything_in(tmp_path)


# ---- timeout


def test_the_shorter_of_two_times_ends_the_call(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with gate() as held, stage.clients().run(ANN, "a client") as client:
            for seconds in (0.2, 1.0, 5.0, 25.0):  # more, if they are over before the call could be sent
                stage.rule(f"{MAY}o, *, *, desk/hold, call, , timeout={round(seconds * 1000)} ms, why\n")
                outcome = outcome_of(await client.call("desk/hold", {"port": held.port}))
                if not isinstance(outcome, Unsent):
                    break
            assert outcome == InDoubt(f"server `desk`: no answer within {seconds:g} s")

    on_stage(tmp_path, MAY, scenario)


# ---- dry_run


DRY = MAY + "o, user:ann, *, desk/send, call, args.amount > 10, dry_run, large sums are rehearsed\n"


def test_of_a_dry_run_nothing_arrives_and_nothing_is_spent_and_all_is_recorded(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "a client") as client:
            dry = outcome_of(await client.call("desk/send", {"word": "out", "amount": 11}))
            assert isinstance(dry, Answered)
            assert '{"amount":11,"word":"out"}' in dry.result["content"][0]["text"]
            assert (await stage.books(client.run_id)).tool_calls == 0
            await client.call("desk/send", {"word": "out", "amount": 10})
            events = await stage.events(client.run_id)
            kinds = [type(event) for event in events if isinstance(event, Admitted | Obliged | Returned)]
            assert kinds == [Admitted, Obliged, Returned, Admitted, Returned]

    on_stage(tmp_path, DRY, scenario)
    assert [arrived["arguments"]["amount"] for arrived in arrivals(tmp_path)] == [10]


@pytest.mark.parametrize("asks", [True, False])
def test_since_when_the_caller_was_known_is_recorded_before_each_verdict_where_a_line_asks(
    tmp_path: Path, asks: bool
) -> None:
    lines = "p, *, *, desk/*, call, args.amount == 2, ask, why\np, *, *, desk/*, call, args.amount == 3, deny, n\n"
    of_age = "p, user:bob, *, x/x, call, subject.auth_age > 9, deny, n\n" if asks else ""

    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(replace(ANN, since=17.5), "a client") as client:
            for amount in (1, 2, 3, 11):
                await client.call("desk/send", {"word": "out", "amount": amount})
            events = [one for one in await stage.events(client.run_id) if not isinstance(one, Started | Queued)]
        judged = [type(one) for one in events if isinstance(one, Recognised | Admitted | Held | Denied)]
        kinds = [Admitted, Held, Denied, Admitted]
        assert judged == ([kind for each in kinds for kind in (Recognised, each)] if asks else kinds)
        assert {one.since for one in events if isinstance(one, Recognised)} == ({17.5} if asks else set())

    on_stage(tmp_path, DRY + lines + of_age, scenario)


def test_an_agents_dry_run_goes_on(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__send", {"word": "out", "amount": 11})), says("Done."))
        run = await stage.drive(await stage.queued(), model)
        assert run.status == "succeeded"
        assert "was not called" in repr(model.requests[-1].messages[-1])
        assert (await stage.books()).tool_calls == 0

    on_stage(tmp_path, DRY, scenario)
    assert arrivals(tmp_path) == []


def test_a_dry_run_uses_no_approval_up(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "a client") as client:
            held = await client.call("desk/send", {"amount": 11})
            assert isinstance(held, Held)
            assert isinstance(await stage.approving.decide(BOB, held.approval_id, "approved"), Approval)
            for _ in range(2):
                assert "Dry run" in str(outcome_of(await client.call("desk/send", {"amount": 11})))
                assert (await stage.files.approval(held.approval_id)).state == "approved"

    on_stage(tmp_path, DRY + "p, *, *, desk/send, call, , ask, a person looks at it\n", scenario)
    assert arrivals(tmp_path) == []


def test_a_call_in_doubt_is_not_told_to_be_a_dry_run(tmp_path: Path) -> None:
    """It may have happened before the policy said so."""
    wish = calls(("desk__put", {"word": "in", "amount": 11}))

    async def scenario(stage: Stage) -> None:
        await stage.queued()
        message = {
            "role": "assistant",
            "parts": [{"kind": "tool_call", "id": "c1", "name": "desk__put", "arguments": '{"amount":11}'}],
        }
        answer = ModelAnswered(
            1, message, "tool_calls", "tiny", {}, {}, ({"key": "t1/call/1", "id": "c1", "path": "desk/put"},)
        )
        tool = stage.upstream.catalogue.tools["desk/put"]
        admitted = Admitted("t1/call/1", "desk/put", '{"amount":11}', tool.pin, "p", {})
        events: list[Event] = [Started("w"), ModelAsked(1, {}), answer, admitted]
        await stage.files.append("run-1", events, lease=None)
        run = await stage.drive("run-1", Replies(wish, says("Done.")))
        assert run.status == "waiting"
        assert any(isinstance(event, Doubted) for event in await stage.events())

    on_stage(tmp_path, MAY + "o, *, *, desk/put, call, , dry_run, why\n", scenario)
    assert arrivals(tmp_path) == []


# ---- without duties


def test_without_duties_a_result_is_the_text_that_it_was_and_nothing_more_is_written(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "a client") as client:
            outcome = outcome_of(await client.call("web/fetch", {"page": "row"}))
            assert isinstance(outcome, Answered)
            assert SSN in str(outcome)
            assert not any(isinstance(event, Obliged) for event in await stage.events(client.run_id))

    on_stage(tmp_path, MAY + "o, *, *, desk/*, call, , redact=ssn, elsewhere\n", scenario, row=CUSTOMER)
