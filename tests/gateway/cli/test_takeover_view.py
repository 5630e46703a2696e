import json
from pathlib import Path

import pytest

from gateway.cli.exits import Exit
from gateway.cli.proof import Proof, Tried
from gateway.cli.takeover import Answer
from gateway.cli.takeover_view import Report, proof_lines
from gateway.config.folders import Folders
from gateway.errors import Problem
from gateway.hosts.home import Home
from gateway.upstream import ServerStatus

FINE = Proof("2026-07-28", 2, Tried("allow", "allow", "a/b", rule="p.csv:1"), Tried("deny", "deny", "a/c", "known"))
LEAK = Proof("2026-07-28", 2, FINE.allowed, Tried("deny", "allow", "a/c"))


def report(*, as_json: bool = False) -> Report:
    folders = Folders(Path("/home/ann/work"), Path("/home/ann"), None, Path("/u"), Path("/s"))
    return Report(Home(Path("/home/ann/gw"), own=True), folders, as_json=as_json)


def test_paths_are_shown_as_one_would_type_them() -> None:
    found = report()
    assert found.near(Path("/home/ann/work/a")) == "a"
    assert found.near(Path("/home/ann/.cursor/mcp.json")) == "~/.cursor/mcp.json"
    assert found.near(Path("/etc/x")) == "/etc/x"


def test_a_denied_call_that_was_let_through_is_an_error_and_shouts() -> None:
    found = report()
    found.proof = LEAK
    assert found.end("") == Exit.ERROR
    assert proof_lines(LEAK)[1][0] == "NOT denied: allow"
    assert proof_lines(FINE) == [("allowed", "a/b", "p.csv:1"), ("denied", "a/c", "[known]")]


def test_the_exit_code_tells_the_worst() -> None:
    fine, unreached, silent, wrong, failed = (report() for _ in range(5))
    fine.proof = FINE
    silent.proof = "it does not start"
    wrong.problems.append(Problem("x", 1, 1, "y"))
    failed.problems.append(Problem("x", 1, 1, "y"))
    failed.failed = True
    codes = [fine.end(""), unreached.end("", unreached=True), silent.end(""), wrong.end(""), failed.end("")]
    assert codes == [Exit.OK, Exit.UNREACHABLE, Exit.UNREACHABLE, Exit.CONFIG, Exit.ERROR]


def test_with_json_there_is_one_value_and_no_talk(capsys: pytest.CaptureFixture[str]) -> None:
    found = report(as_json=True)
    found.made([Path("/x")])
    found.proof = FINE
    found.end("a word")
    out, err = capsys.readouterr()
    assert err == ""
    said = json.loads(out)
    assert (said["gateway"], said["note"], said["proof"]["holds"]) == ("/home/ann/gw", "a word", True)


def test_one_tool_is_one_tool(capsys: pytest.CaptureFixture[str]) -> None:
    statuses = [ServerStatus("a", "ready", "modern", tools=1), ServerStatus("b", "ready", "modern", tools=2)]
    report().answered([], {one.name: Answer(one, ()) for one in statuses}, judged=False)
    said = capsys.readouterr().out
    assert "answers  1 tool, modern" in said
    assert "answers  2 tools, modern" in said
