"""Real gateways, started as a client starts them; the workspace shows whether anything was done."""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.call import Tool
from gateway.cli.hosting import launch, load_home
from gateway.cli.proof import Proof, harmless, prove
from gateway.config.folders import find_folders
from gateway.errors import UpstreamUnavailable
from gateway.hosts.home import Home
from gateway.policy import load
from gateway.upstream import Stdio
from tests.fixtures.hosts import workspace

Prove = Callable[..., Proof]
TOOLS = [
    Tool("files", name, {"name": name, "annotations": {"readOnlyHint": name in ("list_files", "read_file")}}, "")
    for name in ("delete_file", "list_files", "read_file", "write_file")
]


def counting(calls: Path) -> dict[str, Any]:
    """A server that writes down what reaches it; most of its tools need no argument."""
    return {
        "command": sys.executable,
        "args": [str(Path(__file__).parents[2] / "fixtures" / "tally_server.py"), str(calls)],
    }


@pytest.fixture
def proven(folder: Path, env: Mapping[str, str]) -> Prove:
    """Writes a project with this policy, and proves it."""

    def make(*policy: str, hidden: list[Tool] | None = None, tally: Path | None = None, server: Any = None) -> Proof:
        shipped = Path(__file__).parents[3] / "policies" / "model.conf"
        (folder / "policies").mkdir()
        (folder / "policies" / "model.conf").write_text(shipped.read_text())
        (folder / "policies" / "policy.csv").write_text("# mine\n" + "\n".join(policy) + "\n")
        (folder / "toolgate.toml").write_text("")
        servers = {"tally": counting(tally)} if tally else {"files": workspace(folder / "files")}
        servers = {"server": server} if server else servers
        (folder / ".mcp.json").write_text(json.dumps({"mcpServers": servers}))
        home = Home(folder, own=False)
        config = load_home(home, find_folders(folder, env))
        command = launch(home)
        start = Stdio(command[0], command[1:], {}, "/")
        return asyncio.run(prove(config, load(config.policy.model, config.policy.files), start, hidden or []))

    return make


def test_one_call_is_let_through_and_one_is_not_each_with_its_rule(proven: Prove) -> None:
    proof = proven(
        "p, *, *, files/list_files, call, , allow, looking is free",
        "p, *, *, files/write_file, call, , allow, so is writing",
        "p, *, *, files/read_file, call, , deny, not these",
        hidden=TOOLS,
    )
    assert proof.holds
    assert (proof.tools, proof.protocol) == (2, "2026-07-28")
    allowed, denied = proof.allowed, proof.denied
    assert (allowed.verdict, allowed.tool, allowed.rule, allowed.why) == (
        "allow",
        "files/list_files",
        "policies/policy.csv:2",
        "looking is free",
    )
    assert (denied.verdict, denied.tool, denied.rule, denied.why) == (
        "deny",
        "files/read_file",
        "policies/policy.csv:4",
        "not these",
    )


def test_only_what_its_server_says_to_only_read_is_called(proven: Prove, tmp_path: Path) -> None:
    proof = proven("p, *, *, tally/*, call, , allow, everything", tally=tmp_path / "calls")
    assert proof.holds
    assert (proof.allowed.verdict, proof.allowed.tool) == ("allow", "tally/look")
    assert [json.loads(line)["tool"] for line in (tmp_path / "calls").read_text().splitlines()] == ["look"]


def test_without_such_a_tool_nothing_is_called_and_that_is_said(proven: Prove, tmp_path: Path) -> None:
    policy = ("p, *, *, tally/*, call, , allow, everything", "p, *, *, tally/look, call, , deny, but this")
    proof = proven(*policy, tally=tmp_path / "calls")
    assert proof.holds
    assert proof.allowed.verdict == "none"
    assert "no tool that is allowed to you is sure to only read" in proof.allowed.why
    assert not (tmp_path / "calls").exists() or (tmp_path / "calls").read_text() == ""


def test_a_tool_that_only_reads_within_its_own_world_is_tried_with_arguments_that_are_made_up(
    folder: Path, proven: Prove
) -> None:
    policy = ("p, *, *, */*, call, , allow, all",)
    proof = proven(*policy, server={"command": sys.executable, "args": ["-m", "mcp_server_time"]})
    assert proof.holds
    assert (proof.allowed.verdict, proof.allowed.tool) == ("allow", "server/convert_time")
    assert proof.allowed.why == "all; with arguments that were made up"


@pytest.mark.parametrize(
    ("hints", "schema", "arguments"),
    [
        ({}, {"city": {"type": "string"}, "days": {"type": "integer"}}, {"city": "toolgate", "days": 1}),
        ({}, {"unit": {"enum": ["C", "F"]}, "fine": {"type": "boolean"}}, {"unit": "C", "fine": False}),
        ({"openWorldHint": True}, {"city": {"type": "string"}}, None),
        ({"readOnlyHint": False}, {"city": {"type": "string"}}, None),
        ({}, {"city": {"type": "string", "minLength": 40}}, None),
        ({}, {"city": {"type": ["string", "null"]}}, None),
        ({}, {"city": {}}, None),
    ],
)
def test_only_what_fits_and_does_nothing_is_made_up(hints: Any, schema: Any, arguments: Any) -> None:
    annotations = {"readOnlyHint": True, "openWorldHint": False, **hints}
    shape = {"type": "object", "properties": schema, "required": list(schema)}
    pin = json.dumps([hints, schema])
    tool = Tool("s", "s__x", {"name": "x", "inputSchema": shape, "annotations": annotations}, pin, trusted=True)
    expected = [] if arguments is None else [(tool, arguments, True)]
    assert list(harmless([tool])) == expected


def test_a_tool_with_effects_is_not_tried_even_to_see_it_denied(proven: Prove) -> None:
    proof = proven("p, *, *, files/list_files, call, , allow, looking", hidden=[TOOLS[0], TOOLS[3]])
    assert proof.denied.tool == "files/toolgate_proof_no_such_tool"
    assert (proof.denied.verdict, proof.denied.gate) == ("deny", "known")


def test_a_call_that_a_person_must_allow_is_not_made(proven: Prove) -> None:
    proof = proven("p, *, *, files/*, call, , allow, all", "p, *, *, files/*, call, , ask, but ask")
    assert proof.allowed.verdict == "none"


def test_a_policy_that_allows_nothing_is_said(proven: Prove) -> None:
    assert "no tool is allowed to you" in proven("p, role:nobody, *, */*, call, , allow, none").allowed.why


def test_the_proof_as_json(proven: Prove) -> None:
    said: dict[str, Any] = proven("p, *, *, files/list_files, call, , allow, looking").to_json()
    assert said["holds"] is True
    assert said["allowed"] | {"why": ""} == {
        "wanted": "allow",
        "verdict": "allow",
        "tool": "files/list_files",
        "gate": None,
        "rule": "policies/policy.csv:2",
        "why": "",
    }


def test_a_gateway_that_does_not_start_says_why(folder: Path, env: Mapping[str, str], bare: Path) -> None:
    config = load_home(Home(bare, own=False), find_folders(folder, env))
    policy = load(config.policy.model, config.policy.files)
    start = Stdio(sys.executable, ("-c", "import sys; sys.exit('out of order')"), {}, "/")
    with pytest.raises(UpstreamUnavailable, match="out of order"):
        asyncio.run(prove(config, policy, start, []))
