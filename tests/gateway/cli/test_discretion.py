"""No command shows a credential of ours that somebody has put into a record."""

import base64
from pathlib import Path

import pytest

from gateway.events import Admitted, Denied, Event, ModelAnswered, ModelAsked, Returned, Started, Succeeded
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.runs.conftest import DEAD, QUEUED, record

KEY = "sk-ant-hunter2hunter2"
CODED = base64.b64encode(KEY.encode()).decode()


def events() -> tuple[Event, ...]:
    part = {"kind": "tool_call", "id": "1", "name": "echo__echo", "arguments": f'{{"text": "{KEY}"}}'}
    text = {"kind": "text", "text": f"The key is {KEY}."}
    call = {"key": "t1/call/1", "id": "1", "path": "echo/echo"}
    answer = {"content": [{"type": "text", "text": f"{KEY} {CODED}"}], "structuredContent": {KEY: 1}}
    return (
        QUEUED,
        Started(DEAD),
        ModelAsked(1, {}),
        ModelAnswered(1, {"role": "assistant", "parts": [text, part]}, "tool_calls", "demo", {}, {}, (call,)),
        Admitted("t1/call/1", "echo/echo", f'{{"text":"{KEY}"}}', "pin", "policy", {}),
        Returned("t1/call/1", {"kind": "answered", "result": answer}, {}),
        Denied("t1/call/2", "echo/echo", f'{{"text":"{KEY}"}}', "permitted", f"not with {KEY}"),
        Succeeded(f"It was {KEY}."),
    )


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)


@pytest.mark.parametrize(
    "command",
    [
        ("runs", "show", "r-1", "--json"),
        ("runs", "show", "r-1"),
        ("runs", "watch", "r-1", "--json"),
        ("runs", "watch", "r-1"),
        ("runs", "--json"),
    ],
)
def test_what_is_shown_of_a_run_holds_no_key(bare: Path, toolgate: Command, command: tuple[str, ...]) -> None:
    record(bare, "r-1", *events())
    said = toolgate(*command)
    assert said.code == 0
    assert "hunter2" not in said.out + said.err
    assert CODED[:20] not in said.out + said.err
    assert ("***" in said.out + said.err) == (command != ("runs", "--json"))


def test_what_is_not_ours_is_shown_as_it_is(bare: Path, toolgate: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "another-key-entirely")
    record(bare, "r-1", *events())
    assert KEY in toolgate("runs", "show", "r-1", "--json").out
