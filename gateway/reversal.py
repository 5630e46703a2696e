"""What a run has done that can be undone, by the tools that the admin named for it, and how that stands. Pure: it is
read off the record of the run, and of the one in which its calls are undone.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from gateway.arguments import Arguments, JsonObject
from gateway.call import Answered, Call, Outcome, Subject, Unsent, outcome_from_json
from gateway.doubts import in_doubt, is_rehearsal
from gateway.effects import Effects, Missing, result_of
from gateway.errors import StoreError
from gateway.events import (
    Admitted,
    Decided,
    Decision,
    Denied,
    Doubted,
    Event,
    Held,
    Imported,
    Obliged,
    Queued,
    Recorded,
    Resolved,
    Returned,
    Started,
)
from gateway.run import ENDED, Run
from gateway.standing import reserved_for
from gateway.visible import visible

__all__ = [
    "OF_UNDO",
    "Undo",
    "UndoState",
    "begun",
    "copied_calls",
    "here",
    "must_be_here",
    "said_of",
    "settlement",
    "undos",
]

_COPIED = "this is a copy: where it was taken from, it may have been undone"
_UNSURE = "nobody knows whether the call was made: say so first, then it can be undone"
_SAID: Mapping[Decision, str] = {
    "approved": "`{by}` has agreed",
    "denied": "`{by}` has said no",
    "expired": "nobody has answered in time",
    "withdrawn": "the question was taken back",
}
OF_UNDO = "undo/"  # how the key of a call begins that undoes another one

UndoState = Literal["open", "undone", "held", "refused", "failed", "in_doubt", "impossible", "given_up"]


@dataclass(frozen=True, slots=True)
class Undo:
    """A call that a run has made (`key`, `path`), and what undoes it: `arguments` None where that can't be said. `why`
    is about its state; `approval` is the id of the question where people are asked; `tries` were made. Of one that is
    `doubted` nobody knows whether it was made: until somebody says so, nothing undoes it.
    """

    key: str
    path: str
    tool: str
    arguments: JsonObject | None
    state: UndoState = "open"
    why: str = ""
    approval: str | None = None
    tries: int = 0
    doubted: bool = False

    @property
    def own_key(self) -> str:
        return f"{OF_UNDO}{self.key}"

    @property
    def unsure_of(self) -> str:
        """Of one in doubt the key of what somebody must look for: the call, or the attempt to undo it."""
        return self.key if self.doubted else self.own_key

    @property
    def left(self) -> bool:
        """Whether there is something to be done about it."""
        return self.state not in ("undone", "impossible", "given_up")


def undos(run: Run, events: Sequence[Recorded], later: Sequence[Recorded], effects: Effects) -> Sequence[Undo]:
    """What of a run with these events can be undone, the newest first; `later` is the record of what has been. Nothing
    of one that was moved away: where it goes on, it can be. Of a copy, what it did before is in doubt, until somebody
    who has looked says that it was not undone.
    """
    if run.moved:
        return []
    found = [_undo(run, made, outcome, effects) for made, outcome in reversed([*_made(events).values()])]
    copied = copied_calls(events)
    done = [_as_it_stands(_in_doubt(each) if each.key in copied else each, later) for each in found if each is not None]
    return [*_doubted(run, events, effects), *done]


def _doubted(run: Run, events: Sequence[Recorded], effects: Effects) -> Sequence[Undo]:
    """What was under way when the run ended, and got no answer."""
    sent = in_doubt(events).values() if run.status in ENDED else ()
    found = [_undo(run, made, None, effects) for made in reversed([*sent])]
    return [replace(each, state="in_doubt", why=_UNSURE, doubted=True) for each in found if each is not None]


def copied_calls(events: Sequence[Recorded]) -> frozenset[str]:
    """The keys of those calls of a run that were made where it was copied from."""
    copies = [each.seq for each in events if isinstance(each.event, Imported) and not each.event.moved]
    if not copies:
        return frozenset()
    return frozenset(each.event.key for each in events[: copies[-1]] if isinstance(each.event, Admitted))


def here(later: Sequence[Recorded]) -> Sequence[Recorded]:
    """Of the record of what was undone, what has happened in this store: nothing else is reserved in it."""
    brought = [each.seq for each in later if isinstance(each.event, Imported)]
    return later[brought[-1] :] if brought else later


def must_be_here(run: Run) -> None:
    """Raises StoreError for a run that was moved away: it would be done here and there."""
    if run.moved:
        raise StoreError(f"run `{run.id}` was moved to {run.moved}: it goes on, or is undone, where it is now")


def _made(events: Sequence[Recorded]) -> Mapping[str, tuple[Admitted, Outcome | None]]:
    """The calls that took effect, in the order in which they did. A dry run took none."""
    admitted: dict[str, Admitted] = {}
    made: dict[str, tuple[Admitted, Outcome | None]] = {}
    for event in (recorded.event for recorded in events):
        match event:
            case Admitted(action="call"):
                admitted[event.key] = event
            case Obliged() if is_rehearsal(event):
                admitted.pop(event.key, None)
            case Returned() if event.key in admitted:
                outcome = outcome_from_json(event.outcome)
                if isinstance(outcome, Answered) and not outcome.is_error:
                    made[event.key] = (admitted[event.key], outcome)
            case Resolved(resolution="happened") if event.key in admitted:
                made[event.key] = (admitted[event.key], None)
    return made


def _undo(run: Run, made: Admitted, outcome: Outcome | None, effects: Effects) -> Undo | None:
    word = effects.of(made.path)
    if word.undo is None:
        return None
    arguments = Arguments.parse(made.arguments)
    call = Call(run.id, made.key, run.subject, made.path, arguments, keyed=word.idempotency_argument)
    try:
        return Undo(made.key, made.path, word.undo.path, word.undo.filled(call, result_of(outcome)))
    except Missing as missing:
        return Undo(made.key, made.path, word.undo.path, None, "impossible", str(missing))


def _as_it_stands(undo: Undo, later: Sequence[Recorded]) -> Undo:
    for event in (recorded.event for recorded in later):
        if isinstance(event, Imported):
            undo = _in_doubt(undo)
        elif getattr(event, "key", None) == undo.own_key:
            undo = _after(undo, event)
    return undo


def _in_doubt(undo: Undo) -> Undo:
    return replace(undo, state="in_doubt", why=_COPIED, approval=None) if undo.left else undo


def _after(undo: Undo, event: Event) -> Undo:
    match event:
        case Held() | Decided() | Denied():
            return _judged(undo, event)
        case Admitted():
            why = "nobody knows whether it happened"  # and a yes to it is used up
            return replace(undo, state="in_doubt", why=why, approval=None, tries=event.attempt)
        case Obliged() if is_rehearsal(event):
            return replace(undo, state="refused", why="the policy allows it only as a dry run: nothing was sent")
        case Returned() if undo.state == "in_doubt":  # and was no rehearsal
            return _returned(undo, outcome_from_json(event.outcome))
        case Doubted():
            return replace(undo, state="in_doubt", why=event.why)
        case Resolved() if undo.state == "in_doubt":
            return _settled(undo, event)
    return undo


def _judged(undo: Undo, event: Held | Decided | Denied) -> Undo:
    if isinstance(event, Held):
        return replace(undo, state="held", why=event.why, approval=event.approval_id)
    if isinstance(event, Denied):
        return replace(undo, state="refused", why=event.why, approval=None)
    if (undo.state, undo.approval) != ("held", event.approval_id):
        return undo
    state: UndoState = "refused" if event.decision == "denied" else "open"
    said = f": {event.reason}" if event.reason else ""
    return replace(undo, state=state, why=_SAID[event.decision].format(by=event.by) + said, approval=None)


def _settled(undo: Undo, event: Resolved) -> Undo:
    """Somebody has looked."""
    match event.resolution:
        case "happened":
            return replace(undo, state="undone", why="")
        case "did_not_happen":
            return replace(undo, state="open", why="")
    return replace(undo, state="given_up", why=f"nobody knows whether it happened, says {event.by}")


def _returned(undo: Undo, outcome: Outcome) -> Undo:
    match outcome:
        case Answered() if not outcome.is_error:
            return replace(undo, state="undone", why="")
        case Answered():
            return replace(undo, state="failed", why="the tool reports an error")
        case Unsent():
            return replace(undo, state="open", why=outcome.why)
    why = getattr(outcome, "why", "") or getattr(outcome, "message", "") or "the server has not answered yet"
    return replace(undo, state="in_doubt", why=why)


def settlement(later: Sequence[Recorded], word: Resolved, copied: Collection[str] = ()) -> Sequence[Event]:
    """What is written into the record of what was undone when somebody says what became of an attempt at it: before
    that, that it is in doubt, where whoever made it here was killed. `copied` are the calls of a copy. Raises
    StoreError for one that is not in doubt.
    """
    mine = [each.event for each in here(later) if getattr(each.event, "key", None) == word.key]
    key = word.key.removeprefix(OF_UNDO)
    undo = Undo(key, "", "", None)
    stands = _as_it_stands(_in_doubt(undo) if key in copied else undo, later)
    if stands.state != "in_doubt":
        said = said_of(later, word.key)
        raise StoreError(f"the attempt `{word.key}` is not in doubt{said}: what it undoes is `{stands.state}`")
    ended = not mine or isinstance(mine[-1], (Returned, Doubted))
    own, _ = reserved_for(here(later), word.key)
    return [word] if ended else [Doubted(word.key, "whoever undid it was killed", own.to_json()), word]


def said_of(events: Sequence[Recorded], key: str) -> str:
    """What somebody has said last of what became of a call, to be told to who says it again."""
    words = [each.event for each in events if isinstance(each.event, Resolved) and each.event.key == key]
    return f", since `{visible(words[-1].by)}` has said `{words[-1].resolution}`" if words else ""


def begun(run: Run, who: Subject, worker: str) -> Sequence[Event]:
    """How the record of what is undone of a run begins, where there is none."""
    servers = None if run.servers is None else sorted(run.servers)
    about = (f"undo of {run.id}", run.limits.to_json())
    return (
        Queued("client", who.user, who.tenant, None, "", *about, tainted=run.tainted, servers=servers),
        Started(worker),
    )
