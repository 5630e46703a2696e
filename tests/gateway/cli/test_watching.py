"""A question with all that is known about it."""

from pathlib import Path

from tests.gateway.cli.conftest import Command

BOB = ("--as", "user:bob")


def ask(toolgate: Command, b: int) -> str:
    return str(toolgate("call", "echo/add", f'{{"a": 1, "b": {b}}}', "--json").error["approval"])


def test_a_question_is_shown_with_what_differs_from_the_last_such_call(project: Path, toolgate: Command) -> None:
    first = ask(toolgate, 2)
    shown = toolgate("approvals", "show", first)
    assert shown.code == 0
    for text in ("echo/add", "b = 2", "sums need a person", "was agreed to before", "1 tool call", "pending", first):
        assert text in shown.out
    toolgate("approve", first, *BOB)
    toolgate("call", "echo/add", '{"a": 1, "b": 2}')
    second = toolgate("approvals", "show", ask(toolgate, 900))
    assert f"the last one was agreed to by user:bob ({first})" in second.out
    assert "b: 2 -> 900" in second.out
    assert "user:bob: approved (command line, os user " in toolgate("approvals", "show", first).out


def test_its_json_has_the_record_and_the_view(project: Path, toolgate: Command) -> None:
    told = toolgate("approvals", "show", ask(toolgate, 2), "--json").json
    assert ["with", "b = 2"] in told["view"]
    assert told["state"] == "pending"


def test_what_is_long_is_cut_unless_all_of_it_is_wanted(project: Path, toolgate: Command) -> None:
    asked = ask(toolgate, int("9" * 39))
    assert "9" * 39 in toolgate("approvals", "show", asked, "--full").out


def test_questions_are_shown_as_they_come(project: Path, toolgate: Command) -> None:
    ids = [ask(toolgate, 2), ask(toolgate, 3)]
    watched = toolgate("approvals", "watch", "--count", "2", "--json")
    assert [one["id"] for one in watched.lines] == ids
    (first, _) = watched.lines
    shown = toolgate("approvals", "watch", "--count", "1").out
    assert f"toolgate approve {ids[0]} --digest {first['digest']}\n" in shown


def test_an_unknown_question_is_an_error(bare: Path, toolgate: Command) -> None:
    assert toolgate("approvals", "show", "A-00000000").code == 1
