import asyncio
import contextlib
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from gateway.approval import Approval, Vote
from gateway.call import Subject
from gateway.cli import asking
from gateway.cli.asking import answer, has_spoken, show_question
from tests.fixtures.parts import BOB, RULES, Replies, arrivals, calls, opened, says, tally

ASKED = Approval(
    id="A-1",
    claim="c",
    run_id="r-1",
    key="t1/call/1",
    user="user:ann",
    agent="agent:desk",
    tenant="acme",
    path="shop/refund",
    pin="p",
    arguments='{"amount":900,"note":"\\u001b[2Jpaid\\u202e"}',
    digest="d",
    policy="p",
    rule="policies/policy.csv:3",
    why="[bold]look[/bold] twice",
    created=0,
    expires=7 * 86_400_000,
)


def shown(approval: Approval, now: int | None = None) -> str:
    paper = Console(file=io.StringIO(), width=20)
    show_question(paper, approval, now)
    assert isinstance(paper.file, io.StringIO)
    return paper.file.getvalue()


def test_a_question_shows_every_argument_whole_and_what_is_hidden_in_it() -> None:
    text = shown(replace(ASKED, arguments=json.dumps({"to": "x" * 300, "note": "\x1b[2J\u202epaid"})))
    assert f'to = "{"x" * 300}"' in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\\u001b[2J" in text
    assert "[bold]look[/bold] twice  [policies/policy.csv:3]" in text
    assert "agent:desk for user:ann · acme" in text


def test_a_call_without_arguments_says_so() -> None:
    assert "with  no arguments" in shown(replace(ASKED, arguments="{}"))


def test_a_question_tells_its_age_only_where_that_is_asked_for() -> None:
    assert "asked" not in shown(ASKED)
    assert "3 min ago; expires in 6 d 23 h" in shown(ASKED, 180_000)


def test_no_argument_hides_another_or_passes_for_two() -> None:
    arguments = json.dumps({"to": "ann", "a\u200b": "harmless", "a\\u{200b}": "rm -rf /", "amount = 5, note": "x"})
    text = shown(replace(ASKED, arguments=arguments))
    assert "rm -rf /" in text
    assert "harmless" in text
    assert '"amount = 5, note" = "x"' in text
    assert 'to = "ann"' in text


def vote(by: str, decision: Any, **more: Any) -> Vote:
    return Vote(f"user:{by}", 0, decision, **{"digest": "d", "policy": "p", **more})


@pytest.mark.parametrize(
    ("decisions", "spoken"),
    [
        ((), False),
        ((vote("bob", "approved"),), True),
        ((vote("eve", "approved"),), False),
        ((vote("eve", "approved", on_behalf="user:bob"),), True),
        ((vote("bob", "escalated"),), True),
        ((vote("eve", "escalated"),), False),
        ((vote("bob", "approved", digest="of the call before it was changed"),), False),
        ((vote("bob", "escalated"), vote("bob", "approved", digest="of the call before it was changed")), False),
    ],
)
def test_who_has_said_what_he_can_is_not_asked_again(decisions: tuple[Vote, ...], spoken: bool) -> None:
    assert has_spoken(Subject("user:bob", "acme"), replace(ASKED, needs=2, decisions=decisions)) == spoken


# ---- what is typed, to a question of a real store


class Typing:
    """Somebody who types these lines, and is gone then. `paper` is what he sees."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
        self.lines, self.paper = list(lines), Console(file=io.StringIO(), width=200)
        monkeypatch.setattr(asking, "read_line", self.read)

    async def read(self) -> str:
        if not self.lines:
            raise EOFError("nobody is there")
        return self.lines.pop(0)

    @property
    def seen(self) -> str:
        assert isinstance(self.paper.file, io.StringIO)
        return self.paper.file.getvalue()


def asked_about(folder: Path, typing: Typing, rules: str = RULES) -> tuple[Approval, Sequence[Any], str]:
    """What became of the question whether `desk/send` may be called with 900, what arrived, and how the run stands."""

    async def play() -> tuple[Approval, str]:
        async with opened(folder, tally(folder), rules=rules) as stage:
            model = Replies(calls(("desk__send", {"amount": 900, "note": "x"})), says("Done."))
            await stage.drive(await stage.queued(), model)
            (approval,) = await stage.approving.waiting()
            with contextlib.suppress(EOFError):
                await answer(stage.approving, BOB, approval, typing.paper)
            run = await stage.drive("run-1", model)
            return await stage.files.approval(approval.id), run.status

    approval, status = asyncio.run(play())
    return approval, [arrived["arguments"] for arrived in arrivals(folder, "send")], status


QUESTION = "user:bob, may it happen? (y/n, ? for more) "
REMEMBERED = RULES + "o, *, *, desk/send, call, , remember=yes, it may be remembered\n"
UP = RULES + "o, *, *, desk/send, call, , escalate=role:boss@2h, it goes up\n"


def test_other_arguments_are_shown_and_happen_on_a_yes_to_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typing = Typing(monkeypatch, 'e {"amount": 10}\n', "y\n")
    approval, arrived, _ = asked_about(tmp_path, typing)
    assert arrived == [{"amount": 10, "note": "x"}]
    assert (approval.asked_for, approval.decisions[0].by) == ('{"amount":900,"note":"x"}', "user:bob")
    assert "amount: 900 -> 10" in typing.seen
    assert typing.seen.count(QUESTION) == 1
    assert "user:bob, may it happen as changed? (y/n, ? for more) " in typing.seen


@pytest.mark.parametrize("line", ["e\n", "e amount 10\n", 'e {"amount": "ten"}\n', "e {}\n", 'e {"amount": 900}\n'])
def test_a_change_that_cant_be_read_or_made_or_is_none_decides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    typing = Typing(monkeypatch, line)
    approval, arrived, _ = asked_about(tmp_path, typing)
    assert (approval.state, approval.decisions, approval.asked_for, arrived) == ("pending", (), None, [])
    assert typing.seen.count(QUESTION) == 2


def test_a_change_is_taken_back_by_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, arrived, _ = asked_about(tmp_path, Typing(monkeypatch, 'e {"amount": 10}', 'e {"note": null}', "y"))
    assert arrived == [{"amount": 900}]
    (tmp_path / "again").mkdir()
    _, arrived, _ = asked_about(tmp_path / "again", Typing(monkeypatch, 'e {"amount": 10}', "e {}", "y"))
    assert arrived == [{"amount": 900, "note": "x"}]


def test_a_no_to_a_call_that_he_had_changed_is_a_no_to_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    approval, arrived, _ = asked_about(tmp_path, Typing(monkeypatch, 'e {"amount": 10}', "n not at all"))
    assert (approval.state, approval.reason, approval.asked_for, arrived) == ("denied", "not at all", None, [])


def test_a_yes_is_remembered_where_the_policy_lets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typing = Typing(monkeypatch, "?", "r run by note")
    approval, arrived, _ = asked_about(tmp_path, typing, REMEMBERED)
    assert (approval.state, len(arrived)) == ("consumed", 1)
    assert "r run " in typing.seen
    assert approval.decisions[0].scope == "run"


def test_what_the_policy_does_not_let_him_say_is_neither_offered_nor_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typing = Typing(monkeypatch, "?", "r run", "u", "r")
    approval, arrived, _ = asked_about(tmp_path, typing)
    assert (approval.state, approval.decisions, arrived) == ("pending", (), [])
    assert "s WHY" in typing.seen
    for not_there in ("r run", "u WHY"):
        assert not_there not in typing.seen
    assert "a yes to this call counts once" in typing.seen
    assert "nobody to whom this could be handed up" in typing.seen


def test_he_hands_it_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typing = Typing(monkeypatch, "?", "u not mine")
    approval, arrived, _ = asked_about(tmp_path, typing, UP)
    assert "role:boss decides" in typing.seen
    assert "it goes to role:boss now" in typing.seen
    assert (approval.state, approval.decisions[0].decision, arrived) == ("pending", "escalated", [])
    assert has_spoken(BOB, approval)


def test_he_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    approval, arrived, status = asked_about(tmp_path, Typing(monkeypatch, "s enough"))
    assert (approval.state, approval.reason, arrived, status) == ("denied", "enough", [], "cancelled")
