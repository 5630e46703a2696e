"""A small project with one real MCP server, and two ways to give commands in it: in this process, and as a child."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.root import toolgate as run_command
from tests.fixtures import forked, nursery
from tests.gateway.cli.parser import codes_of
from tests.gateway.cli.terminal import PATIENCE, Answering, Terminal

FIXTURES = Path(__file__).parents[2] / "fixtures"
GOLDEN = Path(__file__).parents[2] / "golden"

CONFIG = """\
[identity]
user = "user:ann"
tenant = "acme"
[models.demo]
provider = "scripted"
script = "talk.yaml"
[agents.desk]
model = "demo"
[servers.echo]
trusted = true
"""
POLICY = """\
p, user:ann,   *, echo/*,     call,    ,                   allow, ann may
p, agent:desk, *, echo/*,     call,    ,                   allow, the desk may
p, *,          *, echo/add,   call,    ,                   ask,   sums need a person
p, *,          *, echo/env,   call,    ,                   deny,  nobody looks at the environment
p, *,          *, echo/echo,  call,    args.text == 'no',  deny,  that word is forbidden
p, user:ann,   *, echo/*,     approve, subject.is_requester or not subject.is_requester, allow, I decide for myself
p, role:boss,  *, echo/*,     approve, ,                   allow, the boss approves
g, user:bob,   role:boss, acme
"""
TESTS = """\
name,        who,      tenant, tool,     args,            expect
echo is free, user:ann, acme,  echo/echo, {"text": "x"},  allow
sums ask,    user:ann, acme,   echo/add, {},              ask
"""
SCRIPTS = {
    "talk": "steps:\n  - say: Nothing to do.\n",
    "sum": "steps:\n  - call: {tool: echo/add, args: {a: 1, b: 2}}\n  - say: Done.\n",
    "wait": "steps:\n  - call: {tool: echo/slow, args: {seconds: 600}}\n  - say: Done.\n",
    "work": "steps:\n  - calls:\n      - {tool: echo/echo, args: {text: hi}}\n      - {tool: echo/env, args: {}}\n"
    "      - {tool: echo/fail, args: {}}\n  - say: Done.\n",
}


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout as one JSON value."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """stdout as lines of JSON."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> Any:
        """The one line of JSON on stderr."""
        (line,) = self.err.splitlines()
        return json.loads(line)["error"]


Command = Callable[..., Result]


@pytest.fixture(scope="session")
def echo_url() -> Iterator[str]:
    """The well-behaved server, over HTTP, one for all tests."""
    command = nursery.command("echo_server.py", "http", "--port", "0")
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    assert server.stdin is not None
    with server:
        yield server.stdout.readline().strip()
        server.stdin.close()
        server.wait(PATIENCE)


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """An environment in which nothing of whoever runs the tests counts."""
    strange = ("TOOLGATE_", "XDG_", "OTEL_", "NO_COLOR", "FORCE_COLOR", "TTY_")
    for name in [name for name in os.environ if name.startswith(strange)]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    return os.environ


@pytest.fixture
def folder(tmp_path: Path, env: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which we are."""
    place = tmp_path / "project"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def bare(folder: Path) -> Path:
    """The project, without its server: nothing needs to be connected."""
    (folder / "toolgate.toml").write_text(CONFIG.replace("[servers.echo]\ntrusted = true\n", ""))
    (folder / "policies").mkdir()
    (folder / "policies" / "policy.csv").write_text(POLICY)
    (folder / "policies" / "tests.csv").write_text(TESTS)
    shipped = Path(__file__).parents[3] / "policies" / "model.conf"
    (folder / "policies" / "model.conf").write_text(shipped.read_text())
    for name, text in SCRIPTS.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


@pytest.fixture
def project(bare: Path, echo_url: str) -> Path:
    """The project."""
    (bare / "toolgate.toml").write_text(CONFIG)
    (bare / ".mcp.json").write_text(json.dumps({"mcpServers": {"echo": {"url": echo_url}}}))
    return bare


@pytest.fixture
def toolgate(folder: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """`toolgate("runs", "--json")`, in this process: quick."""

    def give(*arguments: str) -> Result:
        capsys.readouterr()
        code = run_command(arguments)
        out, err = capsys.readouterr()
        assert code in codes_of(arguments), f"the help of {arguments} does not name exit code {code}"
        return Result(code, out, err)

    return give


@pytest.fixture
def child(folder: Path, env: Mapping[str, str]) -> Command:
    """`child("runs")`, as a process of its own; `stdin` is what it reads."""

    def give(*arguments: str, stdin: str = "", **more: str) -> Result:
        command = [sys.executable, "-m", "gateway.cli", *arguments]
        done = forked.run(command, stdin=stdin, timeout=PATIENCE, cwd=folder, env={**env, **more})
        return Result(done.returncode, done.stdout, done.stderr)

    return give


@pytest.fixture
def terminal(folder: Path, env: Mapping[str, str]) -> Callable[..., Terminal]:
    """`with terminal("run", "hi") as shown:` on a terminal of its own."""

    def give(*arguments: str, **more: str) -> Terminal:
        return Terminal(arguments, folder, {**env, **more})

    return give


TALK = """
steps:
  - think: Somebody greets me.
    say: Hello! What can I do for you?
    usage: {input: 100, output: 20}
    cost_usd: 0.01
  - call: {tool: echo/add, args: {a: 1, b: 2}}
  - say: It is three.
  - fail: {kind: auth, message: the key is wrong}
    say: Here I am again.
  - say: This takes its time.
    delay_ms: 600000
  - say: Where were we?
"""


@pytest.fixture
def talks(project: Path, env: Mapping[str, str]) -> Callable[..., Answering]:
    """`with talks("--model", "scripted:chat.yaml") as shown:` on a terminal that answers."""
    (project / "chat.yaml").write_text(TALK)
    return lambda *arguments: Answering(*arguments, folder=project, env=env)


@pytest.fixture
def golden(folder: Path) -> Callable[[str, Any], None]:
    """`golden("cli_runs", value)` holds a JSON value to tests/golden/cli_runs.json. UPDATE_GOLDEN=1 writes it."""

    def hold(name: str, value: Any) -> None:
        text = json.dumps(_normal(value, str(folder)), indent=2, sort_keys=True) + "\n"
        file = GOLDEN / f"{name}.json"
        if os.environ.get("UPDATE_GOLDEN"):
            file.write_text(text)
        assert text == file.read_text(), f"UPDATE_GOLDEN=1 writes {file.name} anew"

    return hold


_HEX = re.compile(r"\b(r|A)-[0-9a-f]{8,}")
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
_TIMES = {"at", "created", "updated", "expires", "decided_at", "lease_until", "millis"}
_TOLD = {"owner", "worker", "method"}


def _normal(value: Any, folder: str, key: str = "") -> Any:
    """Without what differs from run to run: ids, times, digests, places."""
    match value:
        case dict():
            return {name: _normal(item, folder, name) for name, item in value.items()}
        case list():
            return [_normal(item, folder) for item in value]
        case int() if key in _TIMES and not isinstance(value, bool):
            return f"<{key}>"
        case str() if key in _TOLD:
            return f"<{key}>"
        case str():
            text = _DIGEST.sub("<digest>", _HEX.sub(r"\1-<id>", value.replace(folder, "<project>")))
            return re.sub(r"http://127\.0\.0\.1:\d+", "<url>", text)
    return value
