"""`toolgate policy suggest`: lines that would have allowed what was denied, printed and never applied."""

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, Stop, ends
from gateway.cli.options import Caller, as_json, emit, located
from gateway.cli.policy.comparing import PERIOD, moment, user_or_agent

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.policy import Policy
    from gateway.policy.suggest import Answered, Refused

__all__ = ["suggest_command"]


@click.command("suggest", epilog=ends())
@click.option("--since", default="7d", show_default=True, metavar="WHEN", help=f"From when on: {PERIOD}.")
@click.option("--who", metavar="WHO", help="Only for this user or this agent: user:ann, agent:desk.")
@click.option(
    "--from-approvals",
    "from_approvals",
    is_flag=True,
    help="From calls that people always agreed to: the line that asked, without these calls.",
)
@as_json
@located
def suggest_command(since: str, who: str | None, from_approvals: bool, as_json: bool, caller: Caller) -> int:
    """Print the narrowest lines that would have allowed what was denied. Nothing is changed.

    stdout is text for a policy file: read it, and copy what you mean. No line is suggested over a `deny` line.
    """
    from gateway.policy import load
    from gateway.policy.suggest import reliefs, suggestions

    config, who = caller.config(), user_or_agent(who)
    start = moment("--since", since, time.time_ns() // 1_000_000) or 0
    policy = load(config.policy.model, config.policy.files)
    _check_model(policy)
    refused, answered = _read(config, start)
    found = reliefs(policy, answered, who) if from_approvals else suggestions(policy, refused, who)
    tired = _always_agreed_to(caller) if config.store.path.exists() else []
    if as_json:
        emit({"since": start, **found.to_json(), "always_approved": tired})
        return Exit.OK
    from gateway.cli.policy.suggest_view import print_reliefs, print_suggestions, print_tired
    from gateway.policy.suggest import Reliefs

    if isinstance(found, Reliefs):
        print_reliefs(found)
    else:
        print_suggestions(found)
        print_tired(tired)
    return Exit.OK


def _always_agreed_to(caller: Caller) -> list[str]:
    """The rules that ask for nothing: people say yes (`gateway.fatigue`). Whenever they were asked."""
    from gateway.fatigue import habits

    with caller.offline(as_it_is=True) as offline:
        asked = asyncio.run(offline.store.approvals(pending_only=False, limit=sys.maxsize))
    return [habit.rule for habit in habits(asked) if habit.tired and not habit.of_budget]


def _check_model(policy: "Policy") -> None:
    """What is suggested are rows of the shipped model, and what they turn is shown by its meaning."""
    from gateway.policy import Policy

    if type(policy) is not Policy:
        raise Stop(Exit.ERROR, "the policy has a model of its own; lines are suggested for the shipped model only")


def _read(config: "Config", start: int) -> "tuple[Sequence[Refused], Sequence[Answered]]":
    """What the record holds since then, with the facts of then. A project that has not run anything has no store, and
    gets none.
    """
    from gateway.policy.suggest import Answered, Refused, questions
    from gateway.recalling import recalled
    from gateway.store.opening import is_made, open_record
    from gateway.store.record import Period

    if not is_made(config):
        return (), ()
    with open_record(config) as record:
        found = list(questions(recalled(record, Period(start)), record.answer))
    refused = [one for one in found if isinstance(one, Refused)]
    return sorted(refused, key=_at), sorted((one for one in found if isinstance(one, Answered)), key=_at)


def _at(one: "Refused | Answered") -> int:
    return one.at
