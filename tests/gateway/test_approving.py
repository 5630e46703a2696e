"""Who may answer a question is policy, and it is answered once."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from gateway.answer import Answer
from gateway.approval import Approval, Said
from gateway.approving import Approving
from gateway.call import Allow, Deny, Subject
from gateway.catalogue import Catalogue
from gateway.errors import Conflict, UnknownApproval
from gateway.events import Cancelled, Decided
from gateway.pipeline import CallSettings
from tests.fixtures.parts import ANN, ANN_VIA_CLERK, BOB, RULES, Replies, Stage, calls, opened, says, tally


def on_stage(folder: Path, scenario: Callable[[Stage, Approval], Any], **more: Any) -> None:
    """A run by ann waits for somebody to agree to `desk/send`."""

    async def play() -> None:
        async with opened(folder, tally(folder), **more) as stage:
            model = Replies(calls(("desk__send", {"amount": 20})), says("Done."))
            await stage.drive(await stage.queued(), model)
            (approval,) = await stage.approving.waiting()
            await scenario(stage, approval)

    asyncio.run(play())


def test_a_question_shows_exactly_what_will_run(tmp_path: Path) -> None:
    async def scenario(stage: Stage, approval: Approval) -> None:
        assert approval.call.arguments.text == approval.arguments == '{"amount":20}'
        assert (approval.path, approval.user, approval.agent, approval.tenant) == (
            "desk/send",
            "user:ann",
            "agent:clerk",
            "acme",
        )
        assert approval.why == "what is sent is read by a person first"
        assert (approval.rule or "").endswith("policy.csv:3")
        assert len(approval.id) >= 32

    on_stage(tmp_path, scenario)


@pytest.mark.parametrize("decision", ["approved", "denied"])
def test_an_answer_is_recorded_in_the_run_with_who_gave_it_and_why(
    tmp_path: Path, decision: Literal["approved", "denied"]
) -> None:
    async def scenario(stage: Stage, approval: Approval) -> None:
        answered = await stage.approving.decide(BOB, approval.id, decision, "because")
        assert isinstance(answered, Approval)
        assert (answered.state, answered.decided_by, answered.reason) == (decision, "user:bob", "because")
        expected = Decided("t1/call/1", approval.id, decision, "user:bob", "because", approval.policy)
        assert (await stage.events())[-1] == expected
        assert await stage.approving.waiting() == []

    on_stage(tmp_path, scenario)


def test_a_yes_stops_nothing_whatever_else_is_said_with_it(tmp_path: Path) -> None:
    async def scenario(stage: Stage, approval: Approval) -> None:
        answered = await stage.approving.answer(BOB, approval.id, Answer("approved", stop=True))
        assert isinstance(answered, Approval)
        assert isinstance((await stage.events())[-1], Decided)

    on_stage(tmp_path, scenario)


OTHERS = [
    ("who asked", ANN, "nobody approves their own request"),
    ("who asked, through the agent", ANN_VIA_CLERK, "only a person may approve"),
    ("the agent", Subject("agent:clerk", "acme"), "only a person may approve"),
    ("an approver through an agent", replace(BOB, agent="agent:clerk"), "only a person may approve"),
    ("an approver of another tenant", replace(BOB, tenant="umbrella"), "belongs to tenant `acme`"),
    ("somebody without a line", Subject("user:eve", "acme"), "no line allows user:eve"),
    ("a role", Subject("role:manager", "acme"), "only a person may approve"),
    ("nobody", Subject("", "acme"), "only a person may approve"),
]


@pytest.mark.parametrize(("who", "why"), [row[1:] for row in OTHERS], ids=[row[0] for row in OTHERS])
def test_nobody_else_may_answer_and_nothing_is_recorded(tmp_path: Path, who: Subject, why: str) -> None:
    async def scenario(stage: Stage, approval: Approval) -> None:
        before = await stage.story()
        for decision in ("approved", "denied"):
            refused = await stage.approving.decide(who, approval.id, decision)
            assert isinstance(refused, Deny)
            assert why in refused.why
        assert await stage.story() == before
        assert await stage.approving.waiting() == [approval]

    on_stage(tmp_path, scenario)


def test_who_may_answer_depends_on_the_arguments_and_on_the_policy_of_the_moment(tmp_path: Path) -> None:
    async def scenario(stage: Stage, approval: Approval) -> None:
        assert isinstance(await stage.approving.may_decide(BOB, approval), Allow)
        stage.rule(RULES.replace("approve, ,", "approve, args.amount <= 10,"))
        assert isinstance(await stage.approving.may_decide(BOB, approval), Deny)
        stage.rule(RULES.replace("approve, ,", "approve, args.amount <= 20,"))
        assert isinstance(await stage.approving.may_decide(BOB, approval), Allow)

    on_stage(tmp_path, scenario)


def test_without_servers_a_condition_on_the_tool_looks_at_the_tool_as_it_was_asked_about(tmp_path: Path) -> None:
    async def scenario(stage: Stage, approval: Approval) -> None:
        offline = Approving(stage.store, stage.policy, Catalogue)
        for condition, verdict in (("tool.trusted", Allow), ("not tool.trusted", Deny), ("tool.read_only", Deny)):
            stage.rule(RULES.replace("approve, ,", f"approve, {condition},"))
            assert isinstance(await stage.approving.may_decide(BOB, approval), verdict)
            assert isinstance(await offline.may_decide(BOB, approval), verdict)

    on_stage(tmp_path, scenario)


def test_a_question_of_which_no_tool_is_known_gives_a_condition_on_it_nothing(tmp_path: Path) -> None:
    async def scenario(stage: Stage, approval: Approval) -> None:
        stage.rule(RULES.replace("approve, ,", "approve, tool.trusted,"))
        offline = Approving(stage.store, stage.policy, Catalogue)
        assert isinstance(await offline.may_decide(BOB, replace(approval, risk=())), Deny)

    on_stage(tmp_path, scenario)


def test_of_20_answers_at_once_exactly_one_counts(tmp_path: Path) -> None:
    async def scenario(stage: Stage, approval: Approval) -> None:
        answers: list[Said] = ["approved", "denied"] * 10
        given = [stage.approving.decide(BOB, approval.id, answer) for answer in answers]
        results = await asyncio.gather(*given, return_exceptions=True)
        (counted,) = [result for result in results if isinstance(result, Approval)]
        assert sum(isinstance(result, Conflict) for result in results) == 19
        assert (await stage.files.approval(approval.id)).state == counted.state
        assert (await stage.story()).count("decided") == 1

    on_stage(tmp_path, scenario)


def test_a_late_answer_and_one_to_a_cancelled_run_are_refused(tmp_path: Path) -> None:
    async def scenario(stage: Stage, approval: Approval) -> None:
        await stage.files.append("run-1", [Cancelled("user:ann")], lease=None)
        with pytest.raises(Conflict, match="is cancelled already"):
            await stage.approving.decide(BOB, approval.id, "approved")
        assert await stage.approving.waiting() == []

    on_stage(tmp_path, scenario)


def test_what_nobody_answered_in_time_is_answered_by_the_clock_and_not_listed(tmp_path: Path) -> None:
    times = [1_000_000]

    async def scenario(stage: Stage, approval: Approval) -> None:
        times[0] = approval.expires
        with pytest.raises(Conflict, match="expired"):
            await stage.approving.decide(BOB, approval.id, "approved")
        assert await stage.approving.waiting() == []
        last: Any = (await stage.events())[-1]
        assert (last.decision, last.by) == ("expired", "the clock")

    on_stage(tmp_path, scenario, clock=lambda: times[0], settings=CallSettings(approval_seconds=60))


def test_an_id_may_be_shortened_as_long_as_it_means_one_question(tmp_path: Path) -> None:
    async def scenario(stage: Stage, approval: Approval) -> None:
        with pytest.raises(UnknownApproval):
            await stage.approving.decide(BOB, "A-nothing", "approved")
        assert isinstance(await stage.approving.decide(BOB, approval.id[:8], "approved"), Approval)

    on_stage(tmp_path, scenario)


def test_who_may_answer_depends_on_what_the_run_has_done(tmp_path: Path) -> None:
    story = (calls(("desk__look", {})), calls(("desk__send", {"amount": 20})), says("Done."))

    async def play() -> None:
        async with opened(tmp_path, tally(tmp_path, trusted=False)) as stage:
            await stage.drive(await stage.queued(), Replies(*story))
            (approval,) = await stage.approving.waiting()
            for condition, verdict in (("run.calls < 1", Allow), ("run.calls >= 1", Deny), ("run.tainted", Deny)):
                stage.rule(RULES + f"p, *, *, */*, approve, {condition}, deny, not after that\n")
                assert isinstance(await stage.approving.may_decide(BOB, approval), verdict)

    asyncio.run(play())
