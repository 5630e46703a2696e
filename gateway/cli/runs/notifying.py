"""`toolgate runs notify`: news from outside, for a run that waits for them, or will. No server is started."""

import asyncio

import click

from gateway.cli.exits import Exit, ends, must_go_on
from gateway.cli.options import Caller, as_json, caller, emit

__all__ = ["notify_command"]


@click.command("notify", epilog=ends())
@click.argument("run_id", metavar="RUN")
@click.argument("name", metavar="NAME")
@click.option("--data", default="null", metavar="JSON", help="What there is to know of it: untrusted text.")
@click.option("--trusted", is_flag=True, help="They are your own words, and nobody else's: only for your own run.")
@as_json
@caller
def notify_command(run_id: str, name: str, data: str, trusted: bool, as_json: bool, caller: Caller) -> int:
    """Tell RUN that NAME has happened: it goes on if it waits for that, and if not, it finds it when it will."""
    from gateway.agents.sleeping import news_name
    from gateway.arguments import ArgumentsError, parse_json

    if (wrong := news_name(name)) is not None:
        raise click.BadParameter(wrong, param_hint="NAME")
    try:
        parse_json(data)
    except ArgumentsError as error:
        raise click.BadParameter(str(error), param_hint="--data") from None
    with caller.offline() as offline:
        run = asyncio.run(offline.store.run_row(run_id))
        must_go_on(run, "tell")
        asyncio.run(offline.notify(run.id, name, data, offline.subject(), trusted=trusted))
    if as_json:
        emit({"run": run.id, "news": name})
    else:
        click.echo(f"told {run.id} of {name}; without a worker, go on with: toolgate resume {run.id}", err=True)
    return Exit.OK
