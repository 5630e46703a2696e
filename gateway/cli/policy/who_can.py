"""`toolgate policy who-can`: everybody whom the policy names, on one question."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit
from gateway.cli.logs import say_nothing_of_servers
from gateway.cli.options import Caller, as_json, emit, located

if TYPE_CHECKING:
    from gateway.policy.powers import Because, Standing

__all__ = ["reason_lines", "who_can_command"]

ACTIONS = ("call", "read", "get", "approve", "admin")


@click.command("who-can")
@click.argument("path", metavar="SERVER/TOOL")
@click.option("--args", "arguments", metavar="JSON", help="With these arguments; without them, with any.")
@click.option("--action", type=click.Choice(ACTIONS), default="call", show_default=True)
@click.option("--tenant", metavar="NAME", help="In this organisation only.")
@click.option("--offline", is_flag=True, help="Do not connect: the tool is known as it is in toolgate.lock.")
@as_json
@located
def who_can_command(
    path: str, arguments: str | None, action: str, tenant: str | None, offline: bool, as_json: bool, caller: Caller
) -> int:
    """Say who may do this: every user, agent, role and team that the policy names, and `*` for everybody else.

    `depends` comes with the conditions. A role's answer is that of somebody who has it and nothing else; an agent's is
    its ceiling: whoever asks through it must be allowed, too.
    """
    from gateway.cli.policy.explain import informed, question
    from gateway.policy import load
    from gateway.policy.powers import who_can

    say_nothing_of_servers()
    config = caller.config()
    policy = load(config.policy.model, config.policy.files)
    query = asyncio.run(informed(config, question(config, path, action, arguments), offline=offline))
    found = who_can(policy, query, tenant)
    if as_json:
        about = {"action": action, "object": path, "args": query.args, "tool_known": query.tool is not None}
        emit(about | {"policy_digest": policy.digest, "who": [standing.to_json() for standing in found]})
    else:
        for line in _lines(found):
            click.echo(line)
    return Exit.OK


def _lines(found: "Sequence[Standing]") -> Iterator[str]:
    """One line for each that can; those that can't together, for there are many."""
    width = max((len(standing.principal) for standing in found), default=0)
    denied: dict[tuple[str, ...], list[str]] = {}
    for standing in found:
        if standing.verdict == "deny" and not standing.because:
            denied.setdefault(standing.tenants, []).append(standing.principal)
            continue
        yield f"{standing.verdict:<8} {standing.principal:<{width}}  {_tenants(standing.tenants)}"
        yield from reason_lines(standing.because)
    for tenants, names in denied.items():
        yield f"{'deny':<8} {', '.join(names)}  {_tenants(tenants)}"
        yield "           no line allows it"


def _tenants(tenants: tuple[str, ...]) -> str:
    from gateway.policy.powers import ELSEWHERE

    if tenants == ("*",):
        return "in every tenant"
    named = [f"tenant {name}" for name in tenants if name != ELSEWHERE]
    others = ["every other tenant"] if ELSEWHERE in tenants else []
    return "in " + ", ".join([*named, *others])


def reason_lines(because: "Sequence[Because]") -> Iterator[str]:
    """What an answer comes from, or depends on. A line about both, the user and the agent, stands there once."""
    from gateway.visible import visible

    both: dict[tuple[str, str], Because] = {}
    for line in because:
        both.setdefault((line.rule, line.when), line)
    for line in both.values():
        when = f"when {line.when}" if line.when else line.why
        path = f"  ({' -> '.join(line.path)})" if line.path else ""
        yield visible(f"           {line.effect:<5} {line.rule}  {when}{path}")
