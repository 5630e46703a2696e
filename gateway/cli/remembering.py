"""`toolgate approvals remembered`, `forget`, `delegate`, `delegations`, `end`: what lasts beyond one answer."""

import asyncio
import os
import secrets
import time
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, Stop, ends
from gateway.cli.options import Caller, as_json, caller, emit, usage_of
from gateway.dates import dated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.lasting import Remembered
    from gateway.offline import Offline

__all__ = ["date_of", "delegate_command", "delegations_command", "end_command", "forget_command", "remembered_command"]


def date_of(option: str, text: str, now: int | None = None) -> int:
    """Milliseconds since 1970 (`lasting.moment`); `now` in the place of this machine's clock. Raises BadParameter."""
    from gateway.lasting import moment

    with usage_of(option):
        return moment(text, time.time_ns() // 1_000_000 if now is None else now)


def _day(millis: int) -> str:
    return dated(millis).strftime("%Y-%m-%d %H:%M UTC")


@click.command("remembered", epilog=ends())
@click.option("--all", "all_of_them", is_flag=True, help="Also those that are over or were taken back.")
@as_json
@caller
def remembered_command(all_of_them: bool, as_json: bool, caller: Caller) -> int:
    """List the answers that count for more calls than the one they were given to."""
    with caller.offline() as offline:
        found = _shown(offline, offline.store.lasting.remembered(all_of_them=all_of_them))
    if as_json:
        emit([one.to_json() for one in found])
        return Exit.OK
    for one in found:
        click.echo(_told(one))
    if not found:
        click.echo("nothing is remembered", err=True)
    return Exit.OK


def _shown(offline: "Offline", found: "Sequence[Remembered]") -> "list[Remembered]":
    """Without the values in which a credential of the gateway's own turns up."""
    from dataclasses import replace

    from gateway.call import Arguments
    from gateway.config import own_secrets
    from gateway.credentials import holding
    from gateway.preview import without

    ours = own_secrets(offline.config, os.environ) if found else frozenset()
    given = [(one, Arguments.parse(one.arguments)) for one in found]
    return [replace(one, arguments=without(known, frozenset(holding(known, ours)))) for one, known in given]


def _told(one: "Remembered") -> str:
    from gateway.call import Arguments
    from gateway.preview import name_of, shown
    from gateway.visible import visible

    value = Arguments.parse(one.arguments).value
    names = one.fields or tuple(value)
    exactly = ", ".join(f"{name_of(name)} = {shown(value[name], whole=False)}" for name in names) or "no arguments"
    free = sorted(set(value) - set(names))
    others = f"; whatever {', '.join(map(name_of, free))} may be" if free else ""
    where = f" in {visible(one.place)}" if one.place else ""
    who = f"{one.agent} for {one.user}" if one.agent else one.user
    over = f"; taken back by {one.revoked_by}" if one.revoked else ""
    return (
        f"{one.id}  {visible(one.path)} by {visible(who)} with {exactly}{others}\n"
        f"    {one.said}{where}; used {one.uses} times{over}"
    )


@click.command("forget", epilog=ends(Exit.DENIED))
@click.argument("remembered_id", metavar="ID")
@as_json
@caller
def forget_command(remembered_id: str, as_json: bool, caller: Caller) -> int:
    """Take back a remembered answer: from now on it counts for no call."""
    with caller.offline() as offline:
        asyncio.run(offline.store.lasting.forget(remembered_id, offline.subject().user))
    if as_json:
        emit({"forgotten": remembered_id})
    else:
        click.echo(f"forgotten: {remembered_id}", err=True)
    return Exit.OK


@click.command("delegate", epilog=ends(Exit.DENIED))
@click.argument("deputy", metavar="WHO")
@click.option("--until", required=True, metavar="DATE", help="`2026-12-01`, or `3d`.")
@as_json
@caller
def delegate_command(deputy: str, until: str, as_json: bool, caller: Caller) -> int:
    """Let somebody decide in your place until a date: all that you might decide, and nothing that you asked for."""
    from gateway.lasting import DAY, Delegation

    with caller.offline() as offline:
        me = offline.subject()
        if not deputy.startswith("user:") or deputy == me.user:
            raise Stop(Exit.USAGE, f"`{deputy}` is nobody else: write `user:eve`")
        now = offline.store.now()
        end = date_of("--until", until, now)
        made = Delegation(f"D-{secrets.token_hex(8)}", me.user, deputy, me.tenant, now, end)
        if made.until > now + offline.longest:
            most = f"{offline.longest // DAY} days"
            raise Stop(Exit.DENIED, f"a delegation lasts {most} at most (`[approvals] longest_days`)")
        asyncio.run(offline.store.lasting.delegate(made))
    if as_json:
        emit(made.to_json())
    click.echo(f"{made.id}: {deputy} decides for {me.user} until {_day(made.until)}", err=True)
    return Exit.OK


@click.command("delegations", epilog=ends())
@click.option("--all", "all_of_them", is_flag=True, help="Also those that are over.")
@as_json
@caller
def delegations_command(all_of_them: bool, as_json: bool, caller: Caller) -> int:
    """List who decides for whom."""
    from gateway.visible import visible

    with caller.offline() as offline:
        found = offline.store.lasting.delegations(all_of_them=all_of_them)
    if as_json:
        emit([one.to_json() for one in found])
        return Exit.OK
    for one in found:
        over = f"; ended by {one.revoked_by}" if one.revoked else ""
        told = f"{one.id}  {one.deputy} decides for {one.absent} ({one.tenant}) until {_day(one.until)}{over}"
        click.echo(visible(told))
    if not found:
        click.echo("nobody decides for anybody", err=True)
    return Exit.OK


@click.command("end", epilog=ends(Exit.DENIED))
@click.argument("delegation_id", metavar="ID")
@as_json
@caller
def end_command(delegation_id: str, as_json: bool, caller: Caller) -> int:
    """End a delegation."""
    with caller.offline() as offline:
        asyncio.run(offline.store.lasting.end(delegation_id, offline.subject().user))
    if as_json:
        emit({"ended": delegation_id})
    else:
        click.echo(f"ended: {delegation_id}", err=True)
    return Exit.OK
