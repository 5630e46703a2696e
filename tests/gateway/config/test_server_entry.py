import json
from pathlib import Path
from typing import Any

import pytest

from gateway.config.jsonc import parse_jsonc
from gateway.config.places import Document
from gateway.config.server_entry import HttpTemplate, ServerEntry, StdioTemplate, entry_problems, read_entry

PATH = ("mcpServers", "shop")


def document(entry: Any) -> Document:
    value, places = parse_jsonc(json.dumps({"mcpServers": {"shop": entry}}, indent=1), ".mcp.json")
    return Document(".mcp.json", Path("/p"), value, places)


def told(entry: Any) -> list[str]:
    return [str(problem) for problem in entry_problems(document(entry), PATH)]


def read(entry: Any) -> ServerEntry:
    assert not [text for text in told(entry) if ": error:" in text]
    return read_entry(document(entry), PATH)


def test_a_program_has_a_command_arguments_an_environment_and_a_folder() -> None:
    entry = read({"command": "x", "args": ["a", "${B}"], "env": {"C": "${D}"}, "cwd": "sub"})
    assert isinstance(entry.transport, StdioTemplate)
    assert entry.transport.command.text == "x"
    assert [argument.text for argument in entry.transport.args] == ["a", "${B}"]
    assert entry.transport.env["C"].place.line == 10
    assert entry.transport.cwd is not None
    assert (entry.name, entry.folder, entry.disabled, entry.place.line) == ("shop", Path("/p"), False, 3)


@pytest.mark.parametrize("kind", [None, "http", "streamable-http", "streamableHttp"])
def test_an_address_is_streamable_http_whatever_its_type_is_called(kind: str | None) -> None:
    entry = read({"url": "http://x/mcp", "headers": {"A": "b"}} | ({"type": kind} if kind else {}))
    assert isinstance(entry.transport, HttpTemplate)
    assert not entry.transport.sse
    assert entry.transport.headers["A"].text == "b"


def test_the_old_transport_must_be_asked_for() -> None:
    transport = read({"url": "http://x/sse", "type": "sse"}).transport
    assert isinstance(transport, HttpTemplate)
    assert transport.sse


@pytest.mark.parametrize(("key", "value"), [("disabled", True), ("enabled", False)])
def test_a_server_that_is_switched_off_is_off(key: str, value: bool) -> None:
    assert read({"command": "x", key: value}).disabled


def test_which_tools_are_there_is_said_in_the_words_of_any_client() -> None:
    assert (read({"command": "x"}).only, read({"command": "x"}).off) == (None, frozenset())
    entry = read({"command": "x", "disabledTools": ["a"], "excludeTools": ["b"]})
    assert (entry.only, entry.off) == (None, frozenset({"a", "b"}))
    assert read({"command": "x", "enabledTools": ["a", "b"], "includeTools": ["b", "c"]}).only == frozenset({"b"})
    assert read({"command": "x", "includeTools": []}).only == frozenset()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"command": "x", "disabledTools": "a"}, "`mcpServers.shop.disabledTools` must be a list of tools"),
        ({"command": "x", "includeTools": [1]}, "`mcpServers.shop.includeTools` must be a list of tools"),
        ({}, "has neither `command` nor `url` (say what to start or call)"),
        ({"command": "x", "url": "http://x"}, "has both `command` and `url`: it is a program or an address"),
        ({"command": "x", "headers": {}}, "`mcpServers.shop.headers` goes with no `command` (remove it)"),
        ({"url": "http://x", "args": []}, "`mcpServers.shop.args` goes with no `url` (remove it)"),
        ({"url": "http://x", "type": "stdio"}, "is of type `stdio` but has a `url`"),
        ({"command": "x", "type": "http"}, "is of type `http` but has a `command`"),
        ({"url": "http://x", "type": "htpp"}, "`mcpServers.shop.type` can't be `htpp` (did you mean `http`?)"),
        ({"command": "x", "agrs": []}, "there is no key `agrs` in `mcpServers.shop` (did you mean `args`?)"),
        ({"httpUrl": "http://x"}, "there is no key `httpUrl` in `mcpServers.shop` (write `url`)"),
        ({"command": ""}, "`mcpServers.shop.command` is empty"),
        ({"command": ["x"]}, "`mcpServers.shop.command` must be text"),
        ({"command": "x", "args": "a"}, "`mcpServers.shop.args` must be a list of texts"),
        ({"command": "x", "args": ["a", 8080]}, "`mcpServers.shop.args[1]` must be text (put it in quotes"),
        ({"command": "x", "env": {"A": 1}}, "`mcpServers.shop.env.A` must be text"),
        ({"command": "x", "env": ["A=1"]}, "`mcpServers.shop.env` must be an object"),
        ({"command": "x", "env": {"A=B": "c"}}, "`A=B` can't be a name in `mcpServers.shop.env`"),
        ({"command": "x", "disabled": "yes"}, "`mcpServers.shop.disabled` must be true or false"),
        ({"url": "http://x", "headers": {"A B": "c"}}, "`A B` can't be a name in `mcpServers.shop.headers`"),
        ({"url": "http://x", "headers": {"A": "b\r\nC: d"}}, "`mcpServers.shop.headers.A` holds a control character"),
        ({"command": "x", "args": ["a\0b"]}, "`mcpServers.shop.args[0]` holds a control character"),
        ({"command": "x", "args": ["${input:k}"]}, "`mcpServers.shop.args[0]`: `${input:...}` asks a person"),
        ({"command": "x", "args": ["${"]}, "begins no placeholder that Toolgate knows"),
        ([], "`mcpServers.shop` must be an object"),
    ],
)
def test_a_server_that_can_not_be_meant_so_is_refused(entry: Any, message: str) -> None:
    assert any(": error: " in text and message in text for text in told(entry)), told(entry)


def test_a_problem_stands_in_the_line_of_its_key() -> None:
    assert told({"command": "x", "agrs": []})[0].startswith(".mcp.json:5:4: error:")


def test_what_other_clients_read_is_warned_about_and_says_what_does_it_here() -> None:
    texts = told({"command": "x", "timeout": 5, "alwaysAllow": ["a"], "autoApprove": [], "description": "d"})
    assert len(texts) == 4
    assert all(": warning: " in text for text in texts)
    assert "call_timeout" in texts[0]
    assert "policy" in texts[1]


def test_a_secret_is_not_repeated_in_an_error() -> None:
    entry = {"url": "https://ann:hunter2@x ${", "headers": {"Authorization": "hunter2\0"}}
    assert len(told(entry)) == 2
    assert "hunter2" not in "".join(told(entry))


def test_a_server_does_not_show_its_secrets() -> None:
    entry = read({"command": "x", "args": ["hunter2"], "env": {"A": "hunter2"}})
    assert "hunter2" not in repr(entry)
