"""`toolgate chat` on a real terminal: what is typed, what a person sees, and how it goes on."""

from collections.abc import Callable
from pathlib import Path

from tests.gateway.cli.conftest import Command
from tests.gateway.cli.terminal import Answering

OnTerminal = Callable[..., Answering]
QUESTION = "may it happen? (y/n, ? for more)"


def the_run(toolgate: Command) -> dict[str, object]:
    row: dict[str, object] = toolgate("runs", "--json").json[0]
    return row


def test_a_conversation_with_thoughts_a_call_that_is_asked_about_and_the_budget_in_sight(
    talks: OnTerminal, toolgate: Command
) -> None:
    with talks("--model", "scripted:chat.yaml", "--budget", "usd=5") as shown:
        shown.say("hi\r", "Hello! What can I do for you?")
        assert "Somebody greets me." in shown.screen
        shown.until("$0.01 of $5")  # at the foot of the screen
        shown.say("what is 1 and 2?\r", QUESTION)
        assert "with  a = 1" in shown.screen
        shown.type("y\r")
        shown.until("It is three.")
        shown.leave()
        assert "go on with: toolgate chat --resume r-" in shown.screen
        assert "Traceback" not in shown.screen
        assert "waiting for" not in shown.screen  # who talks knows that it waits for him
    assert the_run(toolgate)["status"] == "waiting"


def test_what_is_no_conversation_is_not_talked_with(project: Path, toolgate: Command) -> None:
    toolgate("run", "hi", "--json")
    run = str(the_run(toolgate)["id"])
    refused = toolgate("chat", "--resume", run)
    assert refused.code == 2
    assert f"go on with: toolgate resume {run}" in refused.err
    assert toolgate("chat", "--resume").code == 1
    assert toolgate("chat", "--resume", run, "--agent", "desk").code == 2
