"""`./dev` on machines that are not like ours: no Python, a Python that only pretends, a path with spaces."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NEEDS = ("cat", "cksum", "dirname", "head", "mkdir", "rm")


def dev(folder: Path, *arguments: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = ["/bin/sh", str(folder / "dev"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environ, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that `./dev` looks at before it does anything, in a folder with a space in its name."""
    folder = tmp_path / "my checkout"
    folder.mkdir()
    for name in ("dev", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture
def shims(tmp_path: Path) -> dict[str, str]:
    """An environment in which every Python exists, can be executed, and fails: pyenv without a version."""
    folder = tmp_path / "shims"
    folder.mkdir()
    for name in ("python", "python3", "python3.11", "python3.12", "python3.13"):
        (folder / name).write_text("#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n")
        (folder / name).chmod(0o755)
    for name in NEEDS:
        (folder / name).symlink_to(shutil.which(name) or "")
    return {"PATH": str(folder), "HOME": str(tmp_path)}


def test_without_a_command_it_explains_itself(checkout: Path) -> None:
    shown = dev(checkout, environ=os.environ)
    assert shown.returncode == 0
    assert all(f"\n  {name}" in shown.stdout for name in ("demo", "test", "check", "bench", "shell", "lock"))


def test_an_unknown_command_is_a_usage_error(checkout: Path) -> None:
    refused = dev(checkout, "tset", environ=os.environ)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("usage: ./dev COMMAND")


def test_where_no_python_works_it_says_so_and_leaves_nothing_behind(checkout: Path, shims: dict[str, str]) -> None:
    refused = dev(checkout, "test", environ=shims)
    assert refused.returncode == 1
    assert "found no working Python 3.11, 3.12 or 3.13" in refused.stderr
    assert "PYTHON=/path/to/python3 ./dev" in refused.stderr
    assert not (checkout / ".venv").exists()


def test_a_python_that_is_too_old_or_lacks_venv_is_not_taken(checkout: Path, shims: dict[str, str]) -> None:
    """`usable` asks the candidate itself; one that answers no is like one that can't be run."""
    refused = dev(checkout, "test", environ={**shims, "PYTHON": "/bin/false"})
    assert "found no working Python" in refused.stderr


def test_of_the_candidates_the_first_that_works_is_taken(checkout: Path, shims: dict[str, str]) -> None:
    """python3.13 is a dead shim here; python3.12 works, as far as it is asked: its `venv` then fails, by design."""
    works = Path(shims["PATH"]) / "python3.12"
    works.write_text('#!/bin/sh\n[ "$1" = -I ] && exit 0\necho "no room for a venv" >&2\nexit 1\n')
    refused = dev(checkout, "test", environ=shims)
    assert "no room for a venv" in refused.stderr
    assert "`python3.12 -m venv .venv` failed" in refused.stderr


@pytest.mark.soak  # it installs everything: 10 s and more, and a package index
def test_an_empty_environment_a_space_in_the_path_and_a_broken_venv_do_not_matter(checkout: Path) -> None:
    for name in ("gateway", "providers", "servers", "policies"):
        shutil.copytree(ROOT / name, checkout / name)
    for name in ("README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to("/no/such/python")
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    cold = dev(checkout, "shell", "-c", "python -c 'import gateway; print(gateway.__file__)'", environ=bare)
    warm = dev(checkout, "shell", "-c", "command -v toolgate", environ=bare)
    assert cold.stdout.strip() == str(checkout / "gateway" / "__init__.py"), cold.stderr
    assert cold.stderr.count("\n") == 1
    assert (warm.stdout.strip(), warm.stderr) == (str(checkout / ".venv" / "bin" / "toolgate"), "")
