"""What `toolgate policy suggest` prints: rows for a policy file with comments on stdout, the sum on stderr."""

from collections.abc import Iterator, Sequence

import click

from gateway.cli.policy.counting import counted
from gateway.dates import dated
from gateway.policy.scope import Query
from gateway.policy.suggest import Relief, Reliefs, Suggestion, Suggestions
from gateway.policy.suggest.asking import Agreed
from gateway.policy.suggest.lines import Blocked
from gateway.visible import visible

__all__ = ["print_reliefs", "print_suggestions", "print_tired"]

_DOES = {"call": "to", "read": "to read", "get": "to get"}


def print_suggestions(found: Suggestions) -> None:
    blocks = [*map(_suggestion, found.suggested), *map(_blocked, found.blocked)]
    _print_blocks(blocks)
    _say(found.left_out)
    if not found.denials:
        click.echo("the policy denied nothing in this time", err=True)
        return
    made = sum(len(one.calls) for one in found.suggested)
    told = f"{counted(found.denials, 'denied call')}: {counted(len(found.suggested), 'suggestion')} for {made} of them"
    click.echo(told + (f", {found.allowed} would be allowed today" if found.allowed else ""), err=True)


def print_reliefs(found: Reliefs) -> None:
    _print_blocks([_relief(one) for one in found.suggested])
    _say(found.left_out)
    told = f"{counted(found.answers, 'answer')} of people: {counted(len(found.suggested), 'suggestion')}"
    click.echo(told, err=True)


def print_tired(rules: Sequence[str]) -> None:
    for rule in rules:
        click.echo(
            visible(f"{rule} asks, and is nearly always answered with yes: `toolgate approvals rules`"), err=True
        )
    if rules:
        click.echo("`toolgate policy suggest --from-approvals` writes lines that ask about less", err=True)


def _print_blocks(blocks: Sequence[Iterator[str]]) -> None:
    for number, block in enumerate(blocks):
        if number:
            click.echo()
        for line in block:
            click.echo(visible(line))


def _say(left_out: Sequence[tuple[str, int]]) -> None:
    for reason, count in left_out:
        click.echo(visible(f"nothing is suggested for {counted(count, 'call')}: {reason}"), err=True)


def _suggestion(one: Suggestion) -> Iterator[str]:
    last = one.calls[-1]
    what = f"{counted(len(one.calls), 'denied call')} of {_asked(last.query)}"
    yield f"# {what}, {_days(one.calls[0].at, last.at)}; the last is {last.name}"
    for rule, count in one.asks:
        yield f"# {count} of them would ask a person first: {rule}"
    yield from (f"# lets through {note}" for note in one.notes)
    yield f"# of the other denials that are recorded it turns {_others([call.name for call in one.also])}"
    yield from one.rows


def _blocked(one: Blocked) -> Iterator[str]:
    last = one.calls[-1]
    yield f"# {counted(len(one.calls), 'denied call')}, the last of {_asked(last.query)} ({last.name}):"
    yield f"# {one.rule} stands in the way ({one.why}); no `allow` line changes what it says"


def _relief(one: Relief) -> Iterator[str]:
    yield f"# in place of {one.rule}, which asks: {' '.join(one.text.split())}"
    for group in one.agreed:
        yield from _agreed(group)
    yield f"# of the other calls that were asked about it spares {_others([call.name for call in one.also])}"
    yield one.row


def _agreed(group: Agreed) -> Iterator[str]:
    count = len(group.calls)
    days = _days(group.calls[0].at, group.calls[-1].at)
    yield f"# {_asked(group.calls[-1].query)}: approved {count} times of {count}, by {', '.join(group.by)}, {days}"
    yield from (f"# no longer asks about {note}" for note in group.notes)


def _asked(query: Query) -> str:
    return f"{query.subject} ({query.subject.tenant}) {_DOES.get(query.action, query.action)} {query.object}"


def _others(names: Sequence[str]) -> str:
    return f"{len(names)}, such as {names[-1]}" if names else "none"


def _days(first: int, last: int) -> str:
    days = [dated(at).date().isoformat() for at in (first, last)]
    return days[0] if days[0] == days[1] else f"{days[0]} to {days[1]}"
