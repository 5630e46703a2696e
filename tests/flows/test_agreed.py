"""What people agreed to is what runs: by so many of them, as they changed it, on that tool of that server. Once."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.answer import Answer
from gateway.approval import Approval, Remember
from gateway.approving import OWN_CLIENT
from gateway.call import Allow, Arguments, Call, Deny, Subject, outcome_from_json
from gateway.errors import Conflict
from gateway.events import Admitted, Denied, Held, Resumed, Returned
from gateway.lasting import DAY, Delegation
from gateway.pipeline import FIRST, CallSettings
from gateway.steps import MAX_REFUSALS
from tests.fixtures.parts import ANN, BOB, RULES, Replies, Stage, arrivals, calls, opened, says, tally

EVE, BOSS = Subject("user:eve", "acme"), Subject("user:boss", "acme")
TWO = (
    RULES + "p, user:eve, *, */*, approve, , allow, eve decides\no, *, *, desk/send, call, , needs=2, two look at it\n"
)
UP = RULES + "g, user:boss, role:boss, acme\no, *, *, desk/send, call, , escalate=role:boss@2h, it goes up\n"


def play(folder: Path, scenario: Callable[[Stage], Any], rules: str = RULES, **more: Any) -> None:
    async def played() -> None:
        async with opened(folder, tally(folder), rules=rules, **more) as stage:
            await scenario(stage)

    asyncio.run(played())


async def ask(stage: Stage, client: Any, **arguments: Any) -> Approval:
    held = await client.call("desk__send", arguments)
    assert isinstance(held, Held)
    return await stage.files.approval(held.approval_id)


def sent(folder: Path) -> list[Any]:
    return [arrived["arguments"] for arrived in arrivals(folder, "send")]


def text_of(returned: Returned) -> str:
    outcome: Any = outcome_from_json(returned.outcome)
    return "\n".join(block["text"] for block in outcome.result["content"])


# ---- how many


def test_of_two_who_must_agree_one_is_not_enough_and_the_same_one_twice_is_not_two(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            asked = await ask(stage, client, amount=20)
            assert asked.needs == 2
            assert isinstance(await stage.approving.decide(BOB, asked.id, "approved"), Approval)
            assert isinstance(await client.call("desk__send", {"amount": 20}), Held)
            with pytest.raises(Conflict, match="counts already"):
                await stage.approving.decide(BOB, asked.id, "approved")
            assert isinstance(await stage.approving.decide(ANN, asked.id, "approved"), Deny)
            done = await stage.approving.decide(EVE, asked.id, "approved")
            assert isinstance(done, Approval)
            assert done.by == "user:bob and user:eve"
            assert isinstance(await client.call("desk__send", {"amount": 20}), Returned)
        assert sent(tmp_path) == [{"amount": 20}]

    play(tmp_path, scenario, TWO)


@pytest.mark.parametrize(("asked", "now"), [(TWO, RULES), (RULES, TWO)])
def test_where_two_must_agree_or_had_to_when_it_was_asked_no_yes_is_remembered_and_the_callers_client_has_no_voice(
    tmp_path: Path, asked: str, now: str
) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            question = await ask(stage, client, amount=20)
            stage.rule(now)
            own = await stage.approving.answer(BOB, question.id, Answer("approved", method=OWN_CLIENT))
            kept = await stage.approving.answer(BOB, question.id, Answer("approved", remember=Remember("run")))
            assert isinstance(own, Deny)
            assert isinstance(kept, Deny)
            assert own.why == "where several people must agree, the client that made the call has no voice"
            assert kept.why == "where several people must agree, they agree to each call"
            assert (await stage.files.approval(question.id)).decisions == ()

    play(tmp_path, scenario, asked)


def test_a_line_that_comes_to_want_more_people_beats_the_yes_of_fewer(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            asked = await ask(stage, client, amount=20)
            await stage.approving.decide(BOB, asked.id, "approved")
            stage.rule(TWO)
            again = await ask(stage, client, amount=20)
            assert (again.id != asked.id, again.needs) == (True, 2)
        assert sent(tmp_path) == []
        assert (await stage.files.approval(asked.id)).state == "cancelled"

    play(tmp_path, scenario)


# ---- who else


def test_after_its_time_a_question_may_be_answered_by_those_to_whom_it_goes_and_not_before(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            asked = await ask(stage, client, amount=20)
            assert asked.escalate_to == "role:boss"
            assert isinstance(await stage.approving.may_decide(BOSS, asked), Deny)
            late = replace(asked, escalates=asked.created)
            assert isinstance(await stage.approving.may_decide(BOSS, late), Allow)
            for other in (EVE, ANN, replace(BOSS, agent="agent:clerk"), replace(BOSS, tenant="umbrella")):
                assert isinstance(await stage.approving.may_decide(other, late), Deny)
            stage.rule(UP + "p, user:boss, *, */*, approve, , deny, not the boss\n")
            assert isinstance(await stage.approving.may_decide(BOSS, late), Deny)

    play(tmp_path, scenario, UP)


def test_an_approver_may_hand_a_question_up_at_once(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            asked = await ask(stage, client, amount=20)
            assert isinstance(await stage.approving.decide(BOSS, asked.id, "escalated"), Deny)
            handed = await stage.approving.decide(BOB, asked.id, "escalated", "too much for me")
            assert isinstance(handed, Approval)
            assert handed.state == "pending"
            assert isinstance(await stage.approving.decide(BOSS, asked.id, "approved"), Approval)
            assert isinstance(await client.call("desk__send", {"amount": 20}), Returned)

    play(tmp_path, scenario, UP)


def test_nobody_hands_up_what_goes_to_nobody(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            asked = await ask(stage, client, amount=20)
            refused = await stage.approving.decide(BOB, asked.id, "escalated")
            assert isinstance(refused, Deny)
            assert "no line says to whom" in refused.why

    play(tmp_path, scenario)


def test_who_asked_does_not_decide_though_it_was_escalated_to_his_role(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.rule(UP + "g, user:ann, role:boss, acme\n")
        async with stage.clients().run(ANN, "an editor") as client:
            asked = replace(await ask(stage, client, amount=20), escalates=0)
            assert isinstance(await stage.approving.may_decide(ANN, asked), Deny)

    play(tmp_path, scenario, UP)


# ---- which server


def test_a_yes_to_a_tool_of_a_server_that_is_started_in_another_way_is_none(tmp_path: Path) -> None:
    def at(identity: str) -> CallSettings:
        return CallSettings(identities={"desk": identity})

    async def asks(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            asked = await ask(stage, client, amount=20)
            await stage.approving.decide(BOB, asked.id, "approved")

    async def asks_again(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            await ask(stage, client, amount=20)
        assert sent(tmp_path) == []

    play(tmp_path, asks, settings=at("one"))
    play(tmp_path, asks_again, settings=at("two"))


# ---- with other arguments


def edit(**arguments: Any) -> Answer:
    return Answer("approved", "less will do", edited=Arguments.parse(arguments))


def test_a_client_is_told_what_was_changed_and_what_runs_is_what_the_approver_saw(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            asked = await ask(stage, client, amount=900)
            answered = await stage.approving.answer(BOB, asked.id, edit(amount=100))
            assert isinstance(answered, Approval)
            assert answered.digest != asked.digest
            done = await client.call("desk__send", {"amount": 900})
            assert isinstance(done, Returned)
            told = text_of(done)
            assert told.startswith("user:bob changed this call before it was made: amount: 900 -> 100.")
            assert isinstance(await client.call("desk__send", {"amount": 900}), Held)
            (admitted,) = [e for e in await stage.events(client.run_id) if isinstance(e, Admitted)]
            assert (admitted.arguments, admitted.approval_id) == ('{"amount":100}', asked.id)
        assert sent(tmp_path) == [{"amount": 100}]
        used = await stage.files.approval(asked.id)
        assert used.state == "consumed"
        assert used.consumed_at is not None
        assert used.result_digest is not None

    play(tmp_path, scenario)


def test_an_agents_model_is_told_what_was_changed(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__send", {"amount": 900})), says("Done."))
        await stage.drive(await stage.queued(), model)
        (asked,) = await stage.approving.waiting()
        await stage.approving.answer(BOB, asked.id, edit(amount=100))
        assert (await stage.drive("run-1", model)).status == "succeeded"
        assert sent(tmp_path) == [{"amount": 100}]
        (part,) = model.requests[-1].messages[-1].parts
        assert "amount: 900 -> 100" in str(part)
        await stage.books()

    play(tmp_path, scenario)


LIMIT = RULES.replace("approve, ,", "approve, args.amount <= 200,")
FORBIDS = RULES + "p, *, *, desk/send, call, args.amount < 50, deny, not worth it\n"


@pytest.mark.parametrize(
    ("rules", "arguments", "gate", "why"),
    [
        (LIMIT, {"amount": 300}, "approver", "no line allows user:bob to approve"),
        (FORBIDS, {"amount": 10}, "permitted", "not worth it"),
        (RULES, {"amount": "much"}, "valid", "amount"),
    ],
)
def test_a_change_that_could_not_be_made_is_refused_when_it_is_made(
    tmp_path: Path, rules: str, arguments: dict[str, Any], gate: str, why: str
) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            asked = await ask(stage, client, amount=900)
            refused = await stage.approving.answer(BOB, asked.id, edit(**arguments))
            assert isinstance(refused, Deny)
            assert (refused.gate, why in refused.why) == (gate, True)
            assert await stage.files.approval(asked.id) == asked

    play(tmp_path, scenario, rules)


def test_an_approver_whose_limit_the_request_passes_may_agree_to_less(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            asked = await ask(stage, client, amount=900)
            assert isinstance(await stage.approving.decide(BOB, asked.id, "approved"), Deny)
            assert isinstance(await stage.approving.answer(BOB, asked.id, edit(amount=200)), Approval)
            assert isinstance(await client.call("desk__send", {"amount": 900}), Returned)
        assert sent(tmp_path) == [{"amount": 200}]

    play(tmp_path, scenario, LIMIT)


def test_under_another_policy_a_yes_is_none_and_people_are_asked_again(tmp_path: Path) -> None:
    """Whatever has changed in it: who agreed has agreed under another one. Who answers now answers under this one."""

    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            first = await ask(stage, client, amount=20)
            await stage.approving.decide(BOB, first.id, "approved")
            stage.rule(RULES + "# a word\n")
            again = await ask(stage, client, amount=20)
            assert (again.id != first.id, again.state) == (True, "pending")
            assert (await stage.files.approval(first.id)).state == "cancelled"
            stage.rule(RULES + "# another word\n")
            await stage.approving.decide(BOB, again.id, "approved")
            answered = await stage.files.approval(again.id)
            assert answered.policy == answered.decisions[0].policy != again.policy
            assert isinstance(await client.call("desk__send", {"amount": 20}), Returned)
        assert sent(tmp_path) == [{"amount": 20}]

    play(tmp_path, scenario)


def test_of_two_the_yes_that_was_given_under_another_policy_is_given_again(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            asked = await ask(stage, client, amount=20)
            await stage.approving.decide(BOB, asked.id, "approved")
            stage.rule(TWO + "# a word\n")
            first = await stage.approving.decide(EVE, asked.id, "approved")
            assert isinstance(first, Approval)
            assert (first.state, first.approvers) == ("pending", ("user:eve",))
            done = await stage.approving.decide(BOB, asked.id, "approved")
            assert isinstance(done, Approval)
            assert done.by == "user:bob and user:eve"
            assert isinstance(await client.call("desk__send", {"amount": 20}), Returned)

    play(tmp_path, scenario, TWO)


def test_what_somebody_agreed_to_in_place_of_a_call_is_no_yes_under_a_line_that_denies_it(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            asked = await ask(stage, client, amount=900)
            await stage.approving.answer(BOB, asked.id, edit(amount=100))
            stage.rule(RULES + "p, *, *, desk/send, call, args.amount == 100, deny, not that one\n")
            again = await ask(stage, client, amount=900)
            refused = await stage.approving.answer(BOB, again.id, edit(amount=100))
            assert isinstance(refused, Deny)
            assert refused.why == "not that one"
        assert sent(tmp_path) == []

    play(tmp_path, scenario)


def test_whoever_changes_a_call_agrees_to_nothing_that_asks_because_of_what_its_run_has_read_since(
    tmp_path: Path,
) -> None:
    """Nobody has told him of that."""

    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            asked = await ask(stage, client, amount=900)
            assert isinstance(await client.call("desk__look", {}), Returned)
            changed = await stage.approving.answer(BOB, asked.id, edit(amount=100))
            assert isinstance(changed, Approval)
            assert (changed.state, changed.reasons) == ("approved", asked.reasons)
            assert isinstance(await client.call("desk__send", {"amount": 900}), Held)
        assert sent(tmp_path) == []

    read = RULES + "p, *, *, desk/send, call, run.tainted and args.amount < 500, ask, it has read things\n"

    async def played() -> None:
        async with opened(tmp_path, tally(tmp_path, trusted=False), rules=read) as stage:
            await scenario(stage)

    asyncio.run(played())


def test_a_change_to_a_call_that_two_must_agree_to_waits_for_the_second(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            asked = await ask(stage, client, amount=20)
            changed = await stage.approving.answer(BOB, asked.id, edit(amount=900))
            assert isinstance(changed, Approval)
            assert (asked.needs, changed.needs, changed.state) == (1, 2, "pending")

    play(tmp_path, scenario, RULES + "o, *, *, desk/send, call, args.amount > 500, needs=2, two look at much\n")


# ---- no more of it


def test_a_no_that_stops_the_run_stops_it(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__send", {"amount": 900})), says("Done."))
        await stage.drive(await stage.queued(), model)
        (asked,) = await stage.approving.waiting()
        await stage.approving.answer(BOB, asked.id, Answer("denied", "enough", stop=True))
        run = await stage.drive("run-1", model)
        assert (run.status, run.cause) == ("cancelled", "enough")
        assert sent(tmp_path) == []

    play(tmp_path, scenario)


def test_a_model_that_makes_a_refused_call_again_and_again_is_told_no_and_then_its_run_ends(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        again = calls(("desk__send", {"amount": 900}))
        model = Replies(again, again, again, again, again, says("Done."))
        await stage.drive(await stage.queued(), model)
        (asked,) = await stage.approving.waiting()
        await stage.approving.decide(BOB, asked.id, "denied", "too much")
        run = await stage.drive("run-1", model)
        assert (run.status, await stage.approving.waiting()) == ("failed", [])
        assert "made a call 3 times again that people had refused: `desk/send`" in run.cause
        refused = [event for event in await stage.events() if isinstance(event, Denied)]
        assert [event.why for event in refused] == ["user:bob denied this call: too much"] * 3
        assert "Do not retry" in str(model.requests[1].messages[-1])
        await stage.books()

    play(tmp_path, scenario)


def test_a_call_that_one_changed_and_another_refused_is_refused_as_it_was_made(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        again = calls(("desk__send", {"amount": 900}))
        model = Replies(again, again, says("Done."))
        await stage.drive(await stage.queued(), model)
        (asked,) = await stage.approving.waiting()
        await stage.approving.answer(BOB, asked.id, edit(amount=100))
        await stage.approving.decide(EVE, asked.id, "denied", "neither")
        assert (await stage.drive("run-1", model)).status == "succeeded"
        assert [event.why for event in await stage.events() if isinstance(event, Denied)] == [
            "user:eve denied this call: neither"
        ]

    play(tmp_path, scenario, TWO)


def test_a_call_that_is_not_the_refused_one_is_asked_about(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__send", {"amount": 900})), calls(("desk__send", {"amount": 90})), says("Done."))
        await stage.drive(await stage.queued(), model)
        (asked,) = await stage.approving.waiting()
        await stage.approving.decide(BOB, asked.id, "denied", "too much")
        assert (await stage.drive("run-1", model)).status == "waiting"

    play(tmp_path, scenario)


# ---- in somebody's place


async def away(stage: Stage, deputy: Subject = EVE, absent: Subject = BOB) -> None:
    await stage.files.lasting.delegate(Delegation("D-1", absent.user, deputy.user, "acme", 0, 2**50))


def test_who_is_away_lets_another_decide_and_his_word_is_recorded_as_that(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            asked = await ask(stage, client, amount=20)
            assert isinstance(await stage.approving.may_decide(EVE, asked), Deny)
            await away(stage)
            assert isinstance(await stage.approving.may_decide(replace(EVE, agent="agent:clerk"), asked), Deny)
            done = await stage.approving.decide(EVE, asked.id, "approved")
            assert isinstance(done, Approval)
            assert [(vote.by, vote.on_behalf) for vote in done.decisions] == [("user:eve", "user:bob")]
            assert isinstance(await client.call("desk__send", {"amount": 20}), Returned)

    play(tmp_path, scenario)


def test_a_deputy_can_do_no_more_than_who_is_away_and_nothing_that_is_denied_to_him(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            asked = await ask(stage, client, amount=300)
            await away(stage)
            assert isinstance(await stage.approving.may_decide(EVE, asked), Deny)
            stage.rule(RULES + "p, user:eve, *, */*, approve, , deny, not eve\n")
            refused = await stage.approving.may_decide(EVE, asked)
            assert isinstance(refused, Deny)
            assert refused.why == "not eve"
            stage.rule(RULES)
            assert isinstance(await stage.approving.may_decide(EVE, asked), Allow)
            await stage.files.lasting.end("D-1", "user:bob")
            assert isinstance(await stage.approving.may_decide(EVE, asked), Deny)

    play(tmp_path, scenario, LIMIT)


def test_nobody_gets_a_yes_to_his_own_request_through_somebody_else(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            asked = await ask(stage, client, amount=20)
            await away(stage, deputy=ANN)
            assert isinstance(await stage.approving.may_decide(ANN, asked), Deny)
        async with stage.clients().run(BOB, "an editor") as client:
            stage.rule(RULES + "p, user:bob, *, */*, call, , allow, bob works here\n")
            await stage.files.lasting.end("D-1", "user:bob")
            await stage.files.lasting.delegate(Delegation("D-2", BOB.user, EVE.user, "acme", 0, 2**50))
            asked = await ask(stage, client, amount=20)
            assert isinstance(await stage.approving.may_decide(EVE, asked), Deny)

    play(tmp_path, scenario)


def test_two_who_must_agree_are_not_one_and_his_deputy(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.rule(TWO.replace("p, user:eve, *, */*, approve, , allow, eve decides\n", ""))
        async with stage.clients().run(ANN, "an editor") as client:
            asked = await ask(stage, client, amount=20)
            await away(stage)
            await stage.approving.decide(BOB, asked.id, "approved")
            with pytest.raises(Conflict, match="the yes of user:bob counts already"):
                await stage.approving.decide(EVE, asked.id, "approved")

    play(tmp_path, scenario, TWO)


# ---- remembered


SAFE = RULES + "o, *, *, desk/send, call, args.amount <= 500, remember=yes, small ones may be remembered\n"


def always(*by: str, scope: Any = "session") -> Answer:
    tomorrow = round(time.time() * 1000) + DAY
    return Answer("approved", remember=Remember(scope, by, tomorrow if scope == "until" else None))


def test_what_is_remembered_is_not_asked_again_and_the_verdict_says_whose_word_it_is(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            asked = await ask(stage, client, amount=20, word="a")
            assert isinstance(await stage.approving.answer(BOB, asked.id, always("amount", scope="client")), Approval)
            for word in ("a", "b", "c"):
                assert isinstance(await client.call("desk__send", {"amount": 20, "word": word}), Returned)
            assert isinstance(await client.call("desk__send", {"amount": 21, "word": "a"}), Held)
            assert isinstance(await client.call("desk__send", {"amount": 20}), Held)
            rests = [event.approval_id for event in await stage.events(client.run_id) if isinstance(event, Admitted)]
            assert rests == [asked.id] * 3
        async with stage.clients().run(ANN, "an editor") as client:
            assert isinstance(await client.call("desk__send", {"amount": 20, "word": "d"}), Returned)
            again = Call(client.run_id, "call/9", ANN, "desk/send", Arguments.parse({"amount": 20, "word": "e"}))
            verdict = await stage.pipeline.follow(again, await client.work(), FIRST)
            assert verdict.why.startswith(f"allowed by {asked.id} of user:bob, until ")
        async with stage.clients().run(ANN, "another client") as client:
            assert isinstance(await client.call("desk__send", {"amount": 20, "word": "d"}), Held)
        (one,) = stage.files.lasting.remembered()
        assert one.uses == 3

    play(tmp_path, scenario, SAFE)


def test_what_is_remembered_in_a_session_counts_in_no_other_however_its_client_calls_itself(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client, stage.clients().run(ANN, "an editor") as other:
            asked = await ask(stage, client, amount=20)
            await stage.approving.answer(BOB, asked.id, always())
            for _ in range(2):
                assert isinstance(await client.call("desk__send", {"amount": 20}), Returned)
            assert isinstance(await other.call("desk__send", {"amount": 20}), Held)

    play(tmp_path, scenario, SAFE)


def test_what_is_remembered_for_a_client_is_asked_of_one_that_made_the_call(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.drive(await stage.queued(), Replies(calls(("desk__send", {"amount": 20}))))
        (asked,) = await stage.approving.waiting()
        refused = await stage.approving.answer(BOB, asked.id, always(scope="client"))
        assert isinstance(refused, Deny)
        assert "no client made this call" in refused.why

    play(tmp_path, scenario, SAFE)


def test_what_is_remembered_in_an_agents_run_counts_in_that_run(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        again = calls(("desk__send", {"amount": 20}))
        model = Replies(again, again, says("Done."))
        await stage.drive(await stage.queued(), model)
        (asked,) = await stage.approving.waiting()
        await stage.approving.answer(BOB, asked.id, always(scope="run"))
        assert (await stage.drive("run-1", model)).status == "succeeded"
        assert sent(tmp_path) == [{"amount": 20}] * 2
        assert (await stage.drive(await stage.queued("run-2"), Replies(again, says("Done.")))).status == "waiting"
        await stage.books()

    play(tmp_path, scenario, SAFE)


@pytest.mark.parametrize(
    ("rules", "arguments", "by", "why"),
    [
        (RULES, {"amount": 20}, (), "unless an `o` line says `remember=yes`"),
        (SAFE, {"amount": 900}, (), "unless an `o` line says `remember=yes`"),
        (SAFE, {"word": "a"}, (), "unless an `o` line says `remember=yes`"),
        (SAFE + "o, *, *, desk/*, call, , remember=no, never\n", {"amount": 20}, (), "counts once"),
        (SAFE + "o, *, *, desk/*, call, , needs=2, two\n", {"amount": 20}, (), "they agree to each call"),
        (SAFE, {"amount": 20}, ("customer",), "no argument `customer`"),
    ],
)
def test_what_the_policy_excludes_is_not_remembered_and_not_answered_either(
    tmp_path: Path, rules: str, arguments: dict[str, Any], by: tuple[str, ...], why: str
) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            asked = await ask(stage, client, **arguments)
            refused = await stage.approving.answer(BOB, asked.id, always(*by))
            assert isinstance(refused, Deny)
            assert why in refused.why
            assert (await stage.files.approval(asked.id)).state == "pending"

    play(tmp_path, scenario, rules)


AFTERWARDS = [
    ("it was taken back", None),
    ("the policy excludes it", SAFE + "o, *, *, desk/*, call, , remember=no, never\n"),
    ("whoever gave it may not any more", SAFE.replace("p, user:bob,", "p, user:carl,")),
    ("whoever gave it may not agree to this one", SAFE.replace("approve, ,", "approve, args.amount != 20,")),
    ("two must agree now", SAFE + "o, *, *, desk/*, call, , needs=2, two\n"),
]


@pytest.mark.parametrize("rules", [row[1] for row in AFTERWARDS], ids=[row[0] for row in AFTERWARDS])
def test_it_counts_only_as_long_as_it_might_be_given_again(tmp_path: Path, rules: str | None) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            asked = await ask(stage, client, amount=20)
            await stage.approving.answer(BOB, asked.id, always(scope="until"))
            for _ in range(2):
                assert isinstance(await client.call("desk__send", {"amount": 20}), Returned)
            if rules is None:
                await stage.files.lasting.forget(stage.files.lasting.remembered()[0].id, "user:carl")
            else:
                stage.rule(rules)
            assert isinstance(await client.call("desk__send", {"amount": 20}), Held)
        assert len(sent(tmp_path)) == 2

    play(tmp_path, scenario, SAFE)


def test_a_line_that_denies_beats_what_is_remembered(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            asked = await ask(stage, client, amount=20)
            await stage.approving.answer(BOB, asked.id, always(scope="until"))
            stage.rule(SAFE + "p, *, *, desk/send, call, , deny, closed\n")
            assert isinstance(await client.call("desk__send", {"amount": 20}), Denied)
        assert sent(tmp_path) == []

    play(tmp_path, scenario, SAFE)


# ---- how many at once


def test_of_a_storm_of_questions_only_so_many_are_put_and_the_run_pauses(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        storm = calls(*[("desk__send", {"amount": n}) for n in range(40)])
        model = Replies(storm, says("Done."))
        run = await stage.drive(await stage.queued(), model)
        assert (run.status, run.budget_spent) == ("paused", None)
        assert "5 questions of this run wait for people already" in run.cause
        waiting = await stage.approving.waiting()
        assert len(waiting) == 5
        for asked in waiting:
            await stage.approving.decide(BOB, asked.id, "denied")
        await stage.files.append("run-1", [Resumed("it was resumed")], lease=None)
        assert (await stage.drive("run-1", model)).status == "paused"
        assert len(await stage.approving.waiting()) == 5
        await stage.books()

    play(tmp_path, scenario, settings=CallSettings(questions=5))


def test_a_client_that_storms_is_refused_and_nothing_more_is_asked(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            results = await asyncio.gather(*[client.call("desk__send", {"amount": n}) for n in range(30)])
            assert sum(isinstance(result, Held) for result in results) == 5
            refused = [result for result in results if isinstance(result, Denied)]
            assert len(refused) == 25
            assert {result.gate for result in refused} == {"within_budget"}
        assert len(await stage.approving.waiting()) == 5

    play(tmp_path, scenario, settings=CallSettings(questions=5))


# ---- who insists


def test_a_client_that_insists_on_a_refused_call_ends_its_session_and_no_other(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        clients = stage.clients()
        async with clients.run(ANN, "an editor") as client, clients.run(ANN, "another one") as other:
            asked = await ask(stage, client, amount=20)
            await stage.approving.decide(BOB, asked.id, "denied", "not now")
            for _ in range(1 + MAX_REFUSALS):
                refused = await client.call("desk__send", {"amount": 20})
                assert isinstance(refused, Denied)
                assert "not now" in refused.why
            for name, arguments in (("desk__look", {}), ("desk__send", {"amount": 1})):
                ended = await client.call(name, arguments)
                assert isinstance(ended, Denied)
                assert "this session has ended: a call was made 3 times again" in ended.why
            assert isinstance(await other.call("desk__look", {}), Returned)
        assert (await stage.files.run_row(client.run_id)).status == "failed"
        assert (await stage.files.run_row(other.run_id)).status == "succeeded"
        async with clients.run(ANN, "an editor") as again:
            assert isinstance(await again.call("desk__look", {}), Returned)
            assert isinstance(await again.call("desk__send", {"amount": 20}), Denied)

    play(tmp_path, scenario)
    assert sent(tmp_path) == []
