import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.cli.checks import examine
from gateway.cli.finding import Finding
from gateway.cli.options import Caller
from gateway.cli.server_checks import running, servers
from gateway.config import Config
from gateway.offer import called
from tests.fixtures import nursery
from tests.fixtures.serving import Project

OURS = "machine/7/abc"


def config(project: Path) -> Config:
    return Caller(project).config()


def levels(findings: list[Finding]) -> list[str]:
    return [finding.level for finding in findings]


def a_status(**more: Any) -> Any:
    fields = {"name": "shop", "state": "ready", "era": "modern", "protocol_version": "2026-07-28", "tools": 6}
    return SimpleNamespace(**{"rejected": 0, "error": "", "connect_seconds": 0.5, "gateways": (), **fields, **more})


def test_each_server_says_what_it_offers_and_how_long_it_took(bare: Path) -> None:
    found = next(servers(config(bare), [a_status()]))
    assert found == Finding("ok", "server shop", "6 tools, modern era, 2026-07-28, 0.50 s")
    assert next(servers(config(bare), [a_status(tools=1)])).detail.startswith("1 tool, modern era")


def test_a_server_that_is_down_fails_and_rejected_tools_are_a_warning(bare: Path) -> None:
    down, rejected = a_status(state="down", error="it exited"), a_status(rejected=2)
    findings = list(servers(config(bare), [down, rejected]))
    assert levels(findings)[:3] == ["fail", "ok", "warn"]
    assert findings[0].detail == "it exited"


def test_what_is_to_be_looked_at_is_named_with_its_line(project: Path) -> None:
    (project / ".mcp.json").write_text('{"mcpServers": {\n  "echo": {"command": "no-such-program"}}}')
    (found,) = servers(config(project), [a_status(name="echo", state="down", error="it exited")])
    assert found.mend == "look at .mcp.json:2, and start by hand what stands there"
    (project / ".mcp.json").write_text('{"mcpServers": {\n  "echo": {"url": "http://192.0.2.1:9/mcp"}}}')
    (found,) = servers(config(project), [a_status(name="echo", state="down", error="can't connect")])
    assert found.mend == "look at .mcp.json:2, and try by hand the `url` that stands there"


def test_each_variable_that_is_not_set_is_named_with_its_place_and_what_to_type(project: Path) -> None:
    (project / ".mcp.json").write_text(
        '{"mcpServers": {"echo": {\n  "command": "x",\n  "env": {"A": "${NO_SUCH_A}",\n    "B": "${NO_SUCH_B}"}}}}'
    )
    one, two = servers(config(project), [a_status(name="echo", state="down", error="...")])
    assert (one.level, one.what) == ("fail", "server echo")
    assert one.detail == ".mcp.json:3:11: the environment variable `NO_SUCH_A` is not set"
    assert (
        one.mend
        == "type `export NO_SUCH_A=VALUE` in the shell that starts Toolgate, or write `${NO_SUCH_A:-VALUE}` there"
    )
    assert two.detail.startswith(".mcp.json:4:5: ")


def test_a_server_that_is_switched_off_is_not_started(bare: Path) -> None:
    (bare / ".mcp.json").write_text('{"mcpServers": {"off": {"command": "no-such-program", "disabled": true}}}')
    findings = [found for found in asyncio.run(examine(Caller(bare))) if found.what == "server off"]
    assert [(found.level, found.detail) for found in findings] == [("ok", "is switched off")]


# ---- servers that lead back to this gateway


@pytest.mark.parametrize(
    ("gateways", "said"),
    [
        ((), None),
        (("b", "c"), None),
        ((called("machine/7/ab", "x"),), None),
        ((called(OURS, "x"), "b"), "it is this gateway itself"),
        (("b", called(OURS, "x")), "it has this gateway among its servers, or behind one of them"),
    ],
)
def test_a_server_that_leads_back_here_fails(bare: Path, gateways: tuple[str, ...], said: str | None) -> None:
    found = next(servers(config(bare), [a_status(gateways=gateways)], [OURS]))
    assert found.level == ("fail" if said else "ok")
    assert found.detail.startswith(said or "6 tools")
    assert found.mend.startswith("take it out of .mcp.json" if said else "")


@pytest.mark.parametrize(
    ("url", "ours"),
    [
        ("http://127.0.0.1:8765/mcp", True),
        ("http://localhost:8765/mcp/part", True),
        ("http://127.0.0.1:8766/mcp", False),
        ("http://127.0.0.1:8765/other", False),
        ("http://192.0.2.1:8765/mcp", False),
    ],
)
def test_of_a_server_that_is_not_there_it_is_said_that_its_address_is_our_own(bare: Path, url: str, ours: bool) -> None:
    (bare / ".mcp.json").write_text(json.dumps({"mcpServers": {"me": {"url": url}}}))
    found = next(servers(config(bare), [a_status(name="me", state="down", error="nobody is there")]))
    assert (found.level, "`toolgate serve` here" in found.detail) == ("fail", ours)
    assert found.mend.startswith("take it out of .mcp.json:1" if ours else "look at .mcp.json:1")
    assert next(servers(config(bare), [a_status(name="me")])).level == "ok"


def doctor(project: Project) -> dict[str, Any]:
    """What is found of servers, by their names."""
    given = project.give("doctor", "--json")
    findings = json.loads(given.stdout)["findings"]
    return {found["what"]: found for found in findings if found["what"].startswith("server ")}


def test_a_gateway_that_runs_is_known_again_and_so_is_one_that_names_it(tmp_path: Path) -> None:
    here, there = (Project(tmp_path / name) for name in ("here", "there"))
    here.folder.mkdir()
    there.folder.mkdir()
    here.write("", {"echo": nursery.entry("echo_server.py", "stdio")})
    with here.serve() as gateway:
        there.write("", {"here": {"url": gateway.url}})
        with there.serve() as other:
            here.write("", {"me": {"url": gateway.url}, "other": {"url": other.url}})
            found = doctor(here)
            assert found["server me"]["detail"].startswith("it is this gateway itself")
            assert found["server other"]["detail"].startswith("it has this gateway among its servers")
            assert {each["level"] for each in found.values()} == {"fail"}
            assert doctor(there)["server here"]["level"] == "ok"
        assert len(running(config(here.folder))) == 1
    assert running(config(here.folder)) == []


def test_without_a_store_that_can_be_read_no_gateway_is_known_to_run(bare: Path) -> None:
    assert running(config(bare)) == []
    store = config(bare).store.path
    store.parent.mkdir(parents=True, exist_ok=True)
    store.write_text("no database" * 100)
    assert running(config(bare)) == []
