"""`toolgate schedules`: which runs are submitted by themselves, and when next."""

import time
from datetime import datetime

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import Caller, as_json, caller, emit

__all__ = ["schedules_command"]


@click.command("schedules", epilog=ends())
@as_json
@caller
def schedules_command(as_json: bool, caller: Caller) -> int:
    """List the schedules of toolgate.toml, with the moment at which each fires next."""
    from gateway.firing import next_firing
    from gateway.submitting import default_agent
    from gateway.zones import zone_named

    config, now = caller.config(), time.time_ns() // 1_000_000
    found = [
        {
            "name": name,
            "cron": schedule.cron,
            "zone": schedule.zone,
            "agent": schedule.agent or default_agent(config),
            "text": schedule.text,
            "next": None if schedule.disabled else next_firing(schedule, now),
        }
        for name, schedule in config.schedules.items()
    ]
    if as_json:
        emit(found)
        return Exit.OK
    from gateway.cli.columns import aligned
    from gateway.visible import visible

    def when(moment: object, zone: object) -> str:
        at = datetime.fromtimestamp(int(str(moment)) / 1000, zone_named(str(zone))) if moment else None
        return at.strftime("%Y-%m-%d %H:%M %Z") if at else "disabled"

    table = [
        (each["name"], when(each["next"], each["zone"]), each["cron"], each["agent"], visible(str(each["text"])))
        for each in found
    ]
    for line in aligned([tuple(map(str, row)) for row in table]):
        click.echo(line)
    if not found:
        click.echo("there are no schedules; [schedules.NAME] in toolgate.toml makes one", err=True)
    return Exit.OK
