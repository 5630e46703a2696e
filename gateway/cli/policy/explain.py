"""`toolgate policy explain`: the verdict, and every line that had to do with it."""

import asyncio
import dataclasses
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit
from gateway.cli.logs import say_nothing_of_servers
from gateway.cli.options import Caller, as_json, caller, emit, through, usage_of

if TYPE_CHECKING:
    from gateway.call import Action, JsonObject
    from gateway.catalogue import Catalogue
    from gateway.config import Config
    from gateway.policy import Query

__all__ = ["explain_command"]

ACTIONS = ("call", "list", "read", "get", "subscribe", "complete", "approve", "admin")


@click.command("explain")
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
