"""`toolgate policy`: look the policy over, ask it why, and put its own tests to it."""

import asyncio
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit
from gateway.cli.logs import say_nothing_of_servers
from gateway.cli.options import Caller, as_json, caller, emit, located, through, usage_of

if TYPE_CHECKING:
    from gateway.call import Action, JsonObject
    from gateway.catalogue import Catalogue
    from gateway.config import Config
    from gateway.errors import Problem
    from gateway.policy import Query
    from gateway.policy.cases import Failure

__all__ = ["policy_command"]

ACTIONS = ("call", "list", "read", "get", "subscribe", "complete", "approve", "admin")


@click.group("policy")
def policy_command() -> None:
    """Check, test and explain the policy."""


# ---- check


@policy_command.command("check")
@click.option("--servers", is_flag=True, help="Connect, and compare the lines with the tools that are really there.")
@as_json
@located
def check_command(servers: bool, as_json: bool, caller: Caller) -> int:
    """Look over policy and budgets: one line for each finding. Exit code 3 when there is an error."""
    say_nothing_of_servers()
    config = caller.config()
    found, missing = asyncio.run(_checked(config, servers=servers))
    wrong = sum(problem.level == "error" for problem in found)
    if as_json:
        problems = [dataclasses.asdict(problem) for problem in found]
        emit({"ok": not wrong, "problems": problems, "missing": missing})
    else:
        _print_findings(found, missing, wrong)
    return Exit.CONFIG if wrong else Exit.OK


async def _checked(config: "Config", *, servers: bool) -> "tuple[list[Problem], dict[str, str]]":
    """Every finding, and the servers that could not be asked."""
    from gateway.policy.lint import check
    from gateway.runtime import open_servers

    files = config.policy.model, config.policy.files
    found = check(*files)
    missing: dict[str, str] = {}
    if servers and not any(problem.level == "error" for problem in found):
        async with open_servers(config) as upstream:
            found = check(*files, upstream.catalogue)
            missing = dict(upstream.catalogue.missing)
    return found + _budget_findings(config), missing


def _budget_findings(config: "Config") -> "list[Problem]":
    from gateway.config import load_budgets
    from gateway.errors import ConfigError

    try:
        return list(load_budgets(config.policy.budgets, config.agents).warnings)
    except ConfigError as error:
        return list(error.problems)


def _print_findings(found: "Sequence[Problem]", missing: dict[str, str], wrong: int) -> None:
    from gateway.visible import visible

    for problem in found:
        click.echo(visible(str(problem)))
    for server, why in missing.items():
        click.echo(f"lines about `{server}` were not compared: {visible(why)}", err=True)
    click.echo(f"{_count(wrong, 'error')}, {_count(len(found) - wrong, 'warning')}", err=True)


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


# ---- explain


@policy_command.command("explain")
@click.option("--who", metavar="WHO", help="The same as --as.")
@click.option("--agent", metavar="NAME", help="Through this agent; both it and the user must be allowed.")
@click.option("--tool", "path", metavar="SERVER/TOOL", required=True, help="What is to be done.")
@click.option("--action", type=click.Choice(ACTIONS), default="call", show_default=True)
@click.option("--args", "arguments", metavar="JSON", help="The arguments; without them, conditions on them are open.")
@click.option("--requester", metavar="WHO", help="For the action approve: who asked for the call.")
@click.option("--offline", is_flag=True, help="Do not connect: nothing is known about the tool then.")
@as_json
@caller
def explain_command(
    who: str | None,
    agent: str | None,
    path: str,
    action: str,
    arguments: str | None,
    requester: str | None,
    offline: bool,
    as_json: bool,
    caller: Caller,
) -> int:
    """Say what the policy decides and why: the deciding line, all that match, the roles, and what comes nearest.

    Exit code 0 whatever the verdict is: it is an answer.
    """
    from gateway.policy import load
    from gateway.policy.explain import explain
    from gateway.policy.render import render

    say_nothing_of_servers()
    config = dataclasses.replace(caller, user=who or caller.user).config()
    policy = load(config.policy.model, config.policy.files)
    query = _query(config, path, action, _arguments(arguments), (agent, requester))
    if not offline:
        query = asyncio.run(_informed(config, query))
    explanation = explain(policy, query)
    if as_json:
        emit(explanation.to_json() | {"tool_known": query.tool is not None})
    else:
        click.echo(render(explanation))
    return Exit.OK


def _query(
    config: "Config",
    path: str,
    action: str,
    arguments: "JsonObject | None",
    others: tuple[str | None, str | None],
) -> "Query":
    """`others` are the agent, and whoever asked for the call."""
    from datetime import UTC, datetime

    from gateway.call import Subject
    from gateway.identity import user_subject
    from gateway.names import split_path
    from gateway.policy import Query, RunFacts

    with usage_of("--tool"):
        split_path(path)
    agent, requester = others
    subject = Subject(config.identity.user, config.identity.tenant, through(agent))
    asked = user_subject(requester) if requester else None
    return Query(subject, action, path, arguments, None, RunFacts(), datetime.now(UTC), asked)


def _arguments(text: str | None) -> "JsonObject | None":
    from gateway.call import Arguments

    with usage_of("--args"):
        return Arguments.parse(text).value if text is not None else None


async def _informed(config: "Config", query: "Query") -> "Query":
    """The query with the facts about its tool, from its server alone."""
    from gateway.runtime import open_servers

    server = query.object.partition("/")[0]
    only = dataclasses.replace(config, servers={name: it for name, it in config.servers.items() if name == server})
    async with open_servers(only) as upstream:
        kinds: dict[str, Action] = {"read": "read", "subscribe": "read", "get": "get", "complete": "complete"}
        tool = upstream.catalogue.find(kinds.get(query.action, "call"), query.object)
        if tool is None:
            click.echo(f"nothing is known about `{query.object}`: {_why_unknown(upstream.catalogue, query)}", err=True)
        return dataclasses.replace(query, tool=tool)


def _why_unknown(catalogue: "Catalogue", query: "Query") -> str:
    from gateway.visible import visible
    from gateway.wording import did_you_mean

    server = query.object.partition("/")[0]
    if server in catalogue.missing:
        return visible(catalogue.missing[server])
    if not any(tool.server == server for tool in catalogue.tools.values()):
        return f"no server `{server}` is configured"
    return did_you_mean(query.object, catalogue.tools) or "its server does not offer it"


# ---- test


@policy_command.command("test")
@click.option(
    "--file", type=click.Path(path_type=Path, exists=True), metavar="FILE", help="The table; tests.csv by the policy."
)
@as_json
@located
def test_command(file: Path | None, as_json: bool, caller: Caller) -> int:
    """Put the policy's own tests to it: one line for each that fails. Exit code 1 when one does."""
    from gateway.policy import load
    from gateway.policy.cases import parse_cases, run_tests
    from gateway.policy.files import read_sources

    config = caller.config()
    table = file or config.policy.files.parent / "tests.csv"
    policy = load(config.policy.model, config.policy.files)
    failures = run_tests(policy, table)
    number = sum(len(parse_cases(source.file, source.content)) for source in read_sources(table))
    if as_json:
        emit({"ok": not failures, "cases": number, "failures": [_failure(failure) for failure in failures]})
    else:
        for failure in failures:
            click.echo(str(failure))
        click.echo(f"{_count(number, 'case')}, {_count(len(failures), 'failure')}", err=True)
    return Exit.ERROR if failures else Exit.OK


def _failure(failure: "Failure") -> dict[str, str | None]:
    case, got = failure.case, failure.got
    said = {"case": case.name, "where": case.where, "expected": case.expect, "expected_line": case.rule or None}
    return said | {"got": got.effect, "rule": got.rule, "why": got.why}
