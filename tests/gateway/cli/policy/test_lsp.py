import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.options import Caller
from gateway.cli.policy.lsp import known_tools
from gateway.pins.document import dump
from gateway.pins.entries import Identity, PinnedEntry, PinnedServer
from tests.gateway.cli.conftest import Command


def test_without_the_extra_it_says_what_to_install(
    bare: Path, toolgate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    find: Callable[..., Any] = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "pygls" else find(name, *more))
    said = toolgate("policy", "lsp")
    assert (said.code, said.out) == (1, "")
    assert "pip install 'toolgate[lsp]'" in said.err


def test_the_tools_are_those_of_the_lock_and_nothing_else_of_it(bare: Path) -> None:
    definition = {"name": "add", "inputSchema": {"type": "object"}}
    entries = {"add": PinnedEntry.of(definition), "prompt:greet": PinnedEntry.of({"name": "greet"})}
    (bare / "toolgate.lock").write_text("".join(dump({"echo": PinnedServer(Identity("x"), entries)})))
    (bare / ".mcp.json").write_text('{"mcpServers": {"echo": {"command": "x"}}}')
    (tool,) = known_tools(Caller(bare).config())
    assert (tool.path, tool.definition, tool.trusted) == ("echo/add", definition, False)


@pytest.mark.parametrize("text", [None, "version = 'broken"])
def test_without_a_lock_that_can_be_read_no_tool_is_known(bare: Path, text: str | None) -> None:
    if text is not None:
        (bare / "toolgate.lock").write_text(text)
    assert known_tools(Caller(bare).config()) == []
