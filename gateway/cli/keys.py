"""`toolgate keys`: API keys for the clients of `toolgate serve`. No server is started."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import Caller, as_json, emit, located, usage_of
from gateway.errors import SHORTEST_ID

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.keys import ApiKey
    from gateway.store.database import DatabaseStore

__all__ = ["keys_command"]

T = TypeVar("T")

LONGEST_NAME = 80


@click.group("keys", epilog=ends())
def keys_command() -> None:
    """API keys, by which clients of `toolgate serve` say who they are. Only a hash of each is kept."""


@keys_command.command("create", epilog=ends())
@click.option("--user", required=True, metavar="WHO", help="Whose it is: `user:ann`.")
@click.option("--tenant", metavar="NAME", help="The organisation; without it, the configured one.")
@click.option("--expires", metavar="TIME", help="In `90d`, in `12h`; without it, never.")
@click.option("--scope", "scopes", multiple=True, metavar="SCOPE", help="What it is good for; may be repeated.")
@click.option("--name", default="", metavar="TEXT", help="By which you know it again.")
@as_json
@located
def create_command(
    user: str,
    tenant: str | None,
    expires: str | None,
    scopes: Sequence[str],
    name: str,
    as_json: bool,
    caller: Caller,
) -> int:
    """Make a key, and show it: this once, and never again."""
    from dataclasses import replace

    from gateway.keys import Owner, minted
    from gateway.visible import shortened

    config = caller.config()
    lasts = None if expires is None else _milliseconds(expires)
    owner = Owner(
        user=_user(user),
        tenant=_tenant(config.identity.tenant if tenant is None else tenant),
        scopes=_scopes(scopes),
        name=shortened(name, LONGEST_NAME),
    )

    async def made(store: "DatabaseStore") -> "tuple[str, ApiKey]":
        now = store.now()
        text, key = minted(replace(owner, expires=None if lasts is None else now + lasts), now)
        await store.add_key(key)
        return text, key

    text, key = _in_store(config, made)
    if as_json:
        emit(key.to_json() | {"key": text})
    else:
        click.echo(text)
        click.echo(
            f"for {key.user} of {key.tenant}. It is not shown again. Its end: toolgate keys revoke {key.id}", err=True
        )
    for doubt in _doubts(config, key):
        click.echo(f"note: {doubt}", err=True)
    return Exit.OK


@keys_command.command("list", epilog=ends())
@as_json
@located
def list_command(as_json: bool, caller: Caller) -> int:
    """List the keys, the oldest first, with those that are expired or revoked."""
    keys = _in_store(caller.config(), lambda store: store.keys())
    if as_json:
        emit([key.to_json() | {"good": key.good(_now())} for key in keys])
        return Exit.OK
    from gateway.cli.columns import aligned

    for line in aligned([_words(key, _now()) for key in keys]) if keys else ():
        click.echo(line)
    if not keys:
        click.echo("there is no key; `toolgate keys create --user user:ann` makes one", err=True)
    return Exit.OK


@keys_command.command("revoke", epilog=ends())
@click.argument("key_id", metavar="ID")
@as_json
@located
def revoke_command(key_id: str, as_json: bool, caller: Caller) -> int:
    """End a key: a gateway that is running lets nobody in with it after a second."""
    if len(key_id) < SHORTEST_ID:
        raise click.BadParameter(f"give at least the first {SHORTEST_ID} characters of the id", param_hint="ID")
    key = _in_store(caller.config(), lambda store: store.revoke_key(key_id))
    if as_json:
        emit(key.to_json())
    else:
        click.echo(f"revoked {key.id}, which was for {key.user} of {key.tenant}", err=True)
    return Exit.OK


def _in_store(config: "Config", work: "Callable[[DatabaseStore], Awaitable[T]]") -> T:
    """Raises StoreError. The policy is not looked at: a broken one must not keep a key from being revoked."""
    from gateway.store.opening import open_store

    async def done(store: "DatabaseStore") -> T:
        return await work(store)

    store = open_store(config)
    try:
        return asyncio.run(done(store))
    finally:
        store.close()


def _user(text: str) -> str:
    from gateway.errors import ConfigError
    from gateway.identity import user_subject

    try:
        return user_subject(text)
    except ConfigError as error:
        problem = error.problems[0]
        raise click.BadParameter(f"{problem.message} ({problem.hint})", param_hint="--user") from None


def _tenant(text: str) -> str:
    from gateway.identity import TENANT

    if not TENANT.fullmatch(text):
        raise click.BadParameter("a tenant has letters, digits and `._@-`", param_hint="--tenant")
    return text


def _scopes(given: Sequence[str]) -> tuple[str, ...]:
    from gateway.identity import SCOPE

    if not all(SCOPE.fullmatch(scope) for scope in given):
        raise click.BadParameter("a scope has neither spaces nor quotes", param_hint="--scope")
    return tuple(dict.fromkeys(given))


def _milliseconds(text: str) -> int:
    from gateway.config.amounts import duration

    with usage_of("--expires"):
        return round(duration(text) * 1000)


def _doubts(config: "Config", key: "ApiKey") -> Iterator[str]:
    """Why a new key may not do what it was made for."""
    if not config.serve.api_keys:
        yield "keys are not looked at yet: set `api_keys = true` under `[serve]`"
    missing = [scope for scope in config.serve.scopes if scope not in key.scopes]
    if missing:
        yield f"it lacks what `serve.scopes` asks for at /mcp: {', '.join(missing)}"
    asked = {*config.serve.scopes, *config.approvals.scopes}
    asked |= {scope for profile in config.profiles.values() for scope in profile.scopes or ()}
    if idle := [scope for scope in key.scopes if scope not in asked]:
        yield f"nothing asks for {', '.join(idle)}: neither `[serve]`, a profile nor `[approvals]`"


def _words(key: "ApiKey", now: int) -> tuple[str, ...]:
    from gateway.cli.columns import ago, within
    from gateway.visible import visible

    if key.revoked is not None:
        state = f"revoked {ago(key.revoked, now)}"
    elif key.expires is None:
        state = "good"
    else:
        state = f"good, ends {within(now, key.expires)}" if key.good(now) else f"expired {ago(key.expires, now)}"
    return key.id, key.user, key.tenant, state, " ".join(key.scopes) or "-", visible(key.name)


def _now() -> int:
    return time.time_ns() // 1_000_000
