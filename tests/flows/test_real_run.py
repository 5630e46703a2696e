"""An agent's run over servers that we did not write, from PyPI and from npm, by the command line as users have it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import node

PATIENCE = 180

SETTINGS = """\
[models.tour]
provider = "scripted"
script = "tour.yaml"

[agents.guide]
model = "tour"

[servers.git]
trusted = true

[identity]
user = "user:ann"
"""

RULES = """\
p, user:ann,    *, */*,           call, , allow, ann may
p, agent:guide, *, */*,           call, , allow, the guide may do what its user may
p, *,           *, git/git_reset, call, , deny,  history stays
p, *,           *, files/*,       call, "not under(args.path, 'FILES')", deny, only below the folder
"""

SCRIPT = """\
steps:
  - say: One call to each, side by side.
    calls:
      - {tool: time/convert_time, args: {source_timezone: UTC, time: "12:00", target_timezone: Asia/Tokyo}, as: noon}
      - {tool: git/git_log, args: {repo_path: "REPOSITORY", max_count: 1}, as: log}
      - {tool: fetch/fetch, args: {url: "http://127.0.0.1:9/"}, as: page}
      - {tool: everything/get-sum, args: {a: 2, b: 40}, as: sum}
      - {tool: files/read_text_file, args: {path: "FILES/note.txt"}, as: note}
  - expect:
      - {call: noon, contains: "21:00"}
      - {call: log, contains: The first commit}
      - {call: page, is_error: true}
      - {call: sum, contains: "42"}
      - {call: note, contains: "né ☃"}
    say: Now what the rules forbid.
    calls:
      - {tool: git/git_reset, args: {repo_path: "REPOSITORY"}, as: reset}
      - {tool: files/read_text_file, args: {path: "/etc/hostname"}, as: secret}
  - expect:
      - {call: reset, denied: true}
      - {call: secret, denied: true}
    say: Seen everything.
"""


def python(module: str, *args: str) -> dict[str, Any]:
    return {"command": "${TOOLGATE_PYTHON}", "args": ["-P", "-m", module, *args]}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with five servers, a repository with one commit, and a folder with one file."""
    repository, files, project = (tmp_path / name for name in ("repository", "files", "project"))
    for folder in (repository, files, project / "policies"):
        folder.mkdir(parents=True)
    git = ("git", "-C", str(repository), "-c", "user.name=ann", "-c", "user.email=ann@example.org")
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "The first commit"], check=True)
    (files / "note.txt").write_text("né ☃", encoding="utf-8")
    servers = {
        "time": python("mcp_server_time", "--local-timezone", "UTC"),
        "git": python("mcp_server_git", "--repository", str(repository)),
        "fetch": python("mcp_server_fetch", "--ignore-robots-txt"),
        "everything": node.server("everything", "stdio"),
        "files": node.server("filesystem", str(files)),
    }
    (project / ".mcp.json").write_text(json.dumps({"mcpServers": servers}))
    (project / "toolgate.toml").write_text(SETTINGS)
    (project / "tour.yaml").write_text(SCRIPT.replace("REPOSITORY", str(repository)).replace("FILES", str(files)))
    (project / "policies" / "policy.csv").write_text(RULES.replace("FILES", str(files)))
    model = Path(__file__).parents[2] / "policies" / "model.conf"
    (project / "policies" / "model.conf").write_text(model.read_text())
    return project


def test_a_scripted_run_works_through_five_servers_of_others(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "run", "Show me round.", "--json", "--project", str(project)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout[-2000:]
    events = [json.loads(line) for line in done.stdout.splitlines()]
    told = [event["event"] for event in events]
    assert told[-1] == "succeeded"
    assert events[-1]["output"] == "Seen everything."
    assert {event["path"] for event in events if event["event"] == "denied"} == {
        "git/git_reset",
        "files/read_text_file",
    }
    assert told.count("returned") == 5
    tainting = [event["tainting"] for event in events if event["event"] == "returned"]
    assert sorted(tainting) == [False, True, True, True, True]  # of the five, only git is trusted here
