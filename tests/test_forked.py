"""What is forked can't be told from what was started, by whoever started it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures import forked
from tests.fixtures.forked import Forked

PATIENCE = 60.0  # seconds: only a test that hangs takes them
VERSION = [sys.executable, "-m", "gateway.cli", "--version"]


@pytest.fixture(params=["forked", "started"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each test twice: what holds for one way holds for the other."""
    if request.param == "started":
        monkeypatch.setenv("FORKED", "no")
    return str(request.param)


@pytest.fixture
def program(way: str, tmp_path: Path) -> "Program":
    return Program(tmp_path / "program.py")


class Program:
    """`program("print(1)")`: the command that runs this text."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, text: str, *arguments: str) -> list[str]:
        self._path.write_text(text)
        return [sys.executable, str(self._path), *arguments]


@pytest.fixture
def asleep(program: Program) -> "Iterator[subprocess.Popen[str]]":
    """A process that has said that it is there, and waits."""
    text = "import signal\nprint('here', flush=True)\nsignal.pause()\n"
    with Forked(program(text), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        yield process
        process.kill()


def test_only_what_is_forked_has_been_loaded_before(program: Program, way: str) -> None:
    done = forked.run(program("import sys\nprint('gateway.runtime' in sys.modules)"), timeout=PATIENCE)
    assert done.stdout == f"{way == 'forked'}\n"


@pytest.mark.usefixtures("way")
def test_it_is_toolgate_from_its_command_line_on() -> None:
    done = forked.run(VERSION, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("toolgate ")


def test_its_arguments_streams_folder_and_environment_are_its_own(program: Program, tmp_path: Path) -> None:
    text = "import os, sys\nprint(sys.argv[1:], os.getcwd(), dict(os.environ), input())\nsys.stderr.write('!')\n"
    done = forked.run(program(text, "a", "b"), stdin="said", timeout=PATIENCE, cwd=tmp_path, env={"ONLY": "this"})
    arguments, rest = done.stdout.split("] ")
    assert (done.returncode, done.stderr, arguments) == (0, "!", "['a', 'b'")
    assert rest.startswith(f"{tmp_path} ")
    assert "'ONLY': 'this'" in rest
    assert "HOME" not in rest
    assert rest.endswith(" said\n")


@pytest.mark.parametrize(
    ("ends", "code", "said"),
    [
        ("raise SystemExit", 0, ""),
        ("raise SystemExit(7)", 7, ""),
        ("raise SystemExit('no')", 1, "no\n"),
        ("raise ValueError('no')", 1, "ValueError: no\n"),
        ("import atexit, sys; atexit.register(sys.stderr.write, 'over')", 0, "over"),
        ("import sys, threading; threading.Thread(target=sys.stderr.write, args=['over']).start()", 0, "over"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9, ""),
    ],
)
def test_it_ends_as_it_says(program: Program, ends: str, code: int, said: str) -> None:
    done = forked.run(program(f"print('printed', flush=True)\n{ends}\n"), timeout=PATIENCE)
    assert done.returncode == code
    assert done.stderr.endswith(said)
    assert bool(done.stderr) == bool(said)
    assert done.stdout == "printed\n"


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
def test_signals_reach_it_and_are_what_it_ended_by(asleep: "subprocess.Popen[str]", sign: signal.Signals) -> None:
    assert asleep.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        asleep.wait(0.0)
    asleep.send_signal(sign)
    assert asleep.wait(PATIENCE) == -sign
    assert asleep.poll() == -sign
    with pytest.raises(ProcessLookupError):
        os.kill(asleep.pid, 0)


def test_in_a_session_of_its_own_its_terminal_is_its_own(program: Program) -> None:
    master, slave = os.openpty()
    text = "import os\nprint(os.getsid(0) == os.getpid(), os.tcgetpgrp(0) == os.getpgrp(), flush=True)\n"
    with Forked(program(text), stdin=slave, stdout=slave, start_new_session=True) as process:
        os.close(slave)
        with open(master, encoding="utf-8", closefd=False) as screen:
            assert screen.readline() == "True True\n"
        assert process.wait(PATIENCE) == 0
    os.close(master)


def test_two_processes_draw_different_numbers(program: Program) -> None:
    text = "import random\nfrom gateway.store.lease import owner_name\nprint(random.random(), owner_name())\n"
    first, second = (forked.run(program(text), timeout=PATIENCE) for _ in range(2))
    assert first.stderr == ""
    assert not set(first.stdout.split()) & set(second.stdout.split())
    parts = [set(said.stdout.strip().replace(".", "/").split("/")[-2:]) for said in (first, second)]
    assert not parts[0] & parts[1]


def test_what_python_looks_at_when_it_starts_is_looked_at(program: Program, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "found_by_path.py").write_text("")
    environ = {**os.environ, "PYTHONPATH": str(tmp_path / "elsewhere")}
    assert forked.run(program("import found_by_path\n"), timeout=PATIENCE, env=environ).returncode == 0
