"""A server from the nursery is what `python` would have made of the same words, but for the second that it takes."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.fixtures import nursery

PATIENCE = 60.0  # seconds: only a test that hangs takes them
TELLS = """\
import os, sys
print(sys.argv[1:], sys.stdin.read(), os.environ["WHO"], os.getcwd(), "mcp" in sys.modules)
print("talk", file=sys.stderr)
sys.exit(3)
"""
WAITS = "import os; print(os.getpid(), flush=True); input()\n"


@pytest.fixture(params=["of the nursery", "without a nursery"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for programs; the nursery is there, or there is none."""
    if request.param == "without a nursery":
        monkeypatch.setattr(nursery, "PLACE", tmp_path / "nothing")
    return tmp_path


def program(folder: Path, text: str) -> str:
    file = folder / "program.py"
    file.write_text(text)
    return str(file)


def test_it_has_the_words_pipes_environment_folder_and_exit_code_of_whom_it_was_started_as(place: Path) -> None:
    done = subprocess.run(
        nursery.command(program(place, TELLS), "a b", "--c"),
        input="said", cwd=place, env={"WHO": "ann"}, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    loaded = nursery.PLACE.exists()
    assert done.stdout == f"['a b', '--c'] said ann {place} {loaded}\n"
    assert (done.returncode, done.stderr) == (3, "talk\n")


def test_a_module_is_run_by_its_name_and_a_traceback_is_an_exit_code(place: Path) -> None:
    (place / "broken_module.py").write_text("raise OSError('no good')\n")
    command = nursery.command("-m", "broken_module")
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith("OSError: no good\n")


def test_it_dies_with_whom_it_was_started_as(place: Path) -> None:
    command = nursery.command(program(place, WAITS))
    started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert started.stdout
    pid = int(started.stdout.readline())
    started.kill()
    started.communicate(timeout=PATIENCE)  # the end of its output is its end
    with pytest.raises(ProcessLookupError):
        _until_gone(pid)


def _until_gone(pid: int) -> None:
    """Raises ProcessLookupError then."""
    while True:
        os.kill(pid, 0)


def test_two_of_them_share_nothing_that_they_change(place: Path) -> None:
    counts = "import json\njson.count = getattr(json, 'count', 0) + 1\nprint(json.count)\n"
    command = nursery.command(program(place, counts))
    said = [subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True) for _ in range(2)]
    assert [one.stdout for one in said] == ["1\n", "1\n"]
