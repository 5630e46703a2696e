"""`toolgate approve`, `deny`, `approvals escalate`: the answers, to one question or to many. No server is started."""

import asyncio
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.exits import Exit, Stop, ends
from gateway.cli.options import Caller, as_json, caller, emit, os_user
from gateway.errors import SHORTEST_ID

if TYPE_CHECKING:
    from gateway.answer import Answer
    from gateway.approval import Approval, Remember
    from gateway.call import Deny, JsonObject
    from gateway.offline import Offline

__all__ = ["approve_command", "deny_command", "escalate_command"]

_KEYS = {"tool": "path", "user": "user", "agent": "agent", "run": "run_id", "rule": "rule", "tenant": "tenant"}

_many = click.option("--all", "many", is_flag=True, help="All that wait and that you may decide, after showing each.")
_where = click.option("--where", "where", multiple=True, metavar="KEY=GLOB", help=f"Of them: {', '.join(_KEYS)}.")
_yes = click.option("--yes", is_flag=True, help="With --all: without asking once more.")


@click.command("approve", epilog=ends(Exit.DENIED))
@click.argument("approval_id", metavar="[ID]", required=False)
@click.option("--digest", metavar="SHA256", help="Of the call that you have seen: to any other one it is no yes.")
@click.option("--edit", metavar="JSON", help="Agree to other arguments: what this names is put in their place.")
@click.option("--reason", default="", metavar="TEXT", help="Kept with the answer.")
@click.option(
    "--remember",
    type=click.Choice(["once", "run", "session", "client", "until"]),
    default="once",
    show_default=True,
    help="For how long the same call needs no other yes.",
)
@click.option("--until", metavar="DATE", help="With --remember until: `2026-12-01`, or `8h`.")
@click.option("--by", metavar="NAMES", help="Remember by these arguments, whatever the others are: amount,customer.")
@_many
@_where
@_yes
@as_json
@caller
def approve_command(
    approval_id: str | None,
    digest: str | None,
    edit: str | None,
    reason: str,
    remember: str,
    until: str | None,
    by: str | None,
    many: bool,
    where: tuple[str, ...],
    yes: bool,
    as_json: bool,
    caller: Caller,
) -> int:
    """Let the call that waits as ID happen, once, exactly as shown.

    On a terminal it is shown, and you are asked. `toolgate approvals` prints the --digest that says which call you have
    seen; without it and without a terminal only a call is agreed to as it was first put, for which nobody has voted and
    one yes is enough. With --edit with other arguments: they are checked and judged like any, and whoever made the
    call is told.
    """
    from gateway.answer import Answer

    changed = _edit(edit) if edit is not None else None
    given = Answer("approved", reason, _method(), seen=digest, remember=_remember(remember, until, by), edit=changed)
    if many:
        if any(word is not None for word in (approval_id, digest, edit)):
            raise click.UsageError("--all takes neither an ID nor --digest nor --edit")
        return _all(caller, given, where, yes=yes, as_json=as_json)
    return _one(caller, approval_id, given, as_json)


@click.command("deny", epilog=ends(Exit.DENIED))
@click.argument("approval_id", metavar="[ID]", required=False)
@click.option("--reason", default="", metavar="TEXT", help="Told to the model.")
@click.option("--stop", is_flag=True, help="End the run, too.")
@_many
@_where
@_yes
@as_json
@caller
def deny_command(
    approval_id: str | None,
    reason: str,
    stop: bool,
    many: bool,
    where: tuple[str, ...],
    yes: bool,
    as_json: bool,
    caller: Caller,
) -> int:
    """Refuse the call that waits as ID. A model that makes it again is told no again, and then its run ends."""
    from gateway.answer import Answer

    given = Answer("denied", reason, _method(), stop=stop)
    if many:
        if approval_id is not None:
            raise click.UsageError("--all takes no ID")
        return _all(caller, given, where, yes=yes, as_json=as_json)
    return _one(caller, approval_id, given, as_json)


@click.command("escalate", epilog=ends(Exit.DENIED))
@click.argument("approval_id", metavar="ID")
@click.option("--reason", default="", metavar="TEXT", help="Kept with the question.")
@as_json
@caller
def escalate_command(approval_id: str, reason: str, as_json: bool, caller: Caller) -> int:
    """Hand a question up, now, to those with the role that its `o` line names."""
    from gateway.answer import Answer

    return _one(caller, approval_id, Answer("escalated", reason, _method()), as_json)


def _method() -> str:
    return f"command line, os user {os_user()}"


def _remember(scope: str, until: str | None, by: str | None) -> "Remember | None":
    from gateway.approval import Remember
    from gateway.cli.remembering import date_of

    if (until is not None) != (scope == "until"):
        raise click.UsageError("`--remember until` and `--until DATE` belong together")
    if scope == "once":
        if by is not None:
            raise click.UsageError("--by says how a yes is remembered: give --remember, too")
        return None
    names = tuple(name.strip() for name in by.split(",")) if by else ()
    return Remember(scope, names, date_of("--until", until) if until else None)  # type: ignore[arg-type] # a choice


def _edit(text: str) -> "JsonObject":
    from gateway.call import Arguments
    from gateway.cli.options import usage_of

    with usage_of("--edit"):
        return Arguments.parse(text).value


def _one(caller: Caller, approval_id: str | None, given: "Answer", as_json: bool) -> int:
    from gateway.call import Deny

    if approval_id is None or len(approval_id) < SHORTEST_ID:
        raise click.BadParameter(f"give at least the first {SHORTEST_ID} characters of the id", param_hint="ID")
    with caller.offline() as offline:
        if given.decision == "approved" and given.seen is None:
            given = _looked_at(offline, approval_id, given)
        answer, driver = asyncio.run(_answer(offline, approval_id, given))
        who = offline.subject().user
    if isinstance(answer, Deny):
        raise _refused(who, answer)
    if as_json:
        from gateway.preview import record

        emit(record(answer))
        return Exit.OK
    _tell(answer, given, driver)
    return Exit.OK


def _looked_at(offline: "Offline", approval_id: str, given: "Answer") -> "Answer":
    """The yes, bound to the call that whoever says it has seen: on a terminal now; else as it was first put, for that
    is what an id stands for. Raises Stop, and UsageError where it may be another call by now than he thinks.
    """
    from dataclasses import replace

    from gateway.call import Deny

    asked, draft = asyncio.run(_draft(offline, approval_id, given))
    if isinstance(draft, Deny):
        raise _refused(offline.subject().user, draft)
    if asked.state == "pending":  # else the answer says what became of it
        if sys.stdin.isatty():
            _confirmed(offline, draft)
        elif _touched(asked):
            raise click.UsageError(
                "its call may have been changed, and nobody is there to look at it: add the --digest that"
                f" `toolgate approvals show {asked.id}` shows"
            )
    return replace(given, seen=asked.digest)


def _touched(asked: "Approval") -> bool:
    """Whether others have had, or must have, a say in it."""
    agreed = any(vote.decision == "approved" for vote in asked.decisions)
    return agreed or asked.needs > 1 or asked.asked_for is not None


async def _draft(offline: "Offline", approval_id: str, given: "Answer") -> "tuple[Approval, Approval | Deny]":
    """The question, and what this answer would make of it."""
    await offline.store.expire()
    asked = await offline.store.approval(approval_id)
    return asked, await offline.approving.draft(offline.subject(), asked, given)


def _confirmed(offline: "Offline", draft: "Approval") -> None:
    """Shows what would run, and asks. Raises Stop unless he says yes."""
    from gateway.cli.asking import forget_typed, show_lines, show_question
    from gateway.cli.console import console
    from gateway.preview import background
    from gateway.visible import visible

    paper = console(stderr=True)
    show_question(paper, draft, offline.store.now())
    show_lines(paper, background(draft, asyncio.run(offline.approving.background(draft))))
    forget_typed()
    if not click.confirm(f"  {visible(offline.subject().user)}, may it happen?", err=True):
        raise Stop(Exit.ERROR, "nothing was answered; the question stays")


def _refused(who: str, no: "Deny") -> Stop:
    from gateway.visible import visible

    rule = f" [{no.rule}]" if no.rule else ""
    what = "may not decide this" if no.gate == "approver" else "can't answer so"
    return Stop(Exit.DENIED, f"{who} {what}: {visible(no.why)}{rule}", {"rule": no.rule})


def _tell(answer: "Approval", given: "Answer", driver: str) -> None:
    from gateway.preview import changes
    from gateway.visible import visible

    for changed in changes(answer):
        click.echo(f"  {changed}", err=True)
    if given.decision == "escalated":
        click.echo(f"{visible(answer.path)} goes to {answer.escalate_to} now", err=True)
    elif answer.state == "pending":
        left = answer.needs - len(answer.approvers)
        click.echo(f"agreed: {visible(answer.path)}; {left} more must agree before it may happen", err=True)
    else:
        then = _then(answer, driver, stopped=given.stop)
        click.echo(f"{answer.state} by {answer.by}: {visible(answer.path)}; {then}", err=True)


def _then(answer: "Approval", driver: str, *, stopped: bool) -> str:
    """What comes next. A run that waits goes on by itself only where somebody keeps it open."""
    from gateway.effects import UNDO

    if answer.run_id.startswith(UNDO):
        again = f"to undo it, say again: toolgate runs undo {answer.run_id.removeprefix(UNDO)}"
        return again if answer.state == "approved" else "it is not undone"
    if stopped:
        return "its run is stopped"
    if driver == "client":
        return "the client makes the same call again" if answer.state == "approved" else "the caller is told"
    told = "" if answer.state == "approved" else "the caller is told; "
    return f"{told}if its run does not go on by itself: toolgate resume {answer.run_id}"


async def _answer(offline: "Offline", approval_id: str, given: "Answer") -> tuple["Approval | Deny", str]:
    """The answered question, or why not; and who drives its run."""
    await offline.store.expire()
    answer = await offline.approving.answer(offline.subject(), approval_id, given)
    run_id = getattr(answer, "run_id", None)
    return answer, (await offline.store.run_row(run_id)).driver if run_id else ""


# ---- many at once


def _all(caller: Caller, given: "Answer", where: Sequence[str], *, yes: bool, as_json: bool) -> int:
    """Every question that is meant, and each of its lines, is shown before anything is asked or answered."""
    wanted = _wanted(where)
    with caller.offline() as offline:
        meant = asyncio.run(_meant(offline, wanted))
        if not meant:
            click.echo("nothing that you may decide waits there", err=True)
            if as_json:
                emit([])
            return Exit.OK
        _show(meant, offline.store.now())
        if not yes and not _sure(given, len(meant)):
            return Exit.OK
        outcomes = asyncio.run(_each(offline, meant, given))
    return _count(outcomes, as_json=as_json)


def _wanted(where: Sequence[str]) -> list[tuple[str, str]]:
    found = []
    for text in where:
        key, equals, glob = text.partition("=")
        if not equals or key not in _KEYS or not glob:
            raise click.BadParameter(
                f"`{text}` is none of {', '.join(f'{key}=GLOB' for key in _KEYS)}", param_hint="--where"
            )
        found.append((_KEYS[key], glob))
    return found


async def _meant(offline: "Offline", wanted: Sequence[tuple[str, str]]) -> "list[Approval]":
    from gateway.call import Allow

    waiting = await offline.approving.waiting(limit=sys.maxsize)
    named = [one for one in waiting if all(fnmatchcase(str(getattr(one, key) or ""), glob) for key, glob in wanted)]
    me = offline.subject()
    return [one for one in named if isinstance(await offline.approving.may_decide(me, one), Allow)]


def _show(meant: "Sequence[Approval]", now: int) -> None:
    from gateway.approving import alike
    from gateway.cli.asking import show_question
    from gateway.cli.console import console

    paper = console(stderr=True)
    for same in alike(meant):
        show_question(paper, same[0], now)
        if len(same) > 1:
            paper.print(f"  │ {'times':>12}  {len(same)}: each of them happens once", markup=False)


def _sure(given: "Answer", many: int) -> bool:
    what = "Approve" if given.decision == "approved" else "Deny"
    if not sys.stdin.isatty():
        raise click.UsageError(f"nobody is there to be asked whether all {many} are meant: add --yes")
    return click.confirm(f"\n{what} {'this one' if many == 1 else f'all {many}'}?", err=True)


async def _each(offline: "Offline", meant: "Sequence[Approval]", given: "Answer") -> list[Any]:
    """Each as it was shown. Who was faster elsewhere has answered."""
    from dataclasses import replace

    from gateway.errors import Conflict

    outcomes: list[Any] = []
    for asked in meant:
        try:
            seen = replace(given, seen=asked.digest)
            outcomes.append(await offline.approving.answer(offline.subject(), asked.id, seen))
        except Conflict as error:
            outcomes.append(error)
    return outcomes


def _count(outcomes: Sequence[Any], *, as_json: bool) -> int:
    from gateway.approval import Approval
    from gateway.visible import visible

    done = [one for one in outcomes if isinstance(one, Approval)]
    if as_json:
        from gateway.preview import record

        emit([record(one) for one in done])
    for other in (one for one in outcomes if not isinstance(one, Approval)):
        click.echo(f"not answered: {visible(getattr(other, 'why', str(other)))}", err=True)
    click.echo(f"{len(done)} of {len(outcomes)} answered", err=True)
    return Exit.OK if len(done) == len(outcomes) else Exit.DENIED
