"""docs/policies.md leads from nothing to a tested policy: each command is run, and what it prints is compared."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "policies.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
PAGES = ("language", "flow", "admin", "tests", "diff", "rollout", "editors")
_VARIES = re.compile(r"\b[0-9a-f]{12}\b|in \d+ s\b")


def steps(block: str) -> list[tuple[str, list[str]]]:
    """Each command (with the text that it is given) and the lines that it prints."""
    found: list[tuple[str, list[str]]] = []
    given = ""
    for line in block.splitlines():
        if given:
            command, printed = found.pop()
            found.append((f"{command}\n{line}", printed))
            given = "" if line == given else given
        elif line.startswith("$ "):
            found.append((line[2:], []))
            given = "END" if line.endswith("<<'END'") else ""
        elif line:
            found[-1][1].append(line)
    return found


def run(command: str, folder: Path) -> str:
    """In a shell, with the toolgate of this interpreter."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TOOLGATE_")}
    shell = ["bash", "-c", command]
    environment["PATH"] = path
    done = subprocess.run(shell, check=False, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def test_every_command_of_the_page_prints_what_the_page_says(tmp_path: Path) -> None:
    first, *others = [step for block in BLOCKS for step in steps(block)]
    assert first[0] == "toolgate init shop && cd shop"
    run(first[0], tmp_path)
    assert len(others) > 10
    for command, printed in others:
        said = _VARIES.sub("...", run(command, tmp_path / "shop"))
        missing = [line for line in printed if _VARIES.sub("...", line) not in said.splitlines()]
        assert not missing, f"{command}\n{said}"


@pytest.mark.parametrize("topic", PAGES)
def test_the_page_leads_to_all_others(topic: str) -> None:
    assert f"(policy-{topic}.md)" in PAGE
