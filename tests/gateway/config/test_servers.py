from pathlib import Path

import pytest

from gateway.config.jsonc import parse_jsonc
from gateway.config.places import Document
from gateway.config.servers import ServerFile, alike, read_servers
from gateway.errors import ConfigError


def file(text: str) -> ServerFile:
    value, places = parse_jsonc(text, ".mcp.json")
    return read_servers(Document(".mcp.json", Path("/p"), value, places))


@pytest.mark.parametrize("top", ["mcpServers", "servers"])
def test_servers_stand_under_the_word_of_either_client(top: str) -> None:
    found = file(f'{{"{top}": {{"a": {{"command": "x"}}, "b": {{"url": "http://x"}}}}}}')
    assert [entry.name for entry in found.entries] == ["a", "b"]
    assert found.problems == ()


def test_both_words_may_be_used_together() -> None:
    found = file('{"mcpServers": {"a": {"command": "x"}}, "servers": {"b": {"command": "x"}}, "inputs": []}')
    assert [entry.name for entry in found.entries] == ["a", "b"]
    assert found.problems == ()


def test_a_broken_server_leaves_the_others_as_they_are() -> None:
    found = file('{"mcpServers": {"a": {}, "b": {"command": "x"}}}')
    assert [entry.name for entry in found.entries] == ["b"]
    assert len(found.problems) == 1


@pytest.mark.parametrize("name", ["", "_a", "-a", "a__b", "a/b", "a b", "*", "a:b", "ä"])
def test_a_name_that_could_be_taken_for_another_is_refused(name: str) -> None:
    (problem,) = file(f'{{"mcpServers": {{"{name}": {{"command": "x"}}}}}}').problems
    assert problem.level == "error"
    assert f"`{name}` can't be the name of a server" in problem.message
    assert problem.line == 1


def test_names_that_differ_by_capitals_only_are_refused_with_both_lines() -> None:
    found = file('{"mcpServers": {\n"Shop": {"command": "x"},\n"shop": {"command": "x"}}}')
    (problem,) = alike(found.entries)
    assert str(problem).startswith(".mcp.json:3:1: error: the server `shop` has the same name as `Shop` in .mcp.json:2")


def test_the_same_server_under_both_words_is_refused() -> None:
    found = file('{"mcpServers": {"a": {"command": "x"}},\n"servers": {"a": {"command": "x"}}}')
    assert len(list(alike(found.entries))) == 1


def test_the_same_name_twice_in_one_object_is_refused() -> None:
    with pytest.raises(ConfigError, match="twice"):
        file('{"mcpServers": {"a": {"command": "x"}, "a": {"command": "y"}}}')


def test_a_misspelt_word_at_the_top_is_an_error_when_no_servers_are_left() -> None:
    (problem,) = file('{"mcpservers": {}}').problems
    assert (problem.level, problem.hint) == ("error", "did you mean `mcpServers`?")


def test_what_else_a_client_keeps_in_its_file_is_only_warned_about() -> None:
    (problem,) = file('{"mcpServers": {}, "theme": "dark"}').problems
    assert problem.level == "warning"


def test_servers_must_be_an_object() -> None:
    assert "must be an object" in file('{"mcpServers": []}').problems[0].message


def test_an_empty_file_has_no_servers() -> None:
    assert file("{}") == ServerFile()


def test_toolgate_itself_is_left_out_with_a_word_about_it() -> None:
    found = file(
        '{"mcpServers": {"toolgate": {"command": "/bin/toolgate", "args": ["serve", "--stdio"]},'
        ' "py": {"command": "python", "args": ["-m", "gateway.cli", "serve"]}, "a": {"command": "toolgate"}}}'
    )
    assert [entry.name for entry in found.entries] == ["a"]
    assert [(problem.level, problem.line) for problem in found.problems] == [("warning", 1)] * 2
    assert "is Toolgate itself" in found.problems[0].message
