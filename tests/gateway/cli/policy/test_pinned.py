from pathlib import Path

import pytest

from gateway.call import Tool
from gateway.cli.options import Caller
from gateway.cli.policy.pinned import Pinned
from gateway.errors import ConfigError
from gateway.offer import Offer
from tests.gateway.cli.conftest import Command


def test_a_pinned_tool_has_the_trust_that_its_server_has_now(project: Path, toolgate: Command) -> None:
    assert toolgate("tools").code == 0
    tool = Pinned(Caller(project).config()).find("call", "echo/echo")
    assert isinstance(tool, Tool)
    assert (tool.path, tool.trusted, len(tool.pin)) == ("echo/echo", True, 64)
    config = project / "toolgate.toml"
    config.write_text(config.read_text().replace("trusted = true", "trusted = false"))
    again = Pinned(Caller(project).config()).find("call", "echo/echo")
    assert again is not None
    assert not again.trusted


def test_prompts_and_resources_are_found_by_what_is_done_with_them(project: Path, toolgate: Command) -> None:
    assert toolgate("tools").code == 0
    pinned = Pinned(Caller(project).config())
    assert pinned.find("get", "echo/echo") is None
    assert pinned.find("call", "echo/nothing") is None
    assert pinned.find("call", "elsewhere/echo") is None
    lock = (project / "toolgate.lock").read_text()
    for action, kind, section in (("get", "prompt", "prompts"), ("read", "resource", "resources")):
        start = lock.find(f"[servers.echo.{section}.")
        if start >= 0:
            name = lock[start:].partition(f"{section}.")[2].partition("]\n")[0].strip('"')
            found = pinned.find(action, f"echo/{name}")  # type: ignore[arg-type]
            assert isinstance(found, Offer)
            assert (found.kind, found.trusted) == (kind, True)


def test_without_a_lock_nothing_is_known_and_a_broken_one_is_told(bare: Path) -> None:
    config = Caller(bare).config()
    assert Pinned(config).find("call", "echo/echo") is None
    (bare / "toolgate.lock").write_text("version = 99\n")
    with pytest.raises(ConfigError):
        Pinned(config).find("call", "echo/echo")
