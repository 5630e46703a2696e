"""The line that is typed: what was said before is found again, and a paste is one message."""

from collections.abc import Callable

from tests.gateway.cli.conftest import Command
from tests.gateway.cli.terminal import Answering

OnTerminal = Callable[..., Answering]
QUESTION = "may it happen? (y/n, ? for more)"


def the_run(toolgate: Command) -> dict[str, object]:
    row: dict[str, object] = toolgate("runs", "--json").json[0]
    return row


def test_a_message_of_several_lines_is_one(talks: OnTerminal, toolgate: Command) -> None:
    with talks("--model", "scripted:chat.yaml") as shown:
        shown.say("\x1b[200~first\nsecond\x1b[201~", "second")  # as terminals paste
        shown.type("\r")
        shown.until("Hello!")
        shown.leave()
    events = toolgate("runs", "show", str(the_run(toolgate)["id"]), "--json").json["events"]
    assert events[0]["input"] == "first\nsecond"
