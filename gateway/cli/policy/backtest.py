"""`toolgate policy backtest`: the calls that were made, decided again by another policy."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import Caller, as_json, emit, located, usage_of
from gateway.cli.policy.comparing import (
    MODEL_CHANGED,
    PERIOD,
    changes_as_text,
    fail_on,
    moment,
    policy_at,
    user_or_agent,
)
from gateway.cli.policy.counting import counted

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.policy.backtest import Backtest
    from gateway.policy.history import Recalled
    from gateway.store.record import Period

__all__ = ["backtest_command"]


@click.command("backtest", epilog=ends(error="something changes: see --fail-on"))
@click.argument("new", metavar="NEW")
@click.option("--since", default="7d", show_default=True, metavar="WHEN", help=f"From when on: {PERIOD}.")
@click.option("--until", metavar="WHEN", help="Until when; until now if left out.")
@click.option("--who", metavar="WHO", help="Only calls of this user, or through this agent: user:ann, agent:desk.")
@click.option("--tool", metavar="GLOB", help="Only calls of these tools: shop/refund, shop/*.")
@fail_on
@as_json
@located
def backtest_command(
    new: str,
    since: str,
    until: str | None,
    who: str | None,
    tool: str | None,
    fail_on: str,
    as_json: bool,
    caller: Caller,
) -> int:
    """Decide the recorded calls again by the policy NEW, with the facts that were recorded: what changes, for whom.

    NEW is a file, a folder, or REVISION:PATH of git.
    """
    config = caller.config()
    period, wanted = _period(since, until, who), _wanted(user_or_agent(who), tool)
    found, seconds = _run(config, new, period, wanted)
    if as_json:
        emit(found.to_json())
    else:
        for line in _as_text(found):
            click.echo(line)
        _say(found, seconds)
    return Exit.ERROR if found.fails(fail_on) else Exit.OK


def _period(since: str, until: str | None, who: str | None) -> "Period":
    from gateway.store.record import Period

    now = time.time_ns() // 1_000_000
    start, end = moment("--since", since, now), moment("--until", until, now)
    user = who if who and who.startswith("user:") else None
    return Period(start or 0, now + 1 if end is None else end, user)


def _wanted(who: str | None, tool: str | None) -> "Callable[[Recalled], bool]":
    from gateway.policy.globs import ToolGlob

    with usage_of("--tool"):
        glob = ToolGlob.of(tool) if tool else None

    def wanted(call: "Recalled") -> bool:
        server, _, name = call.path.partition("/")
        mine = who is None or who in (call.subject.user, call.subject.agent)
        return mine and (glob is None or glob.matches(server, name))

    return wanted


def _run(
    config: "Config", new: str, period: "Period", wanted: "Callable[[Recalled], bool]"
) -> "tuple[Backtest, float]":
    from gateway.policy.backtest import Backtest
    from gateway.recalling import recalled
    from gateway.store.opening import is_made, open_record

    found = Backtest(policy_at(None, config), policy_at(new, config))
    begin = time.perf_counter()
    if is_made(config):
        with open_record(config) as record:
            for run_id, call, seen in recalled(record, period, wanted):
                found.add(run_id, call, seen)
    return found, time.perf_counter() - begin


def _as_text(found: "Backtest") -> Iterator[str]:
    if found.model_changed:
        yield MODEL_CHANGED
    yield from changes_as_text(found.tally.groups)
    for reason, count in found.undecided.most_common():
        yield f"{counted(count, 'call')} can't be decided again: {reason}"


def _say(found: "Backtest", seconds: float) -> None:
    """What was looked at, and whether to believe it."""
    again, changed = sum(found.decided.values()), sum(group.count for group in found.tally.groups)
    recorded = ", ".join(f"{found.decided[effect]} {effect}" for effect in ("allow", "ask", "deny"))
    told = [f"{counted(again, 'call')} decided again in {seconds:.1f} s ({recorded}): {changed or 'none'} changed"]
    if found.stopped:
        gates = ", ".join(f"{gate} {count}" for gate, count in found.stopped.most_common())
        told.append(f"{counted(sum(found.stopped.values()), 'call')} ended at other gates: {gates}")
    check = found.check
    unnamed = (
        f"; and of {check.unnamed_reproduced} of {check.unnamed} of which the record does not say which policy did"
    )
    told.append(
        "self-check: the policy in force says again what the record says"
        f" of {check.reproduced} of the {counted(check.same, 'call')} that it judged{unnamed if check.unnamed else ''}"
    )
    if check.differing:
        told.append(f"not as recorded: {', '.join(check.differing)}")
    for line in told:
        click.echo(line, err=True)
