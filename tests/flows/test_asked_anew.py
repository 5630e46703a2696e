"""A yes lifts what it was asked for: a line or a limit that comes to ask besides is asked about anew."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.answer import Answer
from gateway.approval import Approval, Remember
from gateway.call import Arguments
from gateway.events import Held, Returned
from gateway.parties import CallSettings
from tests.fixtures.parts import ANN, BOB, RULES, Replies, Stage, arrivals, calls, opened, says, tally

SAFE = RULES + "o, *, *, desk/send, call, args.amount <= 500, remember=yes, small ones may be remembered\n"
TAINT = SAFE + "p, *, *, desk/send, call, run.tainted, ask, untrusted text was read\n"
LARGE = RULES + "p, *, *, desk/send, call, args.amount > 500, ask, large ones need a person\n"
ONE = '[budgets.b]\ntool_calls = 1\nthen = "ask"'
MADE = {"amount": 20, "word": "a"}


def play(folder: Path, scenario: Callable[[Stage], Any], rules: str, budgets: str = "", **more: Any) -> None:
    specs = tally(folder), tally(folder, "web", trusted=False)

    async def played() -> None:
        async with opened(folder, *specs, rules=rules, budgets=budgets, **more) as stage:
            await scenario(stage)

    asyncio.run(played())


async def ask(stage: Stage, client: Any, **arguments: Any) -> Approval:
    held = await client.call("desk__send", arguments)
    assert isinstance(held, Held)
    return await stage.files.approval(held.approval_id)


async def agree(stage: Stage, asked: Approval, remember: Remember | None = None) -> None:
    answered = await stage.approving.answer(BOB, asked.id, Answer("approved", remember=remember))
    assert isinstance(answered, Approval)


def sent(folder: Path) -> list[Any]:
    return [arrived["arguments"] for arrived in arrivals(folder, "send")]


def test_a_yes_that_is_remembered_lifts_no_line_that_did_not_ask_then(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            await agree(stage, await ask(stage, client, **MADE), Remember("run", ("amount",)))
            assert isinstance(await client.call("desk__send", MADE), Returned)
            assert isinstance(await client.call("web__look", {}), Returned)
            again = await ask(stage, client, amount=20, word="secret to a stranger")
            assert again.why == "what is sent is read by a person first; untrusted text was read"
            await agree(stage, again, Remember("run", ("amount",)))
            for word in ("b", "c"):
                assert isinstance(await client.call("desk__send", {"amount": 20, "word": word}), Returned)
        assert [arrived["word"] for arrived in sent(tmp_path)] == ["a", "b", "c"]

    play(tmp_path, scenario, TAINT)


def test_a_yes_that_was_remembered_of_a_clean_run_does_not_count_in_one_that_has_read_untrusted_text(
    tmp_path: Path,
) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            await agree(stage, await ask(stage, client, **MADE), Remember("run", ("amount",)))
            assert isinstance(await client.call("desk__send", MADE), Returned)
            assert isinstance(await client.call("web__look", {}), Returned)
            again = await ask(stage, client, amount=20, word="b")
            assert "tainted" in again.risk
            await agree(stage, again, Remember("run", ("amount",)))
            assert isinstance(await client.call("desk__send", {"amount": 20, "word": "c"}), Returned)

    play(tmp_path, scenario, SAFE)


def test_a_yes_that_is_remembered_does_not_count_for_a_call_that_holds_a_secret_of_ours_of_which_it_knew_nothing(
    tmp_path: Path,
) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            await agree(stage, await ask(stage, client, **MADE), Remember("run", ("amount",)))
            assert isinstance(await client.call("desk__send", {"amount": 20, "word": "b"}), Returned)
            told = await ask(stage, client, amount=20, word="it is tok-0123456789")
            assert "credential:word" in told.risk
            await agree(stage, told, Remember("run", ("amount",)))
            for _ in range(2):  # the first rests on the yes itself
                made = await client.call("desk__send", {"amount": 20, "word": "it is tok-0123456789"})
                assert isinstance(made, Returned)
            await ask(stage, client, amount=20, word="it is tok-abcdefghi")  # another one than he was told of
        assert len(sent(tmp_path)) == 3

    play(tmp_path, scenario, SAFE, settings=CallSettings(secrets=lambda: ["tok-0123456789", "tok-abcdefghi"]))


@pytest.mark.parametrize("rules", [TAINT, SAFE])
def test_a_yes_to_one_call_lifts_no_line_that_did_not_ask_then_and_is_good_where_none_asks(
    tmp_path: Path, rules: str
) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            first = await ask(stage, client, **MADE)
            await agree(stage, first)
            assert isinstance(await client.call("web__look", {}), Returned)
            if rules == TAINT:
                again = await ask(stage, client, **MADE)
                assert (again.id != first.id, str(again.rule).endswith("policy.csv:7")) == (True, True)
                assert (await stage.files.approval(first.id)).state == "cancelled"
                assert sent(tmp_path) == []
                await agree(stage, again)
            assert isinstance(await client.call("desk__send", MADE), Returned)
        assert sent(tmp_path) == [MADE]

    play(tmp_path, scenario, rules)


def test_a_question_that_does_not_tell_of_a_line_gives_way_to_one_that_does(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            first = await ask(stage, client, **MADE)
            assert (await ask(stage, client, **MADE)).id == first.id
            assert isinstance(await client.call("web__look", {}), Returned)
            again = await ask(stage, client, **MADE)
            assert (again.id != first.id, "untrusted text was read" in again.why) == (True, True)
            assert (await stage.files.approval(first.id)).state == "cancelled"
            assert (await ask(stage, client, **MADE)).id == again.id

    play(tmp_path, scenario, TAINT)


def test_an_agents_run_waits_again_for_what_comes_to_ask_and_goes_on(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        both = calls(("desk__send", MADE), ("web__look", {}))
        model = Replies(both, says("Done."))
        assert (await stage.drive(await stage.queued(), model)).status == "waiting"
        (first,) = await stage.approving.waiting()
        await agree(stage, first)
        assert (await stage.drive("run-1", model)).status == "waiting"
        (again,) = await stage.approving.waiting()
        assert "untrusted text was read" in again.why
        await agree(stage, again)
        assert (await stage.drive("run-1", model)).status == "succeeded"
        assert sent(tmp_path) == [MADE]
        await stage.books()

    play(tmp_path, scenario, TAINT)


# ---- limits


def test_a_yes_to_what_a_line_asked_lets_no_call_pass_a_limit(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            first, other = await ask(stage, client, amount=1), await ask(stage, client, amount=2)
            await agree(stage, first)
            await agree(stage, other)
            assert isinstance(await client.call("desk__send", {"amount": 1}), Returned)
            again = await ask(stage, client, amount=2)
            spent = "the budget `b` of 1 tool call is used up (1 tool call taken)"
            assert again.why == f"{spent}; what is sent is read by a person first"
            await agree(stage, again)
            assert isinstance(await client.call("desk__send", {"amount": 2}), Returned)
        assert sent(tmp_path) == [{"amount": 1}, {"amount": 2}]

    play(tmp_path, scenario, RULES, ONE)


def test_of_calls_at_once_that_people_agreed_to_before_one_fits_a_limit_of_one(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            for asked in [await ask(stage, client, amount=n) for n in range(4)]:
                await agree(stage, asked)
            results = await asyncio.gather(*(client.call("desk__send", {"amount": n}) for n in range(4)))
        assert sorted(type(result).__name__ for result in results) == ["Held", "Held", "Held", "Returned"]
        assert len(sent(tmp_path)) == 1

    play(tmp_path, scenario, RULES, ONE)


def test_a_yes_to_one_limit_lets_no_call_pass_another(tmp_path: Path) -> None:
    two = f'{ONE}\n[budgets.c]\neach = ["tool"]\ntool_calls = 2\nthen = "ask"'

    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            assert isinstance(await client.call("desk__look", {"amount": 1}), Returned)
            held = [await client.call("desk__look", {"amount": n}) for n in (2, 3)]
            asked = [await stage.files.approval(one.approval_id) for one in held if isinstance(one, Held)]
            assert [one.why.count("budget") for one in asked] == [1, 1]
            for one in asked:
                await agree(stage, one)
            assert isinstance(await client.call("desk__look", {"amount": 2}), Returned)
            last = await client.call("desk__look", {"amount": 3})
            assert isinstance(last, Held)
            assert "`c`" in last.why

    play(tmp_path, scenario, RULES, two)


# ---- changed calls


def test_who_changes_a_call_agrees_to_what_asks_because_of_that(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            asked = await ask(stage, client, amount=20)
            edited = Answer("approved", edited=Arguments.parse({"amount": 900}))
            assert isinstance(await stage.approving.answer(BOB, asked.id, edited), Approval)
            assert isinstance(await client.call("desk__send", {"amount": 20}), Returned)
        assert sent(tmp_path) == [{"amount": 900}]

    play(tmp_path, scenario, LARGE)


LESS = Answer("approved", edited=Arguments.parse({"amount": 10}))
OF_RUN = '[budgets.b]\neach = ["run"]\ntool_calls = 1\nthen = "ask"'


def test_a_changed_call_for_which_more_asks_by_now_is_asked_about_as_it_was_made(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            asked = await ask(stage, client, amount=20)
            await stage.approving.answer(BOB, asked.id, LESS)
            assert isinstance(await client.call("desk__look", {}), Returned)
            again = await ask(stage, client, amount=20)
            assert (again.id != asked.id, again.call.arguments.value) == (True, {"amount": 20})
            await stage.approving.answer(BOB, again.id, LESS)
            assert isinstance(await client.call("desk__send", {"amount": 20}), Returned)
        assert sent(tmp_path) == [{"amount": 10}]

    play(tmp_path, scenario, RULES, OF_RUN)


def test_nobody_lets_a_call_pass_a_limit_that_only_his_change_meets(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            await agree(stage, await ask(stage, client, amount=10))
            assert isinstance(await client.call("desk__send", {"amount": 10}), Returned)
            asked = await ask(stage, client, amount=20)
            await stage.approving.answer(BOB, asked.id, LESS)
            again = await ask(stage, client, amount=20)
            assert again.id != asked.id
        assert sent(tmp_path) == [{"amount": 10}]

    play(tmp_path, scenario, RULES, OF_RUN.replace('"run"', '"arguments"'))


# ---- repeats


@pytest.mark.parametrize(("more", "status", "times"), [("", "succeeded", 1), ("# a word\n", "waiting", 0)])
def test_after_a_crash_a_call_is_made_again_on_its_yes_and_not_under_another_policy(
    tmp_path: Path, more: str, status: str, times: int
) -> None:
    class Dying(Exception):
        pass

    async def die(*_: Any, **__: Any) -> Any:
        raise Dying

    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__send", MADE)), says("Done."))
        await stage.drive(await stage.queued(), model)
        (asked,) = await stage.approving.waiting()
        await agree(stage, asked)
        stage.servers.forward = die  # type: ignore[method-assign]
        with pytest.raises(Dying):
            await stage.drive("run-1", model)
        del stage.servers.forward
        stage.rule(RULES + more)
        assert (await stage.drive("run-1", model)).status == status
        assert len(sent(tmp_path)) == times

    play(tmp_path, scenario, RULES, settings=CallSettings(safe_to_repeat=["desk/send"]))
