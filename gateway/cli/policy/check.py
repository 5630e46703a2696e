"""`toolgate policy check`: one line for each thing that is wrong or doubtful."""

import asyncio
import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.logs import say_nothing_of_servers
from gateway.cli.options import Caller, as_json, emit, located
from gateway.cli.policy.counting import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.cli.policy.knowing import Known
    from gateway.config import Config
    from gateway.errors import Problem
    from gateway.policy.cases.report import Report

__all__ = ["check_command"]


@dataclass(frozen=True, slots=True)
class _Looked:
    """Every finding, how many the files ask not to be told, and what was known of the servers; and what came of the
    policy's own tests, where they were asked for and could be put.
    """

    problems: "tuple[Problem, ...]"
    left_out: int
    known: "Known | None"
    tests: "Report | None" = None

    def count(self, level: str) -> int:
        return sum(problem.level == level for problem in self.problems)


_ENDS = ends(config="a finding is an error", error="a test fails; with --strict, a warning")


@click.command("check", epilog=_ENDS)
@click.option("--servers", is_flag=True, help="Connect; else tools are compared as toolgate.lock has them.")
@click.option("--tests", is_flag=True, help="Put the policy's own tests to it, too: `toolgate policy test` has more.")
@click.option("--strict", is_flag=True, help="A warning is a failure, too: exit code 1.")
@click.option("--sarif", is_flag=True, help="SARIF 2.1.0 on stdout, for code scanning.")
@as_json
@located
def check_command(servers: bool, tests: bool, strict: bool, sarif: bool, as_json: bool, caller: Caller) -> int:
    """Look over policy and budgets: one line for each finding, with the name of its rule in brackets.

    The comment `# check: ignore RULE` above a line leaves out what that rule says of it.
    """
    if sarif and as_json:
        raise click.UsageError("--sarif is JSON already; leave out --json")
    say_nothing_of_servers()
    looked = asyncio.run(_looked(caller.config(), servers=servers, tests=tests))
    if sarif:
        _emit_sarif(looked)
    elif as_json:
        emit(_to_json(looked, strict=strict))
    else:
        _print(looked, servers=servers)
    return _exit(looked, strict=strict)


def _exit(looked: _Looked, *, strict: bool) -> Exit:
    if any(problem.level == "error" and problem.rule != "failing-test" for problem in looked.problems):
        return Exit.CONFIG
    return Exit.ERROR if looked.count("error") or (strict and looked.problems) else Exit.OK


async def _looked(config: "Config", *, servers: bool, tests: bool) -> _Looked:
    from gateway.cli.policy.knowing import connected, people, pinned
    from gateway.policy.lint import check

    files = config.policy.model, config.policy.files
    checked, known, report = check(*files), None, None
    if checked.usable:
        if config.servers:
            known = await connected(config) if servers else pinned(config)
        report, more = _tested(config, known) if tests else (None, ())
        checked = check(*files, known.catalogue if known else None, await people(config), more)
    told = await _of_budgets(config, known, usable=checked.usable)
    return _Looked((*checked.problems, *told), checked.left_out, known, report)


def _tested(config: "Config", known: "Known | None") -> "tuple[Report | None, Sequence[Problem]]":
    """The policy's own tests: what came of them, and what is to be told of it."""
    from gateway.catalogue import Catalogue
    from gateway.errors import PolicyError
    from gateway.policy import load
    from gateway.policy.cases.reading import cases_beside
    from gateway.policy.cases.report import report
    from gateway.policy.lint.finding import of_error

    policy = load(config.policy.model, config.policy.files)
    try:
        cases = cases_beside(config.policy.files)
    except PolicyError as error:
        return None, [of_error(problem, "invalid-tests") for problem in error.problems]
    found = report(policy, cases, (known.catalogue if known else Catalogue()).find)
    return found, found.problems


async def _of_budgets(config: "Config", known: "Known | None", *, usable: bool) -> "list[Problem]":
    """`usable`: the policy can be read, so that it is known which roles there are."""
    from gateway.cli.policy.knowing import there
    from gateway.config import load_budgets
    from gateway.errors import ConfigError
    from gateway.policy import load
    from gateway.policy.lint.budgets import unfound
    from gateway.policy.lint.finding import of_error

    try:
        found = load_budgets(config.policy.budgets, config.agents)
    except ConfigError as error:
        return [of_error(problem, "invalid-budget") for problem in error.problems]
    told = [of_error(problem, "invalid-budget") for problem in found.warnings]
    if not found.named:
        return told
    policy = load(config.policy.model, config.policy.files) if usable else None
    return [*told, *unfound(found.named, await there(config, known.catalogue if known else None, policy))]


def _to_json(looked: _Looked, *, strict: bool) -> dict[str, object]:
    known = looked.known
    return {
        "ok": _exit(looked, strict=strict) is Exit.OK,
        "problems": [dataclasses.asdict(problem) for problem in looked.problems],
        "left_out": looked.left_out,
        "missing": dict(known.missing) if known else {},
        "from_pins": list(known.from_pins) if known else [],
        "tests": {"cases": len(looked.tests.found), "failures": len(looked.tests.failures)} if looked.tests else None,
    }


def _emit_sarif(looked: _Looked) -> None:
    from importlib.metadata import version

    from gateway.policy.lint.sarif import sarif

    emit(sarif(looked.problems, version("toolgate")))


def _print(looked: _Looked, *, servers: bool) -> None:
    from gateway.visible import visible

    for problem in looked.problems:
        click.echo(visible(f"{problem} [{problem.rule}]"))
    known = looked.known
    for server, why in known.missing.items() if known else ():
        click.echo(f"lines about `{server}` were not compared: {visible(why)}", err=True)
    if servers and known and known.from_pins:
        click.echo(f"compared as pinned, for they can't be asked: {', '.join(known.from_pins)}", err=True)
    left_out = f", {looked.left_out} left out" if looked.left_out else ""
    said = f"{counted(looked.count('error'), 'error')}, {counted(looked.count('warning'), 'warning')}{left_out}"
    click.echo(said, err=True)
    if looked.tests:
        from gateway.cli.policy.testing_view import sum_of

        click.echo(sum_of(looked.tests), err=True)
