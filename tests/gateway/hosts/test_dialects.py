from pathlib import Path
from typing import Any

import pytest

from gateway.hosts.dialects import (
    Foreign,
    http_entry,
    is_gateway,
    key_variable,
    points_to,
    same,
    stdio_entry,
    translated,
)
from gateway.hosts.table import HOSTS

HOME, WORK = Path("/home/ann"), Path("/work/shop")
HOST = {host.name: host for host in HOSTS}

# host, entry, in our form
USER: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("claude-desktop", {"command": "uvx", "args": ["x"], "env": {}}, {"command": "uvx", "args": ["x"]}),
    (
        "claude-code",
        {"type": "stdio", "command": "x", "env": {"A": "${A:-1}"}},
        {"command": "x", "env": {"A": "${A:-1}"}},
    ),
    ("claude-code", {"type": "sse", "url": "https://x"}, {"url": "https://x", "type": "sse"}),
    (
        "cursor",
        {"url": "https://x", "headers": {"A": "Bearer ${env:T}"}},
        {"url": "https://x", "headers": {"A": "Bearer ${env:T}"}},
    ),
    ("vscode", {"type": "http", "url": "https://x"}, {"url": "https://x"}),
    ("windsurf", {"serverUrl": "https://x"}, {"url": "https://x"}),
    ("windsurf", {"serverUrl": "https://x/sse"}, {"url": "https://x/sse", "type": "sse"}),
    ("cursor", {"url": "https://x/v1/sse/?k=1"}, {"url": "https://x/v1/sse/?k=1", "type": "sse"}),
    ("cursor", {"url": "https://x/mcp?to=/sse"}, {"url": "https://x/mcp?to=/sse"}),
    ("vscode", {"type": "http", "url": "https://x/sse"}, {"url": "https://x/sse"}),
    ("gemini", {"httpUrl": "https://x/sse"}, {"url": "https://x/sse"}),
    ("gemini", {"httpUrl": "https://x"}, {"url": "https://x"}),
    ("gemini", {"url": "https://x"}, {"url": "https://x", "type": "sse"}),
    ("gemini", {"url": "https://x", "type": "http"}, {"url": "https://x"}),
    (
        "gemini",
        {"command": "x", "env": {"A": "$A", "B": "${B}/c"}},
        {"command": "x", "env": {"A": "${A}", "B": "${B}/c"}},
    ),
    ("zed", {"source": "custom", "command": "x", "args": []}, {"command": "x"}),
    (
        "zed",
        {"command": {"path": "x", "args": ["a"], "env": {"A": "b"}}},
        {"command": "x", "args": ["a"], "env": {"A": "b"}},
    ),
    (
        "codex",
        {"command": "x", "env_vars": ["T", {"name": "U"}]},
        {"command": "x", "env": {"T": "${T:-}", "U": "${U:-}"}},
    ),
    (
        "codex",
        {"url": "https://x", "bearer_token_env_var": "T"},
        {"url": "https://x", "headers": {"Authorization": "Bearer ${T}"}},
    ),
    (
        "codex",
        {"url": "https://x", "http_headers": {"A": "b"}, "env_http_headers": {"C": "D"}},
        {"url": "https://x", "headers": {"A": "b", "C": "${D}"}},
    ),
    ("cursor", {"command": "x", "cwd": "tools"}, {"command": "x", "cwd": "/home/ann/tools"}),
    (
        "cursor",
        {"command": "x", "env": {"PORT": 80, "ON": True, "NO": None}},
        {"command": "x", "env": {"PORT": "80", "ON": "true"}},
    ),
]


@pytest.mark.parametrize(("host", "entry", "ours"), USER)
def test_an_entry_means_the_same_in_our_form(host: str, entry: dict[str, Any], ours: dict[str, Any]) -> None:
    assert translated(HOST[host], entry, None, HOME).entry == ours


def test_what_a_workspace_says_in_relative_terms_is_made_absolute() -> None:
    entry = {"command": "${workspaceFolder}/bin/x", "args": ["${workspaceFolderBasename}${/}a", "${userHome}"]}
    ours = translated(HOST["vscode"], entry, WORK, HOME).entry
    assert ours == {"command": "/work/shop/bin/x", "args": ["shop/a", "${userHome}"], "cwd": "/work/shop"}
    assert translated(HOST["cursor"], {"command": "x", "cwd": "a"}, WORK, HOME).entry["cwd"] == "/work/shop/a"


@pytest.mark.parametrize(
    ("host", "entry", "why"),
    [
        ("cursor", [], "not an object"),
        ("cursor", {}, "neither a `command` nor an address"),
        ("cursor", {"command": 1}, "`command` is not a text"),
        ("cursor", {"command": "x", "args": "y"}, "`args` is not a list"),
        ("cursor", {"command": "x", "env": ["A=b"]}, "`env` is not an object"),
        ("vscode", {"command": "x", "envFile": ".env"}, "come from a file"),
        ("cursor", {"url": "https://x", "auth": {"CLIENT_ID": "y"}}, "needs a log-in"),
        ("vscode", {"type": "websocket", "url": "https://x"}, "goes with no address"),
        ("windsurf", {"command": "x", "disabledTools": "die"}, "`disabledTools` is not a list"),
        ("zed", {"source": "extension", "settings": {}}, "an extension of the client"),
        ("zed", {"command": "x", "args": ["${HOME}"]}, "holds a `${` that its client passes on"),
        ("codex", {"command": "x", "env": {"A": "${A}"}}, "holds a `${` that its client passes on"),
    ],
)
def test_what_cannot_be_said_here_stays_where_it_is(host: str, entry: Any, why: str) -> None:
    with pytest.raises(Foreign, match=why.replace("$", r"\$").replace("{", r"\{")):
        translated(HOST[host], entry, None, HOME)


@pytest.mark.parametrize(
    ("host", "said", "ours"),
    [
        ("windsurf", {"disabledTools": ["die", "add"]}, {"disabledTools": ["add", "die"]}),
        ("codex", {"disabled_tools": ["die"]}, {"disabledTools": ["die"]}),
        ("codex", {"enabled_tools": []}, {"enabledTools": []}),
        ("gemini", {"includeTools": ["run(ls)"], "excludeTools": []}, {"enabledTools": ["run"]}),
        ("gemini", {"excludeTools": ["die"], "disabledTools": ["add"]}, {"disabledTools": ["add", "die"]}),
        ("gemini", {"includeTools": ["a", "b"], "enabledTools": ["b"]}, {"enabledTools": ["b"]}),
        ("cursor", {"disabledTools": []}, {}),
    ],
)  # fmt: skip
def test_tools_that_are_switched_off_stay_so(host: str, said: Any, ours: Any) -> None:
    done = translated(HOST[host], {"url": "https://x", **said}, None, HOME)
    assert {key: value for key, value in done.entry.items() if key not in ("url", "type")} == ours
    assert done.dropped == ()


def test_keys_without_effect_here_are_named() -> None:
    assert translated(HOST["cursor"], {"command": "x", "autoApprove": [], "timeout": 1}, None, HOME).dropped == (
        "autoApprove",
        "timeout",
    )
    assert translated(HOST["codex"], {"command": "x", "env_vars": [], "enabled": True}, None, HOME).dropped == ()


def test_two_entries_are_the_same_server_whatever_the_order_of_their_keys() -> None:
    assert same({"command": "x", "args": []}, {"type": "stdio", "command": "x"})
    assert same({"url": "u", "headers": {"A": "1", "B": "2"}}, {"headers": {"B": "2", "A": "1"}, "url": "u"})
    assert not same({"command": "x"}, {"command": "x", "disabled": True})
    assert not same({"url": "u"}, {"url": "u", "type": "sse"})
    assert not same({"url": "u"}, {"url": "u", "disabledTools": ["die"]})
    assert not same({"url": "u"}, {"url": "u", "enabledTools": []})
    assert not same({"command": "x", "args": ["a", "b"]}, {"command": "x", "args": ["b", "a"]})


def test_the_gateways_entry_is_written_as_each_host_reads_it() -> None:
    command = ("/bin/toolgate", "serve", "--stdio")
    base = {"command": "/bin/toolgate", "args": ["serve", "--stdio"]}
    assert stdio_entry(HOST["claude-code"], command, ["T"]) == {"type": "stdio", **base, "env": {"T": "${T}"}}
    assert stdio_entry(HOST["cursor"], command, ["T"]) == {**base, "env": {"T": "${env:T}"}}
    assert stdio_entry(HOST["vscode"], command, []) == {"type": "stdio", **base}
    assert stdio_entry(HOST["codex"], command, ["T"]) == {**base, "env_vars": ["T"]}
    assert stdio_entry(HOST["zed"], command, ["T"]) == {"source": "custom", **base}
    assert stdio_entry(HOST["claude-desktop"], command, ["T"]) == base


@pytest.mark.parametrize("host", [host for host in HOSTS if host.url_key], ids=lambda host: host.name)
def test_what_we_write_is_what_we_recognise(host: Any) -> None:
    assert is_gateway(stdio_entry(host, ("/bin/toolgate", "serve", "--stdio"), []))
    assert is_gateway(stdio_entry(host, ("/bin/python", "-P", "-m", "gateway.cli", "serve", "--stdio"), []))
    assert points_to(http_entry(host, "http://127.0.0.1:8765/mcp"), "127.0.0.1", 8765)


def test_other_things_are_not_taken_for_the_gateway() -> None:
    assert not is_gateway({"command": "uvx", "args": ["serve"]})
    assert not is_gateway({"command": "toolgate", "args": ["demo"]})
    assert not is_gateway("toolgate serve")
    assert not points_to({"url": "http://127.0.0.1:9999/mcp"}, "127.0.0.1", 8765)
    assert not points_to({"url": "http://127.0.0.1:bad/mcp"}, "127.0.0.1", 8765)


def test_a_host_that_only_starts_programs_says_so() -> None:
    with pytest.raises(Foreign, match="Claude Desktop only starts programs"):
        http_entry(HOST["claude-desktop"], "http://127.0.0.1:8765/mcp")


@pytest.mark.parametrize("host", [host.name for host in HOSTS if host.url_key and host.name != "zed"])
def test_a_key_in_a_variable_is_named_as_each_host_reads_it(host: str) -> None:
    entry = http_entry(HOST[host], "http://127.0.0.1:8765/mcp", "TG_KEY")
    assert key_variable(entry) == "TG_KEY"
    said = translated(HOST[host], entry, None, HOME).entry["headers"]["Authorization"]
    assert said in ("Bearer ${TG_KEY}", "Bearer ${env:TG_KEY}")


def test_an_entry_without_a_key_has_none() -> None:
    assert key_variable({"url": "x"}) is key_variable({"headers": {"Authorization": "Bearer tg_1"}}) is None
    with pytest.raises(Foreign, match="puts no variables into headers"):
        http_entry(HOST["zed"], "http://127.0.0.1:8765/mcp", "TG_KEY")
