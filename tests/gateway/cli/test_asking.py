import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from gateway.approval import Approval
from gateway.cli.asking import answered, show_question

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


@pytest.mark.parametrize(
    ("line", "understood"),
    [
        ("y\n", ("approved", "")),
        ("Yes", ("approved", "")),
        ("n", ("denied", "")),
        ("no", ("denied", "")),
        ("no, too much to do", ("denied", "too much to do")),
        ("n odd", ("denied", "odd")),
        ("n: wrong customer", ("denied", "wrong customer")),
        ("", None),
        ("yellow", None),
        ("yes, but only half of it", None),
        ("y n", None),
        ("nothing", None),
        ("ok", None),
    ],
)
def test_only_a_clear_yes_approves(line: str, understood: tuple[str, str] | None) -> None:
    assert answered(line) == understood


@given(st.text())
def test_no_text_approves_but_y_and_yes(line: str) -> None:
    said = answered(line)
    assert (said is not None and said[0] == "approved") == (line.strip().lower() in ("y", "yes"))


def test_a_reason_has_an_end() -> None:
    said = answered("n " + "x" * 10_000)
    assert said is not None
    assert len(said[1]) == 500


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
