"""What is typed with a slash in front is for the program."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from gateway.events import Admitted, Doubted, ModelAnswered, ModelAsked, Queued, Started, Waited
from gateway.store.lease import machine
from gateway.store.sqlite import SqliteStore
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.terminal import Answering

OnTerminal = Callable[..., Answering]
RUN = "r-0123456789abcdef"
DEAD = f"{machine()}/999999999/aa"  # no process has such a number
QUESTION = "may it happen? (y/n, ? for more)"


def the_run(toolgate: Command) -> dict[str, object]:
    row: dict[str, object] = toolgate("runs", "--json").json[0]
    return row


def test_only_the_tools_are_listed_that_the_agent_is_offered(project: Path, child: Command) -> None:
    toml = project / "toolgate.toml"
    toml.write_text(toml.read_text().replace("[agents.desk]\n", '[agents.desk]\ntools = ["echo/ec*"]\n'))
    said = child("chat", stdin="/tools\n")
    assert "echo/echo" in said.err
    assert "echo/add" not in said.err


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


def in_doubt(project: Path) -> None:
    """A conversation that waits for somebody to say what became of its call."""
    model = f"scripted:{project / 'doubt.yaml'}"
    (project / "doubt.yaml").write_text("steps:\n  - call: {tool: echo/echo, args: {}}\n  - say: Then it is done.\n")
    part = {"kind": "tool_call", "id": "1", "name": "echo__echo", "arguments": "{}"}
    call = {"key": "t1/call/1", "id": "1", "path": "echo/echo"}
    events = (
        Queued("loop", "user:ann", "acme", "agent:desk", model, "echo it", conversation=True),
        Started(DEAD),
        ModelAsked(1, {}),
        ModelAnswered(1, {"role": "assistant", "parts": [part]}, "tool_calls", "demo", {}, {}, (call,)),
        Admitted("t1/call/1", "echo/echo", "{}", "pin", "policy", {}),
        Doubted("t1/call/1", "no answer came to this call"),
        Waited("doubt"),
    )
    store = SqliteStore(project / ".toolgate" / "toolgate.db")
    try:
        asyncio.run(store.append(RUN, events, lease=None))
    finally:
        store.close()


def test_a_call_in_doubt_is_resolved_where_it_is_talked_about(
    talks: OnTerminal, project: Path, toolgate: Command
) -> None:
    in_doubt(project)
    with talks("--resume", RUN) as shown:
        shown.until("/settle t1/call/1 happened|did-not|give-up")
        shown.say("/settle t1/call/1 perhaps\r", "write /settle CALL WORD [NOTE]")
        shown.say("/settle t1/call/9 happened\r", "in doubt: `t1/call/1`")
        shown.say("/settle t1/call/1 happened I heard it\r", "Then it is done.")
        shown.say("/settle t1/call/1 happened\r", "no call of it is")
        shown.leave()
    events = toolgate("runs", "show", RUN, "--json").json["events"]
    (resolved,) = [event for event in events if event["event"] == "resolved"]
    assert (resolved["key"], resolved["resolution"], resolved["by"], resolved["note"]) == (
        "t1/call/1", "happened", "user:ann", "I heard it",
    )  # fmt: skip


def test_a_conversation_that_was_ended_is_over(project: Path, child: Command, toolgate: Command) -> None:
    (project / "two.yaml").write_text("steps:\n  - say: One.\n  - say: Two.\n")
    done = child("chat", "--model", "scripted:two.yaml", stdin="hi\n/end\nand?\n")
    run = str(the_run(toolgate)["id"])
    assert (done.code, done.out) == (0, "One.\n")
    assert f"it is over; all of it: toolgate runs show {run}" in done.err
    assert "--resume" not in done.err
    assert the_run(toolgate)["status"] == "cancelled"
    assert child("chat", "--resume", run, stdin="and?\n").code != 0


def test_before_anything_was_said_there_is_nothing_to_end(project: Path, child: Command, toolgate: Command) -> None:
    assert child("chat", "--model", "scripted:work.yaml", stdin="/end\n").code == 0
    assert toolgate("runs", "--json").json == []
