"""What is typed to a question: only a clear yes is one, and whatever can't be read decides nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.answer import Answer, Unclear, answer_of
from gateway.approval import Remember
from gateway.approving import Choices
from gateway.cli.letters import explained, help_wanted, said_in
from tests.builders import an_approval

ALL = Choices(remember=True, escalate_to="role:boss")
FEW = Choices()


def read(line: str, may: Choices = ALL) -> Answer | None:
    said = said_in(line, may)
    return None if said is None else answer_of({**said, "digest": "d"}, "", 0)


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
        ("u", ("escalated", "")),
        ("up, not my department", ("escalated", "not my department")),
    ],
)
def test_only_a_clear_yes_approves(line: str, understood: tuple[str, str] | None) -> None:
    said = read(line)
    assert (said and (said.decision, said.reason)) == understood
    assert said in (None, Answer(said.decision, said.reason, seen="d") if said else None)


@given(st.one_of(st.text(), st.text().map(lambda text: f"y{text}"), st.text().map(lambda text: f"yes {text}")))
def test_no_text_approves_but_y_and_yes_and_an_order_to_change_or_to_remember(line: str) -> None:
    try:
        said = read(line)
    except Unclear:
        return
    plain = said is not None and (said.decision, said.edit, said.remember) == ("approved", None, None)
    assert plain == (line.strip().lower() in ("y", "yes"))


@pytest.mark.parametrize("line", ["y:", "Y.", "yes,"])
def test_a_yes_with_anything_behind_it_is_none(line: str) -> None:
    assert read(line) is None


@pytest.mark.parametrize("line", ["n ", "s ", "u "])
def test_a_reason_has_an_end(line: str) -> None:
    said = read(line + "x" * 10_000)
    assert said is not None
    assert len(said.reason) == 500


def test_stop_is_a_no_that_ends_the_run() -> None:
    assert read("s enough of it") == Answer("denied", "enough of it", seen="d", stop=True)
    assert read("stop") == Answer("denied", seen="d", stop=True)


def test_an_edit_is_what_its_json_names() -> None:
    assert said_in('e {"amount": 10, "note": null}', FEW) == {
        "decision": "approved", "edit": {"amount": 10, "note": None},
    }  # fmt: skip
    assert said_in('edit {"amount":\n10}', FEW) == {"decision": "approved", "edit": {"amount": 10}}


@pytest.mark.parametrize("rest", ["", " amount 10", " {", " []", ' {"a": NaN}', ' {"a": 1, "a": 2}', ' {"a": 1} y'])
def test_an_edit_that_cant_be_read_is_no_answer(rest: str) -> None:
    with pytest.raises(Unclear, match=r'write the arguments that are other ones as JSON: e \{"amount": 10\}'):
        said_in(f"e{rest}", ALL)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("r run", Remember("run")),
        ("remember session", Remember("session")),
        ("r client by amount", Remember("client", ("amount",))),
        ("r run by amount, note", Remember("run", ("amount", "note"))),
        ("r until 8h", Remember("until", (), 8 * 3_600_000)),
        ("r until 3 d by note", Remember("until", ("note",), 3 * 86_400_000)),
    ],
)
def test_a_yes_that_is_remembered_says_for_how_long(line: str, wanted: Remember) -> None:
    assert read(line) == Answer("approved", seen="d", remember=wanted)


@pytest.mark.parametrize(
    "line", ["r", "r once", "r for ever", "r run 8h", "r until", "r until soon", "r run by", "r x"]
)
def test_a_yes_that_is_remembered_for_nobody_knows_how_long_is_none(line: str) -> None:
    with pytest.raises(Unclear):
        read(line)


@pytest.mark.parametrize("line", ["r run", "u", "u not mine"])
def test_what_may_not_be_said_is_not_taken(line: str) -> None:
    with pytest.raises(Unclear):
        said_in(line, FEW)


def test_only_what_may_be_said_is_explained() -> None:
    def letters(may: Choices, **more: Any) -> str:
        return "".join(typed[0] for typed, _does in explained(an_approval(**more), may))

    assert letters(FEW) == "ynes"
    assert letters(ALL) == "ynerrsu"
    told = dict(explained(an_approval(client="an editor"), ALL))
    assert "r client" in told["r run"]
    assert "r client" not in dict(explained(an_approval(), ALL))["r run"]
    assert told["u WHY"] == "role:boss decides"


def test_a_question_mark_asks_what_can_be_said_and_says_nothing() -> None:
    for line in ("?\n", " h ", "HELP"):
        assert help_wanted(line)
        assert said_in(line, ALL) is None
    assert not help_wanted("y?")
