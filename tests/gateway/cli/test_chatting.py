"""A conversation goes on where it was; without a terminal, each line of stdin is a message."""

import signal
from collections.abc import Callable
from pathlib import Path

from tests.gateway.cli.conftest import Command
from tests.gateway.cli.terminal import Answering

OnTerminal = Callable[..., Answering]
QUESTION = "may it happen? (y/n, ? for more)"


def the_run(toolgate: Command) -> dict[str, object]:
    row: dict[str, object] = toolgate("runs", "--json").json[0]
    return row


def test_a_conversation_that_was_killed_goes_on_where_it_was(talks: OnTerminal, toolgate: Command) -> None:
    with talks("--model", "scripted:chat.yaml") as shown:
        shown.say("hi\r", "Hello!")
        shown.say("sum\r", QUESTION)
        shown.process.send_signal(signal.SIGKILL)
        shown.end()
    run = str(the_run(toolgate)["id"])
    with talks("--resume", run[:6]) as shown:
        shown.until(QUESTION)  # what was not finished is finished first
        shown.type("y\r")
        shown.until("It is three.")
        shown.leave()


def test_a_no_that_stops_the_run_ends_the_conversation(talks: OnTerminal, toolgate: Command) -> None:
    with talks("--model", "scripted:chat.yaml") as shown:
        shown.say("hi\r", "Hello!")
        shown.say("sum\r", QUESTION)
        shown.type("s enough\r")
        assert shown.end() == 1
    assert the_run(toolgate)["status"] == "cancelled"


def test_each_line_of_stdin_is_a_message_and_the_answers_are_on_stdout(project: Path, child: Command) -> None:
    (project / "two.yaml").write_text("steps:\n  - say: One.\n  - say: Two.\n")
    done = child("chat", "--model", "scripted:two.yaml", stdin="hi\n\nand?\n")
    assert (done.code, done.out) == (0, "One.\nTwo.\n")
    assert "go on with: toolgate chat --resume r-" in done.err


def test_words_that_no_store_keeps_are_refused_and_the_conversation_stays(
    project: Path, child: Command, toolgate: Command
) -> None:
    (project / "two.yaml").write_text("steps:\n  - say: One.\n  - say: Two.\n")
    for odd, code in (("and\0?", 1), ("/pin a\0b", 0)):  # a command that went wrong ends no conversation
        done = child("chat", "--model", "scripted:two.yaml", stdin=f"hi\n{odd}\n")
        assert (done.code, done.out, "NUL character" in done.err) == (code, "One.\n", True)
        assert the_run(toolgate)["status"] == "waiting"


def test_as_json_each_fact_is_a_line_once(project: Path, child: Command) -> None:
    (project / "two.yaml").write_text("steps:\n  - say: One.\n  - say: Two.\n")
    done = child("chat", "--model", "scripted:two.yaml", "--json", stdin="hi\nand?\n")
    assert [line["seq"] for line in done.lines] == list(range(1, len(done.lines) + 1))
    assert [line["event"] for line in done.lines].count("user_spoke") == 1
    assert done.lines[-1] == {**done.lines[-1], "event": "waited", "cause": "user"}


def test_without_a_terminal_a_question_ends_it_with_a_code_of_its_own(project: Path, child: Command) -> None:
    done = child("chat", "--model", "scripted:sum.yaml", stdin="sum\nmore\n")
    assert done.code == 7
    assert "somebody must decide: toolgate approvals" in done.err


def test_without_a_terminal_a_failure_ends_it(project: Path, child: Command) -> None:
    (project / "no.yaml").write_text("steps:\n  - fail: {kind: auth, message: the key is wrong}\n    say: One.\n")
    done = child("chat", "--model", "scripted:no.yaml", stdin="hi\nand?\n")
    assert (done.code, done.out) == (1, "")
    assert "the key is wrong" in done.err


def test_a_script_can_go_on_after_a_failure_with_its_next_words(
    project: Path, child: Command, toolgate: Command
) -> None:
    (project / "no.yaml").write_text("steps:\n  - fail: {kind: auth, message: the key is wrong}\n    say: One.\n")
    assert child("chat", "--model", "scripted:no.yaml", stdin="hi\n").code == 1
    assert child("chat", "--resume", stdin="").code == 0  # nothing was asked for
    (project / "yes.yaml").write_text("steps:\n  - say: Two.\n")
    done = child("chat", "--resume", stdin="/model scripted:yes.yaml\ngo on\n")
    assert (done.code, done.out) == (0, "Two.\n")
    assert the_run(toolgate)["status"] == "waiting"


def test_a_script_can_go_on_with_a_conversation_too(project: Path, child: Command, toolgate: Command) -> None:
    (project / "two.yaml").write_text("steps:\n  - say: One.\n  - say: Two.\n")
    child("chat", "--model", "scripted:two.yaml", stdin="hi\n")
    assert child("chat", "--resume", stdin="and?\n").out == "Two.\n"
    run = str(the_run(toolgate)["id"])
    again = child("resume", run)
    assert (again.code, again.out) == (0, "Two.\n")
    assert f"toolgate chat --resume {run}" in again.err
