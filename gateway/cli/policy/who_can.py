"""`toolgate policy who-can`: everybody whom the policy names, on one question, or on one for each tool of a pattern."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.exits import Exit, Stop, ends
from gateway.cli.logs import say_nothing_of_servers
from gateway.cli.options import Caller, as_json, emit, located, usage_of

if TYPE_CHECKING:
    from gateway.call import Tool
    from gateway.cli.policy.knowing import Known
    from gateway.config import Config
    from gateway.offer import Offer
    from gateway.policy import Query
    from gateway.policy.powers import Because, Standing

__all__ = ["reason_lines", "who_can_command"]

ACTIONS = ("call", "read", "get", "approve", "admin")


@click.command("who-can", epilog=ends())
@click.argument("path", metavar="SERVER/TOOL")
@click.option("--args", "arguments", metavar="JSON", help="With these arguments; without them, with any.")
@click.option("--action", type=click.Choice(ACTIONS), default="call", show_default=True, help="To do what with it.")
@click.option("--tenant", metavar="NAME", help="In this organisation only.")
@click.option("--offline", is_flag=True, help="Do not connect: the tool is known as it is in toolgate.lock.")
@as_json
@located
def who_can_command(
    path: str, arguments: str | None, action: str, tenant: str | None, offline: bool, as_json: bool, caller: Caller
) -> int:
    """Say who may do this: every user, agent, role and team that the policy names, and `*` for everybody else.

    A pattern, such as `shop/*`, asks about each that there is. `depends` comes with the conditions. A role's answer is
    that of somebody who has it and nothing else; an agent's is its ceiling: whoever asks through it must be allowed,
    too.
    """
    from gateway.cli.policy.explain import is_pattern
    from gateway.policy import load
    from gateway.policy.powers import who_can

    say_nothing_of_servers()
    config = caller.config()
    policy = load(config.policy.model, config.policy.files)
    meant = _of_pattern if is_pattern(path, action) else _of_one
    queries = meant(config, path, action, arguments, offline=offline)
    found = {query.object: (query, who_can(policy, query, tenant)) for query in queries}
    if as_json:
        about = {"action": action, "policy_digest": policy.digest}
        answers = [_as_json(query, standings) for query, standings in found.values()]
        emit(about | (answers[0] if meant is _of_one else {"pattern": path, "objects": answers}))
    else:
        for line in _by_object(found) if meant is _of_pattern else _lines(found[path][1]):
            click.echo(line)
    return Exit.OK


def _as_json(query: "Query", found: "Sequence[Standing]") -> dict[str, Any]:
    who = [standing.to_json() for standing in found]
    return {"object": query.object, "args": query.args, "tool_known": query.tool is not None, "who": who}


def _by_object(found: "Mapping[str, tuple[Query, Sequence[Standing]]]") -> Iterator[str]:
    from gateway.visible import visible

    for number, (path, (_, standings)) in enumerate(found.items()):
        yield from [""] if number else []
        yield visible(f"{path}:")
        yield from (f"  {line}" for line in _lines(standings))


# ---- what is meant


def _of_one(config: "Config", path: str, action: str, arguments: str | None, *, offline: bool) -> "list[Query]":
    from gateway.cli.policy.explain import informed, question

    return [asyncio.run(informed(config, question(config, path, action, arguments), offline=offline))]


def _of_pattern(config: "Config", path: str, action: str, arguments: str | None, *, offline: bool) -> "list[Query]":
    """One for each that it matches, of those that are known. Raises Stop when it matches none."""
    import dataclasses

    from gateway.cli.policy.explain import question
    from gateway.cli.policy.knowing import connected, pinned, say_what_is_missing
    from gateway.policy.globs import ToolGlob, is_wild

    with usage_of("SERVER/TOOL"):
        glob = ToolGlob.of(path)
    only = None if is_wild(glob.server) else [glob.server]
    known = pinned(config, only) if offline else asyncio.run(connected(config, only))
    things = [thing for thing in _things(known, action) if glob.matches(thing.server, thing.name)]
    say_what_is_missing(known, offline=offline)
    if not things:
        where = "toolgate.lock" if offline else "the servers"
        raise Stop(Exit.ERROR, f"`{path}` matches nothing that is known from {where}")
    return [dataclasses.replace(question(config, it.path, action, arguments), tool=it) for it in things]


def _things(known: "Known", action: str) -> "list[Tool | Offer]":
    catalogue = known.catalogue
    offered: Mapping[str, Tool | Offer] = catalogue.tools
    if action in ("read", "get"):
        offered = catalogue.resources if action == "read" else catalogue.prompts
    return sorted(offered.values(), key=lambda thing: thing.path)


def _lines(found: "Sequence[Standing]") -> Iterator[str]:
    """One line for all who get the same by the same lines in the same tenants."""
    together: dict[tuple[str, ...], list[str]] = {}
    for standing in found:
        reasons = tuple(reason_lines(standing.because)) or ("           no line allows it",)
        together.setdefault((standing.verdict, _tenants(standing.tenants), *reasons), []).append(standing.principal)
    width = max((len(names[0]) for names in together.values() if len(names) == 1), default=0)
    for (verdict, tenants, *lines), names in together.items():
        yield f"{verdict:<8} {', '.join(names):<{width}}  {tenants}"
        yield from lines


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
