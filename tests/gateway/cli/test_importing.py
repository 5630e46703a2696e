"""The front door: a home full of clients' files, real servers, and the gateway started as the client would start it."""

import json
import shutil
import signal
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.config.jsonc import parse_jsonc
from tests.fixtures.hosts import TIME, TOKEN, Home, workspace
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.terminal import Terminal

Entry = dict[str, Any]
KEYS = {"vscode": "servers", "zed": "context_servers", "codex": "mcp_servers"}


@pytest.fixture
def home(folder: Path, tmp_path: Path) -> Home:
    return Home(tmp_path / "home", folder)


@pytest.fixture
def quick(echo_url: str) -> Entry:
    """A server that is there already, so that nobody waits for its start."""
    return {"url": echo_url}


def entries(home: Home, host: str) -> dict[str, Any]:
    """The servers that a client has now."""
    text = home.files[host].read_bytes().decode("utf-8-sig")
    value = tomllib.loads(text) if host == "codex" else parse_jsonc(text, "x")[0]
    found: dict[str, Any] = value[KEYS.get(host, "mcpServers")]
    return found


def state(result: Any, client: str, server: str) -> str:
    (row,) = [row for row in result["servers"] if (row["client"], row["server"]) == (client, server)]
    return str(row["state"])


def test_everything_that_answers_goes_behind_the_gateway_and_comes_back_to_the_byte(
    home: Home, toolgate: Command
) -> None:
    home.all()
    before = home.bytes()
    done = toolgate("import", "--yes", "--json")
    assert done.code == 0, done.err
    said = done.json

    for host in home.files:
        assert state(said, host, "time") == "moved"
        assert "time" not in entries(home, host)
        assert entries(home, host)["toolgate"]["args"][-1] == str(home.moved.parent.parent)
    assert list(json.loads(home.moved.read_text())["mcpServers"]) == ["time", "files", "time-vscode"]
    assert stat.S_IMODE(home.moved.stat().st_mode) == 0o600

    assert (state(said, "cursor", "gone"), state(said, "cursor", "off")) == ("stays", "stays")
    assert set(entries(home, "cursor")) == {"gone", "off", "toolgate"}
    assert set(entries(home, "vscode")) == {"asks", "toolgate"}

    assert said["proof"]["holds"]
    assert said["proof"]["allowed"]["tool"] == "files/list_files"
    assert said["proof"]["allowed"]["rule"].startswith("policies/policy.csv:")
    assert said["proof"]["denied"]["gate"] == "known"

    _holds_what_is_no_server(home, before)
    moved = home.bytes()
    again = toolgate("import", "--yes", "--json")
    assert again.code == 4  # `gone` was tried again, and nothing answered
    assert again.json["files"] == []
    assert home.bytes() == moved

    back = toolgate("import", "--undo", "--json").json["undone"]
    assert {row["state"] for row in back} == {"restored", "removed"}
    assert home.bytes() == before
    assert not home.moved.exists()


def _holds_what_is_no_server(home: Home, raw: Mapping[str, bytes]) -> None:
    before = {host: text.decode("utf-8-sig") for host, text in raw.items()}
    after = {host: text.decode("utf-8-sig") for host, text in home.bytes().items()}
    kept = {
        "claude-code": ['"numStartups": 412,', '"theirs": { "command": "x" }', '"oauthAccount": {'],
        "cursor": ["\t// what I use — and why", "// what time is it?", "/* it does not work since June */"],
        "vscode": ['"password": true }, // asks me', "${input:key}"],
        "codex": ['model = "gpt-5"   # the good one', "# what time is it?", 'trust_level = "trusted"'],
        "gemini": ['\n    "theme": "Dracula"\n'],
        "zed": ["// Zed settings", '"vim_mode": true,', "/* servers */", '"buffer_font_size": 15,\n}'],
    }
    for host, texts in kept.items():
        assert all(text in before[host] and text in after[host] for text in texts), after[host]
    desktop = home.files["claude-desktop"].read_bytes()
    assert desktop.startswith(b"\xef\xbb\xbf{\r\n")
    assert desktop.count(b"\n") == desktop.count(b"\r\n")
    assert "\t\t" in after["cursor"]


def test_no_secret_is_shown_and_each_is_named(home: Home, toolgate: Command) -> None:
    secret = {**workspace(home.folder / "files"), "env": {"GITHUB_TOKEN": TOKEN}}
    home.servers("cursor", {"files": secret, "web": {"url": f"http://127.0.0.1:9/?key={TOKEN}"}})
    for form in ([], ["--json"]):
        shown = toolgate("import", "--dry-run", *form)
        assert TOKEN not in shown.out + shown.err
    assert "files: env GITHUB_TOKEN" in toolgate("import").err
    assert " stays literal, in ~/.config/toolgate/gateway/.toolgate/mcp.json (mode 0600)" in toolgate("import").err
    done = toolgate("import", "--yes", "--json")
    assert TOKEN not in done.out + done.err
    assert done.json["servers"][0]["secrets"][0] == "env GITHUB_TOKEN"
    assert json.loads(home.moved.read_text())["mcpServers"]["files"]["env"] == {"GITHUB_TOKEN": TOKEN}
    assert TOKEN not in home.files["cursor"].read_text().replace(f"?key={TOKEN}", "")


def test_without_a_terminal_it_only_shows(home: Home, child: Command) -> None:
    home.servers("cursor", {"time": TIME})
    before = home.bytes()
    shown = child("import")
    assert shown.code == 0
    assert "Cursor  ~/.cursor/mcp.json" in shown.out
    assert "-m mcp_server_time" in shown.out
    assert "nothing was changed; with --yes it is done" in shown.err
    assert home.bytes() == before
    assert not (home.folder / ".config/toolgate").exists()


def test_servers_of_this_folder_are_told_from_those_of_all(home: Home, quick: Entry, toolgate: Command) -> None:
    here = {
        "mcpServers": {"one": quick},
        "projects": {str(home.work): {"mcpServers": {"two": {**quick, "headers": {}}}}},
    }
    home.write("claude-code", json.dumps(here))
    home.servers("vscode", {"three": quick}, key="servers")
    lines = toolgate("import").out.splitlines()
    heads = [line for line in lines if not line.startswith(" ")]
    assert [head.partition("  ")[2] for head in heads] == [
        "~/.claude.json", "~/.claude.json, for this folder", ".vscode/mcp.json",
    ]  # fmt: skip


def test_a_dry_run_starts_the_servers_and_changes_no_file(home: Home, toolgate: Command) -> None:
    home.servers("cursor", {"time": TIME, "gone": {"command": "no-such-program"}})
    before = home.bytes()
    said = toolgate("import", "--dry-run", "--json").json
    assert (state(said, "cursor", "time"), state(said, "cursor", "gone")) == ("would be moved", "stays")
    assert {file["owner"]: file["written"] for file in said["files"]} == {"toolgate": False, "cursor": False}
    assert home.bytes() == before
    assert not (home.folder / ".config/toolgate").exists()
    assert not (home.folder / ".local/state/toolgate/changes").exists()


def test_with_keep_the_clients_entries_stay_beside_the_gateways(home: Home, quick: Entry, toolgate: Command) -> None:
    home.servers("cursor", {"time": quick})
    assert toolgate("import", "--keep", "--yes").code == 0
    assert set(entries(home, "cursor")) == {"time", "toolgate"}
    once = home.bytes()
    assert "nothing has to be changed" in toolgate("import", "--keep", "--yes").err
    assert home.bytes() == once
    assert toolgate("import", "--yes").code == 0
    assert set(entries(home, "cursor")) == {"toolgate"}


def test_a_broken_file_is_told_with_its_line_and_the_others_go_on(home: Home, quick: Entry, toolgate: Command) -> None:
    home.write("gemini", '{\n  "mcpServers": {\n    "a": {"command": "x",, }\n  }\n}\n')
    home.write("zed", b"\xff\xfe")
    home.servers("cursor", {"time": quick})
    before = home.bytes()
    done = toolgate("import", "--yes")
    assert done.code == 3
    assert ".gemini/settings.json:3:26: error: " in done.err
    assert ".config/zed/settings.json: error: the file is not UTF-8 text" in done.err
    assert set(entries(home, "cursor")) == {"toolgate"}
    after = home.bytes()
    assert (after["gemini"], after["zed"]) == (before["gemini"], before["zed"])


def test_only_the_named_clients_are_looked_at(home: Home, quick: Entry, toolgate: Command) -> None:
    home.servers("cursor", {"time": quick})
    home.write("gemini", "not json")
    said = toolgate("import", "cursor", "--json")
    assert said.code == 0
    assert [row["client"] for row in said.json["servers"]] == ["cursor"]
    assert toolgate("import", "windsurf").err == "there is nothing to move\n"


def test_a_client_that_is_none_is_a_wrong_use(toolgate: Command, home: Home) -> None:
    done = toolgate("import", "curser")
    assert done.code == 2
    assert "there is no client `curser`; did you mean `cursor`?" in done.err
    assert toolgate("import", "--force").code == 2


def test_on_a_terminal_it_asks_and_no_is_no(home: Home, quick: Entry, terminal: Callable[..., Terminal]) -> None:
    home.servers("cursor", {"time": quick})
    before = home.bytes()
    with terminal("import") as shown:
        shown.until("Start this server once, and move what answers to ~/.config/toolgate/gateway? [y/N]")
        shown.type("n\n")
        assert shown.end() == 0
    assert home.bytes() == before
    with terminal("import") as shown:
        shown.until("[y/N]")
        shown.type("y\n")
        assert shown.end() == 0
        assert "changed  ~/.cursor/mcp.json" in shown.screen
    assert set(entries(home, "cursor")) == {"toolgate"}


def test_a_variable_that_a_server_needs_is_passed_on_in_the_clients_own_words(
    home: Home, toolgate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORK_TOKEN", TOKEN)
    server = workspace(home.folder / "files")
    home.servers("cursor", {"files": {**server, "env": {"T": "${env:WORK_TOKEN}"}}})
    home.servers("claude-code", {"files": {**server, "env": {"T": "${env:WORK_TOKEN}"}}})
    home.servers("windsurf", {"time": TIME})
    home.servers("zed", {"time": TIME}, "context_servers")
    done = toolgate("import", "--yes", "--json")
    assert done.code == 0
    assert entries(home, "cursor")["toolgate"]["env"] == {"WORK_TOKEN": "${env:WORK_TOKEN}"}
    assert entries(home, "claude-code")["toolgate"]["env"] == {"WORK_TOKEN": "${WORK_TOKEN}"}
    assert entries(home, "windsurf")["toolgate"]["env"] == {"WORK_TOKEN": "${env:WORK_TOKEN}"}
    assert "env" not in entries(home, "zed")["toolgate"]
    assert done.json["proof"]["allowed"]["tool"] == "files/list_files"  # the gateway has the variable, too
    assert TOKEN not in home.moved.read_text()


def test_a_variable_that_is_not_set_is_a_reason_to_stay(home: Home, toolgate: Command) -> None:
    home.servers("cursor", {"files": {**TIME, "env": {"T": "${env:NO_SUCH_VARIABLE}"}}})
    done = toolgate("import", "--yes", "--json")
    assert done.code == 4
    assert "`NO_SUCH_VARIABLE` is not set" in done.json["servers"][0]["why"]


def test_in_a_project_servers_go_to_its_gateway_and_its_policy_decides(
    bare: Path, home: Home, toolgate: Command
) -> None:
    home.servers("cursor", {"files": workspace(home.folder / "files")})
    done = toolgate("import", "--yes")
    assert done.code == 0
    assert "the policy allows you no tool of files; a line that would: p, user:YOU, *, files/*" in done.err
    assert list(json.loads((bare / ".toolgate/mcp.json").read_text())["mcpServers"]) == ["files"]
    assert (bare / ".toolgate/.gitignore").read_text() == "*\n"
    assert "not tried" in done.out
    assert "no tool is allowed to you" in done.out
    assert "denied   files/" in done.out
    assert toolgate("tools", "--json").json["tools"][0]["server"] == "files"


def test_what_the_gateway_has_already_is_not_added_again(bare: Path, home: Home, toolgate: Command) -> None:
    files = workspace(home.folder / "files")
    (bare / ".mcp.json").write_text(json.dumps({"mcpServers": {"mine": files}}))
    (home.folder / ".claude.json").write_text("{}")
    home.servers("cursor", {"files": files})
    done = toolgate("import", "--yes")
    assert done.code == 0
    assert "(known here)" in done.out
    assert "Claude Code reads .mcp.json here itself" in done.err
    assert set(entries(home, "cursor")) == {"toolgate"}
    assert not (bare / ".toolgate/mcp.json").exists()


def test_a_workspace_of_claude_code_is_imported_and_does_not_start_the_gateway_in_itself(
    home: Home, toolgate: Command
) -> None:
    path = home.work / ".mcp.json"
    path.write_text(json.dumps({"mcpServers": {"files": workspace(Path("files"))}}))
    before = path.read_bytes()
    assert toolgate("import", "--yes").code == 0
    assert list(json.loads(path.read_text())["mcpServers"]) == ["toolgate"]
    assert json.loads(home.moved.read_text())["mcpServers"]["files"]["cwd"] == str(home.work)
    assert (home.work / "files").is_dir()  # it was started where its client would have started it
    assert toolgate("config", "show", "--json").code == 0
    toolgate("import", "--undo")
    assert path.read_bytes() == before


def test_a_file_that_was_changed_since_is_not_given_back_unless_it_is_forced(
    home: Home, quick: Entry, toolgate: Command
) -> None:
    path = home.servers("cursor", {"time": quick})
    before = path.read_bytes()
    toolgate("import", "--yes")
    path.write_text(path.read_text() + "\n// my own words\n")
    refused = toolgate("import", "--undo", "cursor")
    assert refused.code == 1
    assert "refused  ~/.cursor/mcp.json  it was changed since; --force" in refused.out
    assert "my own words" in path.read_text()
    assert home.moved.exists()
    assert toolgate("import", "--undo", "cursor", "--force").code == 0
    assert path.read_bytes() == before
    assert not home.moved.exists()


def test_one_client_goes_back_alone(home: Home, quick: Entry, toolgate: Command) -> None:
    home.servers("cursor", {"time": quick})
    home.servers("windsurf", {"time": quick})
    before = home.bytes()
    toolgate("import", "--yes")
    assert toolgate("import", "--undo", "cursor").code == 0
    assert home.bytes()["cursor"] == before["cursor"]
    assert set(entries(home, "windsurf")) == {"toolgate"}
    assert home.moved.exists()


def test_a_form_that_cannot_be_edited_safely_keeps_its_servers(home: Home, toolgate: Command) -> None:
    inline = f"mcp_servers.time = {{command = {json.dumps(TIME['command'])}, args = {json.dumps(TIME['args'])}}}\n"
    home.write("codex", inline)
    done = toolgate("import", "--yes", "--json")
    assert done.code == 3
    assert "can't be changed safely" in done.json["problems"][0]
    assert home.files["codex"].read_text() == inline
    assert not home.moved.exists()


def test_with_nothing_there_it_says_so(home: Home, toolgate: Command) -> None:
    assert toolgate("import").err == "there is nothing to move\n"
    assert toolgate("import", "--undo").err == "there is nothing to undo\n"


def test_the_json_is_what_was_promised(home: Home, toolgate: Command, golden: Callable[[str, Any], None]) -> None:
    shutil.rmtree(home.folder / ".config", ignore_errors=True)
    home.servers(
        "cursor", {"time": {"command": "time-server", "timeout": 1}, "off": {"command": "x", "disabled": True}}
    )
    said = toolgate("import", "--json").json
    text = json.dumps(said).replace(str(home.folder), "<home>")
    golden("cli_import", json.loads(text))


KILLED = """
import os, signal, sys
from gateway.cli.root import toolgate
real = os.replace
def killed(source, target):
    if str(target).endswith(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
    real(source, target)
os.replace = killed
toolgate(["import", "--yes"])
"""


@pytest.mark.parametrize("moment", ["manifest.json", "gateway/.toolgate/mcp.json", ".cursor/mcp.json"])
def test_a_kill_at_any_moment_leaves_every_clients_file_whole(
    home: Home, toolgate: Command, quick: Entry, moment: str
) -> None:
    home.servers("cursor", {"echo": quick})
    before = home.bytes()
    killed = subprocess.run([sys.executable, "-c", KILLED, moment], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert home.bytes() == before
    assert toolgate("import", "--yes").code == 0
    assert set(entries(home, "cursor")) == {"toolgate"}
    assert toolgate("import", "--undo").code == 0
    assert home.bytes() == before
    assert not home.moved.exists()


def test_tools_that_a_client_has_switched_off_stay_off_for_everybody(
    home: Home, toolgate: Command, quick: Entry
) -> None:
    home.servers("cursor", {"echo": {**quick, "disabledTools": ["add"]}})
    done = toolgate("import", "--yes")
    assert done.code == 0, done.err
    assert "echo: switched off, as before: add" in done.err
    assert "echo" not in entries(home, "cursor")
    tools = {row["tool"] for row in toolgate("tools", "--json", "--project", str(home.moved.parents[1])).json["tools"]}
    assert "echo/echo" in tools
    assert "echo/add" not in tools


def test_what_is_told_of_a_server_is_told_by_its_name_here(home: Home, toolgate: Command, quick: Entry) -> None:
    home.servers("cursor", {"echo": quick})
    home.servers("windsurf", {"echo": {**quick, "disabledTools": ["add"]}})
    done = toolgate("import")
    assert done.code == 0, done.err
    assert "\necho-windsurf: switched off, as before: add\n" in f"\n{done.err}"
