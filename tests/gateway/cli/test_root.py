import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import click
import pytest

from gateway.cli.exits import Exit
from gateway.cli.root import COMMANDS
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.parser import codes_of, every_command

ROOT = Path(__file__).parents[3]
HEAVY = (
    "mcp",
    "mcp_types",
    "jsonschema",
    "rich",
    "opentelemetry",
    "pydantic",
    "httpx2",
    "starlette",
    "casbin",
    "anyio",
)
PARSER = dict(every_command())
ACTIONS = {typed: found for typed, found in PARSER.items() if found.params and typed}  # `keys` alone does nothing


def imported_by(*arguments: str, folder: Path) -> set[str]:
    """The top-level packages that a command imports."""
    code = (
        "import sys; from gateway.cli.root import toolgate; toolgate(sys.argv[1:]);"
        " print('\\nIMPORTED', *{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return set(done.stdout.rpartition("IMPORTED")[2].split())


def test_help_lists_every_command_and_every_exit_code(toolgate: Command) -> None:
    said = toolgate("--help")
    assert said.code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in said.out
    assert "6 denied" in said.out


def test_the_version_is_that_of_the_distribution(toolgate: Command) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert toolgate("--version").out == f"toolgate {version}\n"


@pytest.mark.parametrize("typed", PARSER)
def test_every_command_says_what_it_does_and_what_each_option_is_for(typed: str, toolgate: Command) -> None:
    assert toolgate(*typed.split(), "--help").code == 0
    assert PARSER[typed].help
    options = [option for option in PARSER[typed].params if isinstance(option, click.Option)]
    assert not [option.name for option in options if not option.help]


@pytest.mark.parametrize("typed", PARSER)
def test_every_command_names_its_exit_codes(typed: str, toolgate: Command) -> None:
    said = " ".join(toolgate(*typed.split(), "--help").out.split())
    told = PARSER[typed].epilog
    assert told
    assert said.endswith(told)
    assert {0, 1, 2, 3, 130} <= codes_of(typed.split()) <= {code.value for code in Exit}


@pytest.mark.parametrize("typed", ACTIONS)
def test_every_command_knows_json(typed: str) -> None:
    assert "--json" in [name for option in ACTIONS[typed].params for name in option.opts]


def test_the_page_about_the_command_line_has_every_command_and_every_exit_code() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    for typed in ACTIONS:
        row = re.search(rf"^\| `{typed}[ `].*$", page, re.MULTILINE)
        assert row, typed
        *_, beside = row[0].strip("| ").rpartition("|")
        wanted = codes_of(typed.split()) - {0, 1, 2, 3}
        assert {int(code) for code in re.findall(r"\d+", beside)} >= wanted - {130}, typed
    for code in Exit:
        assert f"| {code.value} | `{code.name.lower()}` |" in page


@pytest.fixture(scope="module")
def loaded_by_help(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, set[str]]:
    """What each command's `--help` has loaded when it is done: one process, a fork for each command."""
    script = tmp_path_factory.mktemp("help") / "loads.py"
    script.write_text(_LOADS)
    done = subprocess.run(
        [sys.executable, script, *PARSER], cwd=script.parent, capture_output=True, text=True, check=True
    )
    return {typed: set(loaded) for typed, loaded in json.loads(done.stdout).items()}


_LOADS = """\
import json, os, sys
import gateway.cli.root
found = {}
for typed in sys.argv[1:]:
    read, write = os.pipe()
    if not os.fork():
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = gateway.cli.root.toolgate([*typed.split(), "--help"])
        os.write(write, json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        code, found[typed] = json.loads(told.read())
    os.wait()
    assert code == 0, typed
print(json.dumps(found))
"""


@pytest.mark.parametrize("typed", [typed for typed in PARSER if typed != "demo"])  # which shows everything
def test_help_loads_nothing_that_takes_time(typed: str, loaded_by_help: Mapping[str, set[str]]) -> None:
    assert "click" in loaded_by_help[typed]
    assert not loaded_by_help[typed] & set(HEAVY)


@pytest.mark.parametrize("command", ["runs", "approvals"])
def test_commands_without_servers_load_no_sdk(command: str, bare: Path) -> None:
    loaded = imported_by(command, folder=bare)
    assert not loaded & {"mcp", "mcp_types", "jsonschema", "rich", "opentelemetry", "httpx2", "starlette", "casbin"}


def test_an_unknown_command_names_the_one_that_was_meant(toolgate: Command) -> None:
    failed = toolgate("aprovals")
    assert (failed.code, failed.out) == (2, "")
    assert failed.err == "toolgate: there is no command `aprovals`; did you mean `approvals`? (see `toolgate --help`)\n"


def test_no_command_at_all_shows_the_help_on_stderr(toolgate: Command) -> None:
    shown = toolgate()
    assert (shown.code, shown.out) == (2, "")
    assert "Commands:" in shown.err


def test_a_wrong_option_is_one_line_of_text_or_of_json(toolgate: Command) -> None:
    failed = toolgate("runs", "--nonsense")
    assert failed.code == 2
    assert len(failed.err.splitlines()) == 1
    failed = toolgate("runs", "--json", "--limit", "0")
    assert (failed.code, failed.error["code"]) == (2, "usage")


def test_a_mistake_in_a_file_is_shown_with_its_place(bare: Path, toolgate: Command) -> None:
    (bare / "toolgate.toml").write_text('[store]\npaht = "x"\n[models.demo]\nprovider = "scripted"\n')
    failed = toolgate("runs")
    assert (failed.code, failed.out) == (3, "")
    one, two = sorted(failed.err.splitlines())
    assert one.startswith("toolgate.toml:2:1: error: there is no key `paht`")
    assert two.startswith("toolgate.toml:3:9: error: ")
    failed = toolgate("runs", "--json")
    assert failed.error["code"] == "config"
    (problem,) = [found for found in failed.error["problems"] if found["line"] == 2]
    assert (problem["file"], problem["column"], problem["level"]) == ("toolgate.toml", 1, "error")
    assert "did you mean `path`?" in problem["hint"]


def test_a_policy_that_is_not_there_is_a_mistake_in_the_configuration(folder: Path, toolgate: Command) -> None:
    failed = toolgate("runs", "--json")
    assert (failed.code, failed.error["code"]) == (3, "config")
    assert "toolgate init" in failed.error["message"]


def test_a_store_that_is_no_store_is_an_error_without_a_traceback(bare: Path, toolgate: Command) -> None:
    (bare / ".toolgate").mkdir()
    (bare / ".toolgate" / "toolgate.db").write_text("this is no database, and it is long enough to be read as one")
    failed = toolgate("runs", "--json")
    assert (failed.code, failed.error["code"]) == (1, "error")
    assert "can't be opened" in failed.error["message"]


def test_what_the_system_refuses_is_an_error_without_a_traceback(
    bare: Path, toolgate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr("gateway.offline.open_offline", full)
    failed = toolgate("runs")
    assert (failed.code, failed.err) == (1, "toolgate: `somewhere`: No space left on device\n")


def test_ctrl_c_is_130_and_says_nothing(bare: Path, toolgate: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gateway.offline.open_offline", interrupted)
    assert toolgate("runs").code == 130


def test_a_reader_that_goes_away_ends_the_command_quietly(bare: Path, env: Mapping[str, str]) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "gateway.cli", "policy", "check", "--json"]
    done = subprocess.run(
        command, cwd=bare, env=dict(env), stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_foreign_package_of_our_name_stops_the_program(bare: Path, child: Command) -> None:
    (bare / "servers").mkdir()
    (bare / "servers" / "__init__.py").write_text("raise SystemExit('foreign code ran')")
    refused = child("runs", PYTHONPATH=str(bare))
    assert refused.code == 3
    assert "the package `servers` comes from" in refused.err
    assert "foreign code ran" not in refused.err
