"""The official conformance suite, run against a URL or a client's command, and what it found, scenario by scenario."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from tests.fixtures import node

VERSIONS = ("2026-07-28", "2025-11-25")
TASKS = (  # an extension's: of no version, and not scored; `tasks-status-notifications` checks nothing yet
    "tasks-lifecycle",
    "tasks-capability-negotiation",
    "tasks-wire-fields",
    "tasks-request-state-removal",
    "tasks-mrtr-input",
    "tasks-request-headers",
    "tasks-dispatch-and-envelope",
    "tasks-required-task-error",
    "tasks-mrtr-composition",
)
EXTENSIONS = ("auth/client-credentials-basic",)  # of a client's scenarios for extensions, those that we have
PATIENCE = 120  # seconds for one scenario of a client, which may start five processes
ROOT = Path(__file__).parents[2]

Side = Literal["server", "client"]

_STAMP = re.compile(r"-\d{4}-\d\d-\d\dT[0-9-]+Z$")


@dataclass(frozen=True)
class Scenario:
    """What one scenario found: how many checks were good, and the others, each as `ID: what is wrong`.

    `warned`: what should be so and is not, in the words of the specification. `scored` says whether the suite counts
    the scenario when it scores an implementation of this version.
    """

    name: str
    passed: int
    wrong: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    scored: bool = True

    @property
    def good(self) -> bool:
        return not self.wrong and not (self.scored and self.warned)


@dataclass(frozen=True)
class Report:
    """Every scenario that was to run; one that did not says so as what is wrong with it."""

    scenarios: tuple[Scenario, ...]
    output: str = field(default="", repr=False)

    @property
    def failures(self) -> list[str]:
        """`scenario: what is wrong`, one for each. In scored scenarios, a warning is a failure."""
        bad = ((one.name, one.wrong + (one.warned if one.scored else ())) for one in self.scenarios)
        return [f"{name}: {what}" for name, wrong in bad for what in wrong]

    @property
    def warnings(self) -> list[str]:
        """The warnings of what is not scored."""
        return [f"{one.name}: {what}" for one in self.scenarios if not one.scored for what in one.warned]

    def __str__(self) -> str:
        rows = [f"{'ok  ' if one.good else 'FAIL'}  {one.name}  ({one.passed} checks)" for one in self.scenarios]
        checks = sum(one.passed for one in self.scenarios)
        good = sum(one.good for one in self.scenarios)
        told = [f"      {failure}" for failure in self.failures]
        told += [f"      (not scored) {warning}" for warning in self.warnings]
        return "\n".join([*rows, *told, f"{good} of {len(self.scenarios)} scenarios, {checks} checks good"])


@cache
def scenarios(side: Side, version: str) -> list[str]:
    """What the suite has for this side of this version, in its order."""
    said = _run(["list", f"--{side}", "--spec-version", version]).stdout
    return re.findall(r"^  - (\S+) \[", said, re.MULTILINE)


@cache
def scored(version: str) -> frozenset[str]:
    """The scenarios of both sides that count when an implementation of this version is scored."""
    said = _run(["list", "--requirements", version]).stdout
    return frozenset(re.findall(r"^  - (\S+)$", said, re.MULTILINE))


def run_server(url: str, version: str, folder: Path, only: Sequence[str] = ()) -> Report:
    """All scenarios for a server at this URL, or `only` these. What the suite writes down goes to `folder`."""
    host = url.replace("127.0.0.1", "localhost")  # one scenario compares host names
    command = ["server", "--url", host, "--spec-version", version, "-o", str(folder)]
    runs = [["--scenario", name, *(["--force"] if name in TASKS else [])] for name in only] or [["--suite", "all"]]
    output = "".join(_run([*command, *run]).stdout for run in runs)
    return _report(only or scenarios("server", version), version, folder, output)


def run_client(command: Sequence[str], version: str, folder: Path, only: Sequence[str]) -> Report:
    """These scenarios for a client: `command` is started with the URL of the suite's server behind it.

    Two at a time: each of them may start several processes. (The suite's own `--suite` begins all at once, and on a
    machine of few cores they run out of their time without a verdict.)
    """
    client = ["client", "--command", shlex.join(command), "--spec-version", version, "-o", str(folder)]

    def one(name: str) -> str:
        force = ["--force"] if name in EXTENSIONS else []
        done = _run([*client, "--scenario", name, *force, "--timeout", str(PATIENCE * 1000)])
        return done.stdout + done.stderr

    with ThreadPoolExecutor(2) as pool:
        output = "".join(pool.map(one, only))
    return _report(only, version, folder, output)


def _run(arguments: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Failures are read from what it writes down, so its exit code says nothing new."""
    environment = os.environ | {"NO_COLOR": "1"}
    return subprocess.run(
        [*node.conformance(), *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def _report(wanted: Sequence[str], version: str, folder: Path, output: str) -> Report:
    found, counted = dict(_written(folder)), scored(version)
    return Report(tuple(_scenario(name, found.get(name), scored=name in counted) for name in wanted), output)


def _written(folder: Path) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """`folder/[server-]SCENARIO-TIME/checks.json`; a scenario's name may hold a slash."""
    for file in sorted(folder.rglob("checks.json")):
        name = _STAMP.sub("", str(file.parent.relative_to(folder)))
        yield name.removeprefix("server-"), json.loads(file.read_text(encoding="utf-8"))


def _scenario(name: str, checks: Sequence[Mapping[str, Any]] | None, *, scored: bool) -> Scenario:
    if checks is None:
        return Scenario(name, 0, ("did not run",))
    passed = sum(one["status"] == "SUCCESS" for one in checks)
    wrong, warned = _told(checks, "FAILURE"), _told(checks, "WARNING")
    return Scenario(name, passed, wrong or (() if passed or warned else ("checked nothing",)), warned, scored)


def _told(checks: Sequence[Mapping[str, Any]], status: str) -> tuple[str, ...]:
    return tuple(f"{one['id']}: {_why(one)}" for one in checks if one["status"] == status)


def _why(check: Mapping[str, Any]) -> str:
    details = json.dumps(check.get("details", {}), ensure_ascii=False)
    return f"{check.get('errorMessage') or check.get('description')} {details[:300]}"
