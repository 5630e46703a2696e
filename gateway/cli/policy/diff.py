"""`toolgate policy diff`: which decisions another policy makes differently."""

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.logs import say_nothing_of_servers
from gateway.cli.options import Caller, as_json, emit, located
from gateway.cli.policy.comparing import MODEL_CHANGED, PERIOD, changes_as_text, fail_on, moment, policy_at
from gateway.cli.policy.counting import counted

if TYPE_CHECKING:
    from gateway.call import Tool
    from gateway.config import Config
    from gateway.offer import Offer
    from gateway.policy.diff import Differences

__all__ = ["diff_command"]


@click.command("diff", epilog=ends(error="something changes: see --fail-on"))
@click.argument("policies", nargs=-1, required=True, metavar="[OLD] NEW")
@click.option(
    "--since", default="7d", show_default=True, metavar="WHEN", help=f"Recorded calls since: {PERIOD}; or none."
)
@click.option(
    "--servers", is_flag=True, help="Connect, and ask about the tools that there are; else those in toolgate.lock."
)
@fail_on
@as_json
@located
def diff_command(
    policies: tuple[str, ...], since: str, servers: bool, fail_on: str, as_json: bool, caller: Caller
) -> int:
    """Say which decisions the policy NEW makes differently from OLD, and by which lines.

    A policy is a file, a folder, or REVISION:PATH of git; OLD is the policy in force if left out. Requests are made
    around each changed line, and the recorded calls are decided by both.
    """
    from gateway.policy.diff import diff

    if len(policies) > 2:
        raise click.UsageError("give one policy or two: [OLD] NEW")
    say_nothing_of_servers()
    config = caller.config()
    old, new = policy_at(policies[0] if len(policies) == 2 else None, config), policy_at(policies[-1], config)
    found = diff(old, new, _known(config, servers=servers))
    _add_recorded(config, found, since)
    if as_json:
        emit(found.to_json())
    else:
        if found.pair.model_changed:
            click.echo(MODEL_CHANGED)
        for line in changes_as_text(found.tally.groups):
            click.echo(line)
        _say(found)
    return Exit.ERROR if found.fails(fail_on) else Exit.OK


def _known(config: "Config", *, servers: bool) -> "Mapping[str, Tool | Offer]":
    """What there is to be asked about, by its path."""
    from gateway.cli.policy.knowing import connected, pinned

    known = asyncio.run(connected(config)) if servers else pinned(config)
    for server in known.missing if servers else ():
        click.echo(f"nothing is known of `{server}`: its tools are made up", err=True)
    catalogue = known.catalogue
    return {**catalogue.tools, **catalogue.prompts, **{offer.path: offer for offer in catalogue.resources.values()}}


def _add_recorded(config: "Config", found: "Differences", since: str) -> None:
    """The calls that were made, which both policies decide."""
    from gateway.recalling import recalled
    from gateway.store.opening import is_made, open_record
    from gateway.store.record import Period

    start = None if since == "none" else moment("--since", since, time.time_ns() // 1_000_000)
    if start is not None and not found.pair.same and is_made(config):
        with open_record(config) as record:
            found.add_recorded(recalled(record, Period(start)))


def _say(found: "Differences") -> None:
    """What was looked at, and what was not."""
    from gateway.policy.witnesses.values import LONGEST

    groups = found.tally.groups
    more = sum(group.widens for group in groups)
    tried = f"{found.tried:,} requests tried, {counted(found.recorded, 'recorded call')}"
    permits = f", {more or 'none'} of which permits more" if groups else ""
    differences = counted(len(groups), "difference") + permits
    told = [f"{counted(found.lines, 'changed line')}: {differences} ({tried})"]
    if found.unseen:
        which = f"the line {found.unseen[0]}" if len(found.unseen) == 1 else f"the lines {', '.join(found.unseen)}"
        told.append(f"{which} changed, and no request that was tried shows a difference")
    else:
        told += [f"no decision was found that {where} changes" for where in found.without_effect]
    told += [
        f"not everything was tried: {where} asks for a length of {length:,}, and none is made above {LONGEST:,}"
        for where, length in found.too_long.items()
    ]
    if found.cut:
        told.append("not everything was tried: there are more people, tools or values than are looked at")
    for line in told:
        click.echo(line, err=True)
