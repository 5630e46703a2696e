"""`toolgate policy can`: every tool, for one subject."""

import asyncio
import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.logs import say_nothing_of_servers
from gateway.cli.options import Caller, as_json, emit, located, through

if TYPE_CHECKING:
    from gateway.policy.powers import Power

__all__ = ["can_command"]

_WORDS = {
    "allow": "may call",
    "ask": "may call when a person agrees",
    "depends": "it depends",
    "deny": "may not call",
}


@click.command("can", epilog=ends())
@click.argument("who", metavar="WHO")
@click.option("--agent", metavar="NAME", help="Through this agent; both it and the user must be allowed.")
@click.option("--tenant", metavar="NAME", help="The organisation.")
@click.option("--offline", is_flag=True, help="Do not connect: tools are known as they are in toolgate.lock.")
@as_json
@located
def can_command(who: str, agent: str | None, tenant: str | None, offline: bool, as_json: bool, caller: Caller) -> int:
    """Say what WHO (`user:ann`) may call: every tool that there is, with the verdict, or the conditions on which it
    depends. A tool that no list shows to him is marked.
    """
    from datetime import UTC, datetime

    from gateway.call import Subject
    from gateway.cli.policy.knowing import connected, pinned, say_what_is_missing
    from gateway.policy import load
    from gateway.policy.powers import can

    say_nothing_of_servers()
    _check_user(who)
    config = dataclasses.replace(caller, user=who, tenant=tenant).config()
    policy = load(config.policy.model, config.policy.files)
    known = pinned(config) if offline else asyncio.run(connected(config))
    subject = Subject(config.identity.user, config.identity.tenant, through(agent))
    found = can(policy, subject, known.catalogue.tools.values(), datetime.now(UTC))
    if as_json:
        emit(
            {
                "subject": {"user": subject.user, "agent": subject.agent, "tenant": subject.tenant},
                "policy_digest": policy.digest,
                "tools": [power.to_json() for power in found],
                "missing": dict(known.missing),
                "from_pins": list(known.from_pins),
            }
        )
        return Exit.OK
    click.echo(f"{subject} ({subject.tenant})")
    for line in _lines(found):
        click.echo(line)
    say_what_is_missing(known, offline=offline)
    return Exit.OK


def _check_user(who: str) -> None:
    """Raises BadParameter for what is no user, before the configuration is told that it is one."""
    kind, colon, name = who.partition(":")
    hints = {"agent": f"it is asked through: can user:ann --agent {name}", "role": "`policy who-can` has its answers"}
    hints["team"] = hints["role"]
    if colon and kind in hints:
        raise click.BadParameter(f"`{ascii(who)[1:-1]}` is no user; {hints[kind]}", param_hint="WHO")


def _lines(found: "Sequence[Power]") -> Iterator[str]:
    from gateway.cli.policy.who_can import reason_lines
    from gateway.visible import visible

    for verdict, words in _WORDS.items():
        powers = [power for power in found if power.verdict == verdict]
        if powers:
            yield ""
            yield f"{words}:"
        for power in powers:
            hidden = "" if power.listed or verdict == "deny" else "  (not listed)"
            yield visible(f"  {power.tool}{hidden}")
            yield from reason_lines(power.because)
