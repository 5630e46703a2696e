import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from mcp import Client
from mcp.types import CallToolResult, TextContent

from servers.serving import server_for
from servers.tooling import Program
from servers.workspace.rooted import Rooted
from servers.workspace.tools import tools_for


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Rooted]:
    folder = Rooted(tmp_path)
    yield folder
    folder.close()


def _calls(root: Rooted, *calls: tuple[str, dict[str, Any]]) -> list[CallToolResult]:
    async def scenario() -> list[CallToolResult]:
        async with Client(server_for(Program("workspace", "1", "", tools_for(root)))) as client:
            return [await client.call_tool(name, arguments) for name, arguments in calls]

    return asyncio.run(scenario())


def _text(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


def test_each_tool_does_what_its_description_says(root: Rooted) -> None:
    results = _calls(
        root,
        ("write_file", {"path": "a/b.txt", "content": "grün"}),
        ("write_file", {"path": "a/b.txt", "content": "rot"}),
        ("list_files", {}),
        ("list_files", {"path": "a"}),
        ("read_file", {"path": "a/b.txt"}),
        ("move_file", {"source": "a/b.txt", "destination": "c.txt"}),
        ("delete_file", {"path": "c.txt"}),
        ("delete_file", {"path": "c.txt"}),
    )
    assert [result.structured_content for result in results] == [
        {"path": "a/b.txt", "size": 5, "created": True},
        {"path": "a/b.txt", "size": 3, "created": False},
        {"path": ".", "entries": [{"name": "a", "kind": "folder", "size": 0}], "complete": True},
        {"path": "a", "entries": [{"name": "b.txt", "kind": "file", "size": 3}], "complete": True},
        {"path": "a/b.txt", "content": "rot", "size": 3},
        {"source": "a/b.txt", "destination": "c.txt"},
        {"path": "c.txt", "existed": True},
        {"path": "c.txt", "existed": False},
    ]
    assert _text(results[4]) == "rot"


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("read_file", {"path": "nope.txt"}, "there is no `nope.txt`"),
        ("read_file", {"path": "../x"}, "lead out of the workspace"),
        ("read_file", {"path": ""}, "`path` must be a string, at least 1 characters"),
        ("write_file", {"path": "/etc/passwd", "content": ""}, "not a path below the workspace"),
        ("move_file", {"source": "nope.txt", "destination": "b"}, "there is no `nope.txt`"),
        ("delete_file", {"path": "."}, "the workspace itself"),
        ("list_files", {"path": "nope"}, "there is no `nope`"),
    ],
)
def test_what_is_refused_is_a_tool_error_that_says_why(
    root: Rooted, name: str, arguments: dict[str, Any], text: str
) -> None:
    (result,) = _calls(root, (name, arguments))
    assert result.is_error
    assert text in _text(result)


def test_schemas_are_valid_and_hints_are_true(root: Rooted) -> None:
    tools = tools_for(root)
    for tool in tools:
        Draft202012Validator.check_schema(tool.input_schema)
        Draft202012Validator.check_schema(tool.output_schema)
    hints = {tool.name: (tool.hints.read_only, tool.hints.destructive, tool.hints.idempotent) for tool in tools}
    assert hints == {
        "list_files": (True, False, True),
        "read_file": (True, False, True),
        "write_file": (False, True, True),
        "move_file": (False, True, False),
        "delete_file": (False, True, True),
    }


def test_an_idempotent_tool_called_twice_leaves_what_calling_it_once_leaves(root: Rooted, tmp_path: Path) -> None:
    for call in (("write_file", {"path": "a", "content": "x"}), ("delete_file", {"path": "a"})):
        _calls(root, call)
        once = {path.name: path.read_text() for path in tmp_path.iterdir()}
        _calls(root, call)
        assert {path.name: path.read_text() for path in tmp_path.iterdir()} == once
