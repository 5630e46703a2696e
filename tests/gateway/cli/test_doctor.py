from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.gateway.cli.conftest import Command
from tests.gateway.cli.terminal import Terminal


def test_a_sound_project_is_all_ok(project: Path, toolgate: Command) -> None:
    said = toolgate("doctor")
    assert (said.code, said.err) == (0, "")
    assert {line.split()[0] for line in said.out.splitlines()} == {"ok"}
    assert "server echo" in said.out
    assert "8 tools, modern era" in said.out
    assert "\x1b" not in said.out


def test_what_fails_is_named_with_its_mend_and_the_code_is_1(project: Path, toolgate: Command) -> None:
    (project / ".mcp.json").write_text('{"mcpServers": {"echo": {"command": "no-such-program"}}}')
    said = toolgate("doctor")
    assert said.code == 1
    (line,) = [line for line in said.out.splitlines() if line.startswith("fail")]
    assert "`no-such-program` was not found" in line
    assert "  mend: " in line


def test_a_warning_is_no_failure(bare: Path, toolgate: Command) -> None:
    said = toolgate("doctor")
    assert said.code == 0
    assert "warn  servers" in said.out


def test_a_broken_configuration_is_a_finding_and_not_the_end(bare: Path, toolgate: Command) -> None:
    (bare / "toolgate.toml").write_text("[store]\npaht = 1\n")
    said = toolgate("doctor")
    assert (said.code, said.err) == (1, "")
    assert "toolgate.toml:2:1: there is no key `paht`" in said.out
    assert "ok    python" in said.out


def test_the_json_of_the_doctor_keeps_its_shape(
    bare: Path, toolgate: Command, golden: Callable[[str, Any], None]
) -> None:
    (bare / "policies" / "policy.csv").write_text("p, user:ann\n")
    said = toolgate("doctor", "--json")
    assert (said.code, said.json["ok"]) == (1, False)
    findings = {finding["what"]: finding for finding in said.json["findings"]}
    golden("cli_doctor", {"ok": False, "findings": [findings["policy"], findings["telemetry"], findings["model demo"]]})


def test_a_terminal_gets_colours(bare: Path, terminal: Callable[..., Terminal]) -> None:
    with terminal("doctor") as shown:
        assert shown.end() == 0
        assert "\x1b[32mok" in shown.raw
