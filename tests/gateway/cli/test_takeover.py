from pathlib import Path
from typing import Any

import pytest

from gateway.cli.takeover import planned, readable, secrets_in, server_of, shown_command, variables_of
from gateway.config import Config, load_config
from gateway.hosts.home import Home
from gateway.hosts.naming import Found, Gateway, find_servers, named
from gateway.hosts.sections import Section, find_sections
from gateway.hosts.table import HOSTS
from gateway.hosts.text import Source

TOKEN = "ghp_0123456789abcdefghij"
CURSOR = next(host for host in HOSTS if host.name == "cursor")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "toolgate.toml").write_text("")
    return load_config(tmp_path, {"HOME": str(tmp_path)})


def found(entry: dict[str, Any], name: str = "a") -> Found:
    source = Source(Path("/mcp.json"), "mcp.json", b"", "")
    section = Section(CURSOR, source, ("mcpServers",), None, {name: entry})
    (one,) = named(list(find_servers(section, Gateway(Path("/gw"), "127.0.0.1", 1), Path("/home"))), {})
    return one


def test_what_is_started_is_shown_without_its_secrets() -> None:
    one = found({"command": "npx", "args": ["-y", "x", "--token", TOKEN], "env": {"A": TOKEN, "B": "${env:B}"}})
    assert shown_command(one) == "npx -y x --token ***"
    assert secrets_in(one) == ["env A", "an argument"]
    web = found({"url": f"https://ann:{TOKEN}@x.org/mcp?key={TOKEN}", "headers": {"Authorization": f"Bearer {TOKEN}"}})
    assert TOKEN not in shown_command(web)
    assert secrets_in(web) == ["headers Authorization", "its address"]
    assert secrets_in(found({"command": "npx", "env": {"TZ": "UTC", "TOKEN": "${env:TOKEN}"}})) == []


def test_what_our_own_reader_refuses_stays_with_the_reason(config: Config) -> None:
    (asks,) = readable([found({"command": "x", "env": {"K": "${input:key}"}})], config)
    assert (asks.entry, asks.here) == (None, "")
    assert "asks a person" in asks.why
    (fine,) = readable([found({"command": "x"})], config)
    assert fine.entry == {"command": "x"}


def test_the_variables_that_servers_name_and_that_are_set_are_known(config: Config) -> None:
    one = found({"command": "${env:BIN}", "args": ["${userHome}/x"], "env": {"T": "${env:T}", "D": "${env:D:-1}"}})
    web = found({"url": "https://x", "headers": {"A": "Bearer ${env:KEY}"}}, "b")
    servers = [server_of(one, config), server_of(web, config)]
    assert variables_of(servers, dict.fromkeys(["BIN", "KEY", "T", "D", "PATH", "OTHER"], "x")) == [
        "BIN",
        "D",
        "KEY",
        "T",
    ]
    assert variables_of(servers, {"KEY": "x"}) == ["KEY"]


def test_two_sections_of_one_file_are_edited_together(tmp_path: Path, config: Config) -> None:
    projects = f'"projects": {{"{tmp_path}": {{"mcpServers": {{"b": {{"command": "y"}}}}}}}}'
    path = tmp_path / ".claude.json"
    path.write_text(f'{{"mcpServers": {{"a": {{"command": "x"}}}}, {projects}}}')
    gateway = Gateway(tmp_path, "127.0.0.1", 1)
    sections = find_sections(config.folders, {}).found
    servers = named([one for section in sections for one in find_servers(section, gateway, tmp_path)], {})
    plan = planned(servers, Home(tmp_path, own=False), config, ("/toolgate", "serve"), gateway=gateway, keep=False)
    assert [change.path.name for change in plan.changes] == ["mcp.json", ".claude.json"]
    assert plan.changes[1].after.count(b'"toolgate"') == 2
    assert b'"command": "x"' not in plan.changes[1].after
    assert b'"command": "y"' not in plan.changes[1].after
