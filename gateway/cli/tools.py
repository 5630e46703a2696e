"""`toolgate tools` and `toolgate call`: what there is, what the policy says about it, and one call by hand."""

import asyncio
import dataclasses
import sys
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.logs import say_nothing_of_servers
from gateway.cli.options import Caller, as_json, caller, emit, through, usage_of

if TYPE_CHECKING:
    from gateway.call import Subject
    from gateway.catalogue import Catalogue
    from gateway.config import Config
    from gateway.pipeline import CallResult

__all__ = ["call_command", "tools_command"]

_AGENT = click.option("--agent", metavar="NAME", help="Through this agent; both it and the user must be allowed.")


@click.command("tools", epilog=ends(Exit.UNREACHABLE))
@_AGENT
@click.option("--profile", metavar="NAME", help="Only this part of the gateway: `[profiles.NAME]`.")
@as_json
@caller
def tools_command(agent: str | None, profile: str | None, as_json: bool, caller: Caller) -> int:
    """List every tool, with what the policy says to you: allow, ask, deny, or depends (on the arguments)."""
    from gateway import entrance
    from gateway.cli.listing import list_tools, print_listing
    from gateway.policy import load

    say_nothing_of_servers()
    config = caller.config()
    part = entrance.profile(config, profile)
    policy = load(config.policy.model, config.policy.files)
    listing = asyncio.run(list_tools(config, policy, _subject(config, agent), part))
    if as_json:
        emit(listing.to_json())
    else:
        print_listing(listing, config.folders.workspace)
    return Exit.OK if listing.answered else Exit.UNREACHABLE


@click.command("call", epilog=ends(*Exit))
@click.argument("tool", metavar="SERVER/TOOL")
@click.argument("arguments", metavar="[JSON]", default="{}")
@_AGENT
@as_json
@caller
def call_command(tool: str, arguments: str, agent: str | None, as_json: bool, caller: Caller) -> int:
    """Call one tool through the gateway: same policy, same approvals, same record. JSON is `-` to read stdin."""
    from gateway.call import Arguments
    from gateway.cli.results import conclude

    config = caller.config()
    with usage_of("JSON"):
        parsed = Arguments.parse(sys.stdin.buffer.read() if arguments == "-" else arguments)
    result = asyncio.run(_called(config, tool, parsed.text, _subject(config, agent)))
    option = caller.tenant_option()(config.identity.tenant)
    return conclude(result, tool, as_json=as_json, option=option)


async def _called(config: "Config", tool: str, arguments: str, subject: "Subject") -> "CallResult":
    """What came of the call."""
    from gateway.cli.results import ending
    from gateway.runtime import open_runtime

    async with open_runtime(_narrowed(config, tool)) as runtime:
        client, ended = await runtime.clients.open(subject, f"call {tool}"), "interrupted"
        try:
            result = _whole(await client.call(tool, arguments), runtime.upstream.catalogue)
            ended = ending(result)
            return result
        finally:
            await client.close(ended)


def _whole(result: "CallResult", catalogue: "Catalogue") -> "CallResult":
    """Whoever runs the gateway is told that a server can't be reached, and all of why, whatever he may use of it."""
    from gateway.events import Denied

    if not isinstance(result, Denied) or result.gate not in ("known", "reachable"):
        return result
    server = result.path.partition("/")[0]
    if server not in catalogue.missing:
        return result
    why = f"server `{server}` is not available: {catalogue.missing[server]}"
    return dataclasses.replace(result, gate="reachable", why=why)


def _narrowed(config: "Config", tool: str) -> "Config":
    """With the tool's own server only, of which the call's end says all; with all, if the name does not say which."""
    server = tool.partition("/")[0]
    if server not in config.servers:
        return config
    say_nothing_of_servers()
    return dataclasses.replace(config, servers={server: config.servers[server]})


def _subject(config: "Config", agent: str | None) -> "Subject":
    from gateway.call import Subject

    return Subject(config.identity.user, config.identity.tenant, through(agent))
