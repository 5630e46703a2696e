import asyncio
from pathlib import Path

import pytest

from gateway.call import Tool
from gateway.cli.options import Caller
from gateway.cli.policy.knowing import connected, people, pinned
from gateway.errors import ConfigError
from tests.gateway.cli.conftest import Command


def test_what_is_asked_is_live_and_what_is_not_is_known_from_pins(project: Path, toolgate: Command) -> None:
    config = Caller(project).config()
    assert [*pinned(config).missing] == ["echo"]
    live = asyncio.run(connected(config))
    assert ("echo/echo" in live.catalogue.tools, live.from_pins, live.missing) == (True, (), {})
    assert toolgate("call", "echo/echo", '{"text": "x"}').code == 0
    kept = pinned(config)
    assert (set(kept.catalogue.tools), kept.from_pins) == (set(live.catalogue.tools), ("echo",))
    assert pinned(config, ["other"]).catalogue.tools == {}


def test_what_is_pinned_has_the_trust_that_its_server_has_now(project: Path, toolgate: Command) -> None:
    assert toolgate("tools").code == 0
    tool = pinned(Caller(project).config()).catalogue.find("call", "echo/echo")
    assert isinstance(tool, Tool)
    assert (tool.path, tool.trusted, len(tool.pin)) == ("echo/echo", True, 64)
    config = project / "toolgate.toml"
    config.write_text(config.read_text().replace("trusted = true", "trusted = false"))
    again = pinned(Caller(project).config()).catalogue.find("call", "echo/echo")
    assert again is not None
    assert not again.trusted


def test_without_a_lock_nothing_is_known_and_a_broken_one_is_told(project: Path) -> None:
    config = Caller(project).config()
    assert pinned(config).catalogue.find("call", "echo/echo") is None
    (project / "toolgate.lock").write_text("version = 99\n")
    with pytest.raises(ConfigError):
        pinned(config)


def test_people_are_looked_for_without_making_a_store(bare: Path) -> None:
    config = Caller(bare).config()
    known = asyncio.run(people(config))
    assert set(known.members) == {"user:ann", "agent:desk"}
    assert set(known.tenants) == {"acme"}
    assert not config.store.path.exists()


def test_people_are_those_of_runs_approvals_and_keys(project: Path, toolgate: Command) -> None:
    assert toolgate("call", "echo/add", '{"a": 1, "b": 2}', "--as", "user:zoe", "--tenant", "beta").code in (6, 7)
    config = Caller(project).config()
    known = asyncio.run(people(config))
    assert {"user:ann", "user:zoe"} <= known.members
    assert set(known.tenants) == {"acme", "beta"}
    assert not known.closed
    assert toolgate("keys", "create", "--user", "user:carol", "--tenant", "gamma").code == 0
    known = asyncio.run(people(config))
    assert set(known.tenants) == {"acme", "beta", "gamma"}
    assert ("user:carol" in known.members, known.closed) == (True, True)


def test_a_store_that_can_not_be_read_is_said_and_the_check_goes_on(bare: Path, toolgate: Command) -> None:
    config = Caller(bare).config()
    config.store.path.parent.mkdir(exist_ok=True)
    config.store.path.write_bytes(b"no database at all, but long enough to be looked at" * 99)
    checked = toolgate("policy", "check")
    assert checked.code == 0
    assert checked.err.startswith("members and tenants were compared with the configuration alone: ")
