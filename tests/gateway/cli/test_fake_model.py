"""`toolgate fake-model` as a process: what it says, how it ends. What it answers is tested in tests/providers/fake."""

import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from providers.scripted.faults import KINDS
from tests.fixtures.forked import Forked
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.terminal import PATIENCE

Process = subprocess.Popen[str]
Start = Callable[..., Any]


@pytest.fixture
def start(bare: Path, env: Mapping[str, str]) -> Start:
    """Runs it with these arguments, for as long as the context lasts."""

    @contextmanager
    def started(*arguments: str) -> Iterator[Process]:
        command = [sys.executable, "-m", "gateway.cli", "fake-model", *arguments]
        pipe = subprocess.PIPE
        with Forked(command, cwd=bare, env=dict(env), stdout=pipe, stderr=pipe, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    return started


def _asked(url: str, text: str = "go") -> Any:
    body = json.dumps({"model": "any", "messages": [{"role": "user", "content": text}]}).encode()
    with urllib.request.urlopen(f"{url}/v1/chat/completions", body, timeout=PATIENCE) as answer:  # noqa: S310
        return json.load(answer)["choices"][0]["message"]["content"]


def _refused(url: str) -> tuple[int, str | None]:
    """The status of an answer that is an error, and when to come back."""
    try:
        _asked(url)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["retry-after"]
    return 200, None


def _line(process: Process) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_it_plays_a_script_at_the_url_that_it_prints(start: Start) -> None:
    with start("talk.yaml") as process:
        assert _asked(_line(process)) == "Nothing to do."
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (0, "")
    assert "export ANTHROPIC_BASE_URL=http://127.0.0.1:" in err
    assert "/v1 OPENAI_API_KEY=any" in err


def test_in_json_it_says_every_address_and_nothing_else(start: Start) -> None:
    with start("--json") as process:
        said = json.loads(_line(process))
        assert _asked(said["url"]) == "Hello from a fake model."
        with urllib.request.urlopen(said["requests"], timeout=PATIENCE) as answer:  # noqa: S310
            assert len(json.load(answer)["requests"]) == 1
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert said["messages"] == f"{said['url']}/v1/messages"
    assert (process.returncode, err) == (0, "")


def test_a_fault_befalls_what_it_is_asked(start: Start) -> None:
    with start("talk.yaml", "--fault", "429 retry_after=2 times=1") as process:
        url = _line(process)
        assert _refused(url) == (429, "2")
        assert _asked(url) == "Nothing to do."


def test_a_script_that_is_wrong_is_a_mistake_with_its_place(folder: Path, toolgate: Command) -> None:
    (folder / "wrong.yaml").write_text("steps:\n  - {say: x, fault: cutt}\n")
    wrong = toolgate("fake-model", "wrong.yaml")
    assert wrong.code == 3
    assert "wrong.yaml:2:21: there is no fault `cutt`; there are `status`" in wrong.err
    assert toolgate("fake-model", "missing.yaml").code == 3


def test_a_fault_that_is_wrong_is_a_mistake_in_typing(toolgate: Command) -> None:
    wrong = toolgate("fake-model", "--fault", "cut before=3")
    assert wrong.code == 2
    assert "`cut` has no setting `before`" in wrong.err


def test_a_port_that_is_taken_is_said_so(toolgate: Command) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = toolgate("fake-model", "--port", str(port))
    assert refused.code == 1
    assert f"can't listen on port {port}: " in refused.err


def test_the_faults_are_listed(toolgate: Command) -> None:
    assert [line.split()[0] for line in toolgate("fake-model", "--faults").out.splitlines()] == list(KINDS)
    listed = toolgate("fake-model", "--faults", "--json").lines[0]
    assert next(fault for fault in listed if fault["name"] == "slow")["settings"] == ["ms"]
