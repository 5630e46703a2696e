"""`toolgate runs`: what happened, and what people do to runs. Each command is a module, loaded when it is called.

listing     runs, the newest first
showing     what happened in one
watching    ... as it happens
stopping    what is under way stops
settling    what became of a call in doubt
undoing     what a run has done is undone
forking     a run is taken up anew from any point of it
notifying   news from outside
moving      a run goes from one installation to another
deleting    ... or goes for good
"""

from collections.abc import Mapping

import click

from gateway.cli.exits import ends
from gateway.cli.lazy import Lazy
from gateway.cli.options import Caller, as_json, caller, only_behind

__all__ = ["COMMANDS", "runs_command"]

COMMANDS: Mapping[str, tuple[str, str]] = {
    "list": ("runs.listing", "List runs, the newest first: all, or those of one state, tenant, user, agent."),
    "show": ("runs.showing", "Print a run's timeline."),
    "watch": ("runs.watching", "Watch a run as it happens, whoever drives it."),
    "pause": ("runs.stopping", "Have a run stop where it can go on."),
    "resume": ("run", "Go on with a run that waits, is paused, or lost its worker."),
    "notify": ("runs.notifying", "Tell a run that something has happened for which it waits."),
    "cancel": ("runs.stopping", "End a run, with what is under way in it."),
    "undo": ("runs.undoing", "List what a run has done that can be undone, and undo it."),
    "fork": ("runs.forking", "Take a run up anew from any point of it; nothing is done twice."),
    "export": ("runs.moving", "Write a run as JSON, for another installation."),
    "import": ("runs.moving", "Take in a run that was exported elsewhere."),
    "delete": ("runs.deleting", "Delete a run that has ended; what was decided in it is kept."),
    "settle": ("runs.settling", "Say what became of a call that nobody knows about."),
}


@click.group("runs", invoke_without_command=True, cls=Lazy, table=COMMANDS, epilog=ends())
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="How many.")
@as_json
@caller
@click.pass_context
def runs_command(context: click.Context, limit: int, as_json: bool, caller: Caller) -> int:
    """List runs, the newest first; `runs list` knows filters. The others do something with one of them."""
    if context.invoked_subcommand is not None:
        return only_behind(context, "toolgate runs {name} ...")
    from gateway.cli.runs.listing import show_list
    from gateway.store.wanted import Wanted

    return show_list(caller, Wanted(), limit, as_json=as_json)
