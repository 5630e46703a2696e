"""`toolgate login` and `toolgate logout`: a user's own log-ins to servers that act for each user."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.exits import Exit, Stop, ends
from gateway.cli.options import Caller, as_json, caller, emit

if TYPE_CHECKING:
    from gateway.upstream.auth.grant import Grant
    from gateway.upstream.auth.vault import Binding, Kept

__all__ = ["login_command", "logout_command", "told"]


@click.command("login", epilog=ends(Exit.UNREACHABLE))
@click.argument("server", required=False)
@click.option("--list", "listing", is_flag=True, help="List the log-ins that are kept.")
@click.option("--scope", "scopes", multiple=True, help="Ask for this scope too; may be given more than once.")
@click.option("--no-browser", is_flag=True, help="Print the address, and open no browser.")
@as_json
@caller
def login_command(
    server: str | None, listing: bool, scopes: tuple[str, ...], no_browser: bool, as_json: bool, caller: Caller
) -> int:
    """Log in to SERVER as yourself (or as --as): a browser asks you, and Toolgate keeps what it is granted, sealed."""
    from gateway.access import Access

    if listing == (server is not None):
        raise click.UsageError("name a server to log in to, or ask for --list")
    access = Access(caller.config())
    if server is None:
        _list(access.kept(), as_json=as_json)
        return Exit.OK
    binding = access.binding(server, access.owner)
    show = _shower(server, binding.user, no_browser=no_browser)
    try:
        grant = asyncio.run(access.log_in(server, access.owner, show, _fit(scopes)))
    except TimeoutError:
        raise Stop(Exit.ERROR, f"nobody logged in to `{server}` within five minutes") from None
    if as_json:
        emit(_row(binding, grant))
    else:
        click.echo(f"{server}  {binding.user}  {told(grant, time.time())}")
    return Exit.OK


@click.command("logout", epilog=ends())
@click.argument("server")
@as_json
@caller
def logout_command(server: str, as_json: bool, caller: Caller) -> int:
    """Forget your log-in to SERVER. What was granted ends by itself, or where you granted it."""
    from gateway.access import Access

    access = Access(caller.config())
    removed = access.log_out(server, access.owner)
    if as_json:
        emit({"server": server, "user": access.owner.user, "tenant": access.owner.tenant, "removed": removed})
    else:
        click.echo(f"{server}  {access.owner.user}  {'logged out' if removed else 'was not logged in'}")
    return Exit.OK


def _fit(scopes: Sequence[str]) -> Sequence[str]:
    """Each of them; several may also stand in one, separated by spaces."""
    from gateway.identity import SCOPE

    found = [word for scope in scopes for word in scope.split()]
    if wrong := next((word for word in found if not SCOPE.fullmatch(word)), None):
        raise click.UsageError(f"`{ascii(wrong)[1:-1]}` is not a scope")
    return found


def _shower(server: str, user: str, *, no_browser: bool) -> Callable[[str], Awaitable[None]]:
    """Says where to log in, on stderr, and opens a browser there, if there is one to open."""
    from gateway.visible import visible

    async def show(url: str) -> None:
        click.echo(f"log in to {server} as {user} here:\n\n  {visible(url)}\n", err=True)
        if not no_browser and _has_browser(os.environ):
            import webbrowser

            await asyncio.to_thread(webbrowser.open, url)

    return show


def _has_browser(environ: Mapping[str, str]) -> bool:
    """Without a screen, `webbrowser` would start a browser of the terminal, over what we are printing."""
    return sys.platform == "darwin" or any(environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"))


def _list(kept: "Sequence[Kept]", *, as_json: bool) -> None:
    from gateway.cli.columns import aligned
    from gateway.visible import visible

    if as_json:
        emit([_row(one.binding, one.grant) for one in kept])
        return
    now = time.time()
    rows = [
        (one.binding.server, one.binding.user, one.binding.tenant, one.binding.resource, told(one.grant, now))
        for one in kept
    ]
    for line in aligned([tuple(visible(cell) for cell in row) for row in rows]):
        click.echo(line)
    if not kept:
        click.echo("there are no log-ins: `toolgate login SERVER`", err=True)


def _row(binding: "Binding", grant: "Grant") -> dict[str, Any]:
    return {
        "server": binding.server,
        "user": binding.user,
        "tenant": binding.tenant,
        "resource": binding.resource,
        "issuer": grant.issuer,
        "scopes": (grant.scope or "").split(),
        "expires": None if grant.expires is None else round(grant.expires * 1000),
        "renewable": grant.refresh_token is not None,
    }


def told(grant: "Grant", now: float) -> str:
    """How long a log-in holds. Never a token."""
    if grant.refresh_token is not None:
        return "logged in, renewed by itself"
    if grant.expires is None:
        return "logged in"
    until = time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(grant.expires))
    return f"logged in until {until}" if grant.fresh(now) else f"ended {until}"
