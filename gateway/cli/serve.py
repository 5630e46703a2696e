"""`toolgate serve`: be an MCP server for editors and agents."""

import asyncio
import gc
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit
from gateway.cli.options import Caller, as_json, caller, emit

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.runtime import Runtime
    from gateway.serve.front import Front

__all__ = ["serve_command"]


@click.command("serve")
@click.option("--stdio", is_flag=True, help="Over stdin and stdout, for a client that starts this program.")
@click.option("--host", metavar="ADDRESS", help="Where to listen; loopback only.")
@click.option("--port", metavar="NUMBER", help="0 takes a free one.")
@click.option("--agent", metavar="NAME", help="The clients are this agent of the policy's, for whoever asks.")
@as_json
@caller
def serve_command(
    stdio: bool, host: str | None, port: str | None, agent: str | None, as_json: bool, caller: Caller
) -> int:
    """Serve the gateway as an MCP server: Streamable HTTP at /mcp, or stdio.

    With --json, one line on stdout says when it listens, and where.
    """
    if stdio and as_json:
        raise click.UsageError("with --stdio, stdout belongs to the protocol: leave --json out")
    config = caller.config(("--host", "serve.host", host), ("--port", "serve.port", port))
    asyncio.run(_work(config, agent, stdio=stdio, as_json=as_json))
    return Exit.OK


async def _work(config: "Config", agent: str | None, *, stdio: bool, as_json: bool) -> None:
    from gateway.keyring import load_keyring
    from gateway.runtime import open_runtime
    from gateway.serve.front import Front
    from gateway.serve.sessions import Sessions

    keys = load_keyring(config.folders.state / "sealing-keys", os.environ)

    async with open_runtime(config) as runtime:
        await _sweep(runtime)
        sessions = Sessions(runtime.clients, runtime.offline.subject(agent=_agent(agent)))
        front = Front(sessions, runtime.upstream, keys)
        try:
            await _listen(runtime, front, stdio=stdio, as_json=as_json)
        finally:
            await front.close()
            await sessions.close()


async def _sweep(runtime: "Runtime") -> None:
    lost = await runtime.clients.sweep()
    if lost:
        click.echo(f"{lost} sessions of a gateway that was killed are closed; see `toolgate runs`", err=True)


async def _listen(runtime: "Runtime", front: "Front", *, stdio: bool, as_json: bool) -> None:
    from importlib.metadata import version

    from gateway.serve.http import Address, serve_http
    from gateway.serve.server import build_server
    from gateway.serve.stdio import serve_stdio

    server = build_server(front, version("toolgate"))
    if stdio:
        await serve_stdio(server, ending=front.changes.close)
        return
    gc.freeze()  # what is there by now stays: looking through it for garbage took a tenth of the time under load
    given = runtime.config.serve
    address = Address(given.host, given.port, given.allowed_hosts, given.allowed_origins)
    await serve_http(server, front, address, _announced(runtime, as_json=as_json))


def _announced(runtime: "Runtime", *, as_json: bool) -> Callable[[str], Awaitable[None]]:
    from gateway.visible import visible

    async def announce(url: str) -> None:
        catalogue = runtime.upstream.catalogue
        if as_json:
            emit({"url": url, "tools": len(catalogue.tools), "missing": dict(catalogue.missing)})
            return
        click.echo(f"{url}  {len(catalogue.tools)} tools", err=True)
        for server, why in catalogue.missing.items():
            click.echo(f"missing {server}: {visible(why)}", err=True)

    return announce


def _agent(name: str | None) -> str | None:
    """`support` or `agent:support`."""
    return f"agent:{name.removeprefix('agent:')}" if name else None
