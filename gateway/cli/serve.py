"""`toolgate serve`: be an MCP server for editors and agents."""

import asyncio
from collections.abc import Awaitable, Callable

import click

from gateway.cli.exits import Exit
from gateway.cli.options import Caller, caller
from gateway.config import Flag
from gateway.runtime import Runtime, open_runtime

__all__ = ["serve_command"]


@click.command("serve")
@click.option("--stdio", is_flag=True, help="Over stdin and stdout, for a client that starts this program.")
@click.option("--host", help="Where to listen; loopback only.")
@click.option("--port", help="0 takes a free one.")
@click.option("--agent", help="The clients are this agent of the policy's: both it and the user must be allowed.")
@caller
def serve_command(stdio: bool, host: str | None, port: str | None, agent: str | None, caller: Caller) -> int:
    """Serve the gateway as an MCP server: Streamable HTTP at /mcp, or stdio."""
    config = caller.config(Flag("--host", "serve.host", host), Flag("--port", "serve.port", port))

    async def work() -> None:
        async with open_runtime(config) as runtime:
            await _serve(runtime, stdio=stdio, agent=agent)

    asyncio.run(work())
    return Exit.OK


async def _serve(runtime: Runtime, *, stdio: bool, agent: str | None) -> None:
    from importlib.metadata import version

    from gateway.serve.front import build_server
    from gateway.serve.http import Address, serve_http
    from gateway.serve.sessions import Sessions
    from gateway.serve.stdio import serve_stdio

    lost = await runtime.clients.sweep()
    if lost:
        click.echo(f"{lost} sessions of a gateway that was killed are closed; see `toolgate runs`", err=True)
    subject = runtime.offline.subject(agent=f"agent:{agent}" if agent else None)
    sessions = Sessions(runtime.clients, subject)
    server = build_server(sessions, version("toolgate"))
    try:
        if stdio:
            await serve_stdio(server)
        else:
            given = runtime.config.serve
            address = Address(given.host, given.port, given.allowed_hosts, given.allowed_origins)
            await serve_http(server, address, _announced(runtime))
    finally:
        await sessions.close()


def _announced(runtime: Runtime) -> Callable[[str], Awaitable[None]]:
    async def announce(url: str) -> None:
        catalogue = runtime.upstream.catalogue
        click.echo(f"{url}  {len(catalogue.tools)} tools", err=True)
        for server, why in catalogue.missing.items():
            click.echo(f"missing {server}: {why}", err=True)

    return announce
