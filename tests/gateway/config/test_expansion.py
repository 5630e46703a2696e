import json
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.config.expansion import Expanding, ResolvedHttp, ResolvedServer, ResolvedStdio, ServerConfig, expand
from gateway.config.jsonc import parse_jsonc
from gateway.config.places import DEFAULT, Document
from gateway.config.servers import read_servers
from gateway.config.settings import ServerWord
from gateway.config.templates import Template
from gateway.errors import ConfigError

HOME = {"HOME": "/u/ann"}


def server(entry: Any) -> ServerConfig:
    value, places = parse_jsonc(json.dumps({"mcpServers": {"shop": entry}}, indent=1), ".mcp.json")
    (found,) = read_servers(Document(".mcp.json", Path("/file"), value, places)).entries
    return ServerConfig("shop", found, ServerWord(), Path("/project"))


def resolved(entry: Any, **environ: str) -> ResolvedServer:
    return expand(server(entry), HOME | environ)


def refused(entry: Any, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as wrong:
        resolved(entry, **environ)
    return [str(problem) for problem in wrong.value.problems]


def test_a_program_gets_what_the_variables_stand_for() -> None:
    entry = {"command": "${BIN:-python3}", "args": ["--key", "${KEY}"], "env": {"A": "x${env:KEY}"}, "cwd": "${SUB}"}
    assert resolved(entry, KEY="k", SUB="sub") == ResolvedStdio(
        "python3", ("--key", "k"), {"A": "xk"}, "/file/sub", ("k", "sub")
    )


def test_a_program_starts_in_the_project_unless_the_file_says_otherwise() -> None:
    found = resolved({"command": "x"})
    assert isinstance(found, ResolvedStdio)
    assert found.cwd == "/project"
    assert resolved({"command": "x", "cwd": "/abs"}) == ResolvedStdio("x", (), {}, "/abs")


def test_an_address_gets_its_headers() -> None:
    entry = {"url": "${URL}/mcp", "headers": {"Authorization": "Bearer ${KEY}"}, "type": "sse"}
    assert resolved(entry, URL="https://x", KEY="k") == ResolvedHttp(
        "https://x/mcp", {"Authorization": "Bearer k"}, sse=True, secrets=("https://x", "k")
    )


def test_the_words_of_editors_are_known() -> None:
    found = resolved({"command": "${userHome}/x", "args": ["${workspaceFolder}", "${TOOLGATE_PYTHON}"]})
    assert isinstance(found, ResolvedStdio)
    assert (found.command, found.args) == ("/u/ann/x", ("/project", sys.executable))


def test_another_python_can_be_named() -> None:
    found = resolved({"command": "${TOOLGATE_PYTHON:-python3}"}, TOOLGATE_PYTHON="/other")
    assert isinstance(found, ResolvedStdio)
    assert found.command == "/other"


def test_every_variable_that_is_not_set_is_named_with_its_line() -> None:
    told = refused({"command": "x", "args": ["${A}"], "env": {"B": "${HERE}${C}"}}, HERE="hunter2")
    assert [text.partition(" (")[0] for text in told] == [
        ".mcp.json:6:5: error: the environment variable `A` is not set",
        ".mcp.json:9:5: error: the environment variable `C` is not set",
    ]
    assert told[0].endswith("(type `export A=VALUE` in the shell that starts Toolgate, or write `${A:-VALUE}` there)")


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ({"url": "${V}"}, "hunter2"),
        ({"url": "${V}"}, "file:///hunter2"),
        ({"url": "http://x", "headers": {"A": "${V}"}}, "hunter2\r\nB: c"),
        ({"command": "x", "env": {"A": "${V}"}}, "hunter2\0"),
        ({"command": "${V}"}, ""),
    ],
)
def test_a_value_that_can_not_be_used_is_refused_and_not_shown(entry: Any, value: str) -> None:
    (told,) = refused(entry, V=value)
    assert "what this stands for can't be used" in told
    assert "hunter2" not in told


def test_what_was_expanded_shows_no_secret() -> None:
    program = resolved({"command": "x", "args": ["${K}"], "env": {"A": "${K}"}}, K="hunter2")
    address = resolved({"url": "http://x/${K}", "headers": {"A": "${K}"}}, K="hunter2")
    assert "hunter2" not in repr(program) + repr(address)


def test_what_the_environment_gave_is_handed_over_as_secret_and_nothing_else_is() -> None:
    entry = {
        "command": "${TOOLGATE_PYTHON}",
        "args": ["${workspaceFolder}", "--key=${ARG}", "${UNSET:-plain}", "${EMPTY:-plain}"],
        "env": {"A": "${env:ENV}"},
        "cwd": "${userHome}/${CWD}",
    }
    program = resolved(entry, ARG="arg", ENV="env", CWD="cwd", EMPTY="", TOOLGATE_PYTHON="/other")
    assert program.secrets == ("arg", "cwd", "env")
    address = resolved({"url": "http://x/${PATH_KEY}", "headers": {"A": "Bearer ${KEY}"}}, PATH_KEY="p", KEY="k")
    assert address.secrets == ("k", "p")


def test_of_what_has_a_name_only_what_is_called_a_secret_or_looks_like_a_token_is_one() -> None:
    given = {"TEAM": "oil-chain", "KEY": "hunter2", "TOKEN": "sk-ant-12345678"}
    expanding = Expanding(given)
    texts = {"X-Team": "${TEAM}", "X-Api-Key": "k-${KEY}", "X-Odd": "${TOKEN}", "Authorization": "Bearer ${NONE:-x}"}
    values = expanding.named({name: Template(text, DEFAULT) for name, text in texts.items()})
    assert dict(values) == {
        "X-Team": "oil-chain", "X-Api-Key": "k-hunter2", "X-Odd": "sk-ant-12345678", "Authorization": "Bearer x"
    }  # fmt: skip
    assert expanding.secrets == ("hunter2", "sk-ant-12345678")


def test_either_file_can_switch_a_server_off() -> None:
    on, off = server({"command": "x"}), server({"command": "x", "disabled": True})
    assert not on.disabled
    assert off.disabled
    assert ServerConfig("shop", on.entry, ServerWord(disabled=True), Path()).disabled
