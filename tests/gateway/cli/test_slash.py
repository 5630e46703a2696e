"""What is typed with a slash in front is for the program."""

from collections.abc import Callable
from pathlib import Path

from tests.gateway.cli.conftest import Command
from tests.gateway.cli.terminal import Answering

OnTerminal = Callable[..., Answering]
QUESTION = "may it happen? (y/n, or n and a reason)"


def the_run(toolgate: Command) -> dict[str, object]:
    row: dict[str, object] = toolgate("runs", "--json").json[0]
    return row


def test_what_is_typed_with_a_slash_is_for_the_program(talks: OnTerminal, project: Path, toolgate: Command) -> None:
    with talks("--model", "scripted:chat.yaml") as shown:
        shown.say("/save\r", "nothing has been said yet")
        shown.say("/pin Ann's number is 17.\r", "pinned")
        shown.say("/budget usd=2\r", "$0 of $2")
        shown.say("hi\r", "Hello!")
        shown.say("/tools add\r", "ask  echo/add")
        shown.say("/model\r", "scripted:")
        shown.say("/model nope\r", "there is no model `nope`")
        shown.say("/model demo\r", "demo goes on")
        shown.say("/budget usd=3\r", "$0.01 of $3")
        shown.say("/budget nonsense\r", "nonsense")
        shown.say("/pin\r", "Ann's number is 17.")
        shown.say("/sav\r", "did you mean `save`?")
        shown.say("/help\r", "Alt-Enter begins a new line")
        shown.say("/save talk.md\r", "saved in talk.md")
        shown.say("/save talk.md\r", "is there already")
        shown.say("/save talk.json\r", "saved in talk.json")
        shown.say("/quit\r", "go on with")
        assert shown.end() == 0
    run = toolgate("runs", "show", str(the_run(toolgate)["id"]), "--json").json
    names = [event["event"] for event in run["events"]]
    assert names.count("user_spoke") == 0
    assert {"pinned", "model_chosen", "limits_raised"} <= set(names)
    text = (project / "talk.md").read_text()
    assert "**user:ann**\n\nhi\n" in text
    assert "Hello! What can I do for you?" in text
    assert (project / "talk.md").stat().st_mode & 0o777 == 0o600
