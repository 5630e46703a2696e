"""`toolgate run` and `toolgate resume`: their options. What they do is in `driving`, which takes longer to import."""

import asyncio
import signal
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.exits import Exit, Stop, ends, must_go_on
from gateway.cli.options import Caller, as_json, caller, emit
from gateway.cli.unread import heedless
from gateway.errors import ConfigError

if TYPE_CHECKING:
    from gateway.budget import Limits

__all__ = ["absolute", "driving", "interruptible", "limits_of", "resume_command", "run_command"]

_WAIT = click.option("--wait/--no-wait", default=None, help="Wait for people's answers, or exit with code 7.")


@click.command("run", epilog=ends(Exit.UNREACHABLE, Exit.WAITING, Exit.BUDGET))
@click.argument("text")
@click.option("--agent", metavar="NAME", help="Which of the configured agents; the first one if not said.")
@click.option(
    "--model",
    metavar="NAME",
    help="A configured model, `anthropic:NAME` and the like, `scripted:FILE`, `replay:RUN`; several: `A,B`.",
)
@click.option("--budget", "budgets", multiple=True, metavar="UNIT=AMOUNT", help="`usd=1`, `tokens=20k`, `turns=5`.")
@click.option("--session", default="", metavar="NAME", help="Go on where the last run of this session has ended.")
@click.option(
    "--output-schema",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The answer is JSON that fits this JSON Schema; by itself as its agent says.",
)
@_WAIT
@as_json
@caller
def run_command(
    text: str,
    agent: str | None,
    model: str | None,
    budgets: Sequence[str],
    session: str,
    output_schema: Path | None,
    wait: bool | None,
    as_json: bool,
    caller: Caller,
) -> int:
    """Let an agent work on TEXT, and watch it."""
    from gateway.cli.driving import Errand, Manner, run

    errand = Errand(text, agent, absolute(model), limits_of(budgets), session, output_schema)
    return driving(run(caller, errand, Manner.of(as_json=as_json, wait=wait)))


@click.command("resume", epilog=ends(Exit.UNREACHABLE, Exit.WAITING, Exit.BUDGET))
@click.argument("run_id", metavar="RUN")
@click.option("--budget", "budgets", multiple=True, metavar="UNIT=AMOUNT", help="New limits: `usd=10`, `tokens=1m`.")
@click.option("--no-run", is_flag=True, help="Do not drive it here: the workers go on with it.")
@_WAIT
@as_json
@caller
def resume_command(
    run_id: str, budgets: Sequence[str], no_run: bool, wait: bool | None, as_json: bool, caller: Caller
) -> int:
    """Go on with RUN: one that waits, that is paused, or that lost its worker."""
    if no_run:
        return _leave_to_workers(caller, run_id, limits_of(budgets), as_json=as_json)
    from gateway.cli.driving import Manner, resume

    return driving(resume(caller, run_id, limits_of(budgets), Manner.of(as_json=as_json, wait=wait)))


def limits_of(budgets: Sequence[str]) -> "Limits":
    """What `--budget` says. Raises UsageError: a flag that is wrong is no file that is wrong."""
    from gateway.config import parse_budget

    try:
        return parse_budget(budgets)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None


def absolute(model: str | None) -> str | None:
    """`scripted:FILE` and `replay:FILE` from wherever the run is taken up again."""
    if model is None or not ("scripted:" in model or "replay:" in model):
        return model
    from gateway.config.model_names import chained, in_row

    return chained(tuple(map(_absolute, in_row(model))))


def _absolute(name: str) -> str:
    kind, _, rest = name.partition(":")
    is_file = kind == "scripted" or (kind == "replay" and ("/" in rest or rest.endswith(".json")))
    return f"{kind}:{Path(rest).resolve()}" if is_file else name


def _leave_to_workers(caller: Caller, run_id: str, limits: "Limits", *, as_json: bool) -> int:
    """No server is started. Raises Stop for a run that no worker goes on with."""
    from gateway.budget import Limits

    with caller.offline() as offline:
        run, by = asyncio.run(offline.run(run_id)), offline.subject().user
        must_go_on(run, "go on with")
        if not asyncio.run(offline.store.has_job(run.id)):
            raise Stop(Exit.ERROR, f"run {run.id} was not submitted: no worker goes on with it, toolgate resume does")
        if limits != Limits():
            asyncio.run(offline.raise_limits(run.id, limits, by))
        asyncio.run(offline.resume(run.id, by))
        status = asyncio.run(offline.store.run_row(run.id)).status
    if as_json:
        emit({"run": run.id, "status": status})
    else:
        click.echo(f"{run.id} is {status}; a worker goes on with it when there is something to do", err=True)
    return Exit.OK


def driving(work: Coroutine[Any, Any, int]) -> int:
    """As `interruptible`, for what drives runs here: they go on also when nobody reads any more what is printed."""
    with heedless():
        return interruptible(work)


def interruptible(work: Coroutine[Any, Any, int]) -> int:
    """SIGTERM ends a run as Ctrl-C does: noted, and ready to be resumed."""

    async def main() -> int:
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:  # before there was a run
        raise KeyboardInterrupt from None
