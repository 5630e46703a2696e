"""`toolgate policy check`: one line for each thing that is wrong or doubtful."""

import asyncio
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit
from gateway.cli.logs import say_nothing_of_servers
from gateway.cli.options import Caller, as_json, emit, located
from gateway.cli.policy.counting import counted

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.errors import Problem

__all__ = ["check_command"]


@click.command("check")
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
    click.echo(f"{counted(wrong, 'error')}, {counted(len(found) - wrong, 'warning')}", err=True)
