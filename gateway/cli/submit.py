"""`toolgate submit`: a run is queued for workers."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import Caller, as_json, caller, emit, usage_of
from gateway.cli.run import absolute, interruptible, limits_of
from gateway.dates import LATEST
from gateway.job import HIGHEST, LOWEST

if TYPE_CHECKING:
    from gateway.offline import Offline
    from gateway.submitting import Submission

__all__ = ["submit_command"]


@click.command("submit", epilog=ends(Exit.UNREACHABLE, Exit.WAITING, Exit.BUDGET))
@click.argument("text")
@click.option("--agent", metavar="NAME", help="Which of the configured agents; the first one if not said.")
@click.option("--model", metavar="NAME", help="A configured model, `anthropic:NAME` and the like, or several: `A,B`.")
@click.option("--budget", "budgets", multiple=True, metavar="UNIT=AMOUNT", help="`usd=1`, `tokens=20k`, `turns=5`.")
@click.option("--priority", type=click.IntRange(LOWEST, HIGHEST), default=0, help="Higher is first; 0 if not said.")
@click.option(
    "--at", "moment", metavar="TIME", help="Not before: `2026-12-24T18:00`, in local time if no zone is said."
)
@click.option("--in", "delay", metavar="DURATION", help="Not before: `10m`, `2h`.")
@click.option("--session", default="", metavar="NAME", help="Go on where the last run of this session has ended.")
@click.option(
    "--output-schema",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The answer is JSON that fits this JSON Schema; by itself as its agent says.",
)
@click.option("--wait", is_flag=True, help="Until the run rests: its answer, and its exit code.")
@as_json
@caller
def submit_command(
    text: str,
    agent: str | None,
    model: str | None,
    budgets: Sequence[str],
    priority: int,
    moment: str | None,
    delay: str | None,
    session: str,
    output_schema: Path | None,
    wait: bool,
    as_json: bool,
    caller: Caller,
) -> int:
    """Queue TEXT for the workers, and print the run's id. No server is started."""
    from gateway.config.output_schemas import read_output_schema
    from gateway.submitting import Submission

    nobody = caller.config().identity
    ready, wait_for = _when(moment, delay)
    from gateway.call import Subject

    wanted = Submission(text, Subject(nobody.user, nobody.tenant), absolute(model), limits_of(budgets), priority, ready)
    wanted = replace(wanted, delay=wait_for)
    form = None if output_schema is None else read_output_schema(output_schema, str(output_schema))
    wanted = replace(wanted, session=session, output_schema=form)
    return interruptible(_submit(caller, wanted, agent, wait=wait, as_json=as_json))


async def _submit(caller: Caller, wanted: "Submission", agent: str | None, *, wait: bool, as_json: bool) -> int:
    from gateway.cli.exits import exit_of_run
    from gateway.run import Run
    from gateway.store.waiting import until
    from gateway.stream import rests
    from gateway.submitting import default_agent, submit

    with caller.offline() as offline:
        name = (default_agent(offline.config) if agent is None else agent).removeprefix("agent:")
        run_id = await submit(offline, replace(wanted, subject=replace(wanted.subject, agent=f"agent:{name}")))
        if not wait:
            emit({"run": run_id}) if as_json else click.echo(run_id)
            return Exit.OK
        click.echo(f"waiting for {run_id}", err=True)
        found: list[Run] = []
        ahead = ""

        async def let_go() -> bool:
            nonlocal ahead
            status = (await offline.store.run_row(run_id)).status
            if status == "queued":
                ahead = await _told_ahead(offline, run_id, ahead)
            if status in ("queued", "running"):
                return False
            found.append(run := await offline.run(run_id))
            return await rests(offline.store, run)

        try:
            await until(offline.store, let_go)
        except asyncio.CancelledError:
            click.echo(f"the run goes on without this; watch it with: toolgate runs watch {run_id}", err=True)
            return Exit.INTERRUPTED
    run = found[-1]
    said = {"run": run_id, "status": run.status, "output": run.output, "cause": run.cause}
    emit(said) if as_json else click.echo(run.output or f"{run.status}: {run.cause}", err=not run.output)
    return exit_of_run(run)


async def _told_ahead(offline: "Offline", run_id: str, told: str) -> str:
    """Says for which run of its session this one waits, if that rests, and somebody has to do something; each once."""
    from gateway.taking_turns import is_left

    line = await offline.store.line(run_id)
    ahead = line.ahead if line else ()
    first = next((each for each in ahead if each.status in ("waiting", "paused") or is_left(each)), None)
    if line is None or first is None:
        return told
    if first.run_id != told:
        how = f"has no worker; toolgate resume {first.run_id}" if is_left(first) else f"is {first.status}"
        click.echo(f"run {first.run_id} of the session {line.name} comes first, and {how}", err=True)
    return first.run_id


def _when(moment: str | None, delay: str | None) -> tuple[int, int]:
    """Not before this moment, in milliseconds since 1970; and not before so many milliseconds are over."""
    from gateway.config.amounts import duration

    if moment and delay:
        raise click.UsageError("--at and --in both say when: give one of them")
    if delay:
        with usage_of("--in"):
            return 0, round(float(str(duration(delay))) * 1000)
    if moment:
        with usage_of("--at"):
            ready = round(datetime.fromisoformat(moment).astimezone(UTC).timestamp() * 1000)
        if ready >= LATEST:
            raise click.UsageError("--at is later than all that can be told")
        return ready, 0
    return 0, 0
