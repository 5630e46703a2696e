from pathlib import Path
from typing import Any

from gateway.hosts.naming import Found, Gateway, find_servers, named
from gateway.hosts.sections import Section
from gateway.hosts.table import HOSTS
from gateway.hosts.text import Source

HOST = {host.name: host for host in HOSTS}
HOME = Path("/home/ann")
GATEWAY = Gateway(Path("/gw"), "127.0.0.1", 8765)
OURS = {"command": "/bin/toolgate", "args": ["serve", "--stdio", "--project", "/gw"]}


def section(host: str, servers: dict[str, Any], *off: str) -> Section:
    source = Source(Path(f"/home/ann/{host}.json"), f"{host}.json", b"", "")
    return Section(HOST[host], source, ("mcpServers",), None, servers, frozenset(off))


def found(*sections: Section) -> list[Found]:
    return [one for place in sections for one in find_servers(place, GATEWAY, HOME)]


def names(all_found: list[Found]) -> list[tuple[str, str, bool]]:
    return [(one.section.host.name, one.here, one.known) for one in all_found]


def test_what_is_switched_off_stays_and_says_so() -> None:
    off = section("cursor", {"a": {"command": "x", "disabled": True}, "b": {"command": "x"}}, "b")
    more = section("codex", {"c": {"command": "x", "enabled": False}})
    assert [(one.name, one.entry, one.why) for one in found(off, more)] == [
        (name, None, "it is switched off") for name in "abc"
    ]


def test_a_gateway_is_never_imported() -> None:
    other = {"command": "toolgate", "args": ["serve", "--stdio", "--project", "/other"]}
    assert found(section("cursor", {"toolgate": OURS, "x": other, "y": {"url": "http://127.0.0.1:8765/mcp"}})) == []


def test_this_gateway_is_told_from_another() -> None:
    assert GATEWAY.is_this(OURS)
    assert GATEWAY.is_this({"url": "http://127.0.0.1:8765/mcp"})
    assert not GATEWAY.is_this({**OURS, "args": ["serve", "--stdio", "--project", "/other"]})


def test_each_profile_of_a_gateway_is_another_part_of_it() -> None:
    part = {**OURS, "args": [*OURS["args"], "--profile", "stock"]}
    address = {"url": "http://127.0.0.1:8765/mcp/stock"}
    for entry in (part, address):
        assert GATEWAY.is_part(entry, "stock")
        assert not GATEWAY.is_part(entry, None)
        assert not GATEWAY.is_part(entry, "other")
    for entry in (OURS, {"url": "http://127.0.0.1:8765/mcp"}, {"url": "http://127.0.0.1:8765/mcp/"}):
        assert GATEWAY.is_part(entry, None)
    assert not GATEWAY.is_part({"url": "http://127.0.0.1:1/mcp/stock"}, "stock")


def test_the_same_server_in_two_clients_is_one_here() -> None:
    one = section("cursor", {"time": {"command": "uvx", "args": ["t"]}})
    two = section("claude-code", {"clock": {"type": "stdio", "command": "uvx", "args": ["t"]}})
    assert names(named(found(one, two), {})) == [("cursor", "time", False), ("claude-code", "time", False)]


def test_the_same_name_for_another_server_gets_its_clients_name() -> None:
    one = section("cursor", {"time": {"command": "a"}})
    two = section("zed", {"Time": {"command": "b"}})
    three = section("zed", {"time": {"command": "c"}})
    assert names(named(found(one, two, three), {})) == [
        ("cursor", "time", False),
        ("zed", "Time-zed", False),
        ("zed", "time-2", False),
    ]


def test_what_is_here_is_known_and_never_replaced() -> None:
    here: dict[str, dict[str, Any]] = {"time": {"command": "a"}, "git": {"command": "g", "args": []}}
    place = section("cursor", {"time": {"command": "b"}, "mygit": {"command": "g"}})
    assert names(named(found(place), here)) == [("cursor", "time-cursor", False), ("cursor", "git", True)]


def test_a_name_that_cannot_be_one_here_is_made_into_one() -> None:
    place = section("cursor", {"My Server!": {"command": "a"}, "a__b": {"command": "b"}, "日本": {"command": "c"}})
    assert [here for _, here, _ in names(named(found(place), {}))] == ["My-Server", "a-b", "server"]


def test_no_entry_shows_in_a_repr() -> None:
    place = section("cursor", {"a": {"command": "x", "env": {"T": "ghp_secret"}}})
    assert "secret" not in repr(found(place))
