"""The events of a run as a file tells them: read strictly, for the file may have been edited on its way. Pure.

Each is one that could stand in the record here: every field of its type, a reply only to what a model was asked, one
result for each time that a call was sent, messages that a model can be told.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.call import TaskCreated, outcome_from_json
from gateway.conversation import Carried
from gateway.dates import LATEST
from gateway.errors import IllegalEvent, StoreError
from gateway.events import Admitted, Doubted, Event, ModelAnswered, Queued, Recorded, Returned, event_from_json
from gateway.identity import TENANT, user_name
from gateway.run import Run, apply
from gateway.session import NAME as SESSION
from gateway.store.kinds import fits, hints
from providers.message import message_from_json

__all__ = ["BROKEN", "LONGEST_WAIT", "NAME", "events_of", "is_moment"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
"""What runs, questions and tasks are called: `r-` and 16 digits, as we name them; so it can stand in any line."""
LONGEST_WAIT = 31 * 86_400_000  # milliseconds: a day more than a model may wait
_KEY = re.compile(r"[!-~]{1,200}")  # of a call: `t3/call/1`

BROKEN = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, IllegalEvent)
"""What comes of values that are of another shape than ours."""


def events_of(run_id: str, told: Any, latest: int = LATEST) -> Sequence[Recorded]:
    """Raises StoreError for what does not add up to a run, and says where. Nothing in it has happened after `latest`
    (milliseconds since 1970).
    """
    events: list[Recorded] = []
    run, sent = Run(run_id), dict[str, bool]()
    for number, each in enumerate(told if isinstance(told, list) else (), 1):
        try:
            recorded = _recorded(run_id, number, each)
            _must_be_soon(recorded, latest)
            _must_follow(run, sent, recorded)
            run = apply(run, recorded)
        except BROKEN as error:
            name = each.get("event") if isinstance(each, Mapping) else None
            where = f"its event {number}" + (f" (`{ascii(name)[1:-1]}`)" if isinstance(name, str) else "")
            raise StoreError(f"this exported run is damaged: {where}: {_told(error)}") from None
        events.append(recorded)
    if not events:
        raise StoreError("this exported run is damaged: something is missing from it")
    return events


def _recorded(run_id: str, number: int, told: Mapping[str, Any]) -> Recorded:
    if not isinstance(told, Mapping):
        raise TypeError("it is no object")
    if told["seq"] != number:
        raise ValueError("something is missing before it")
    event = event_from_json(told)
    for name, kind in hints(type(event)).items():
        if not fits(getattr(event, name), kind, apart=False):
            raise TypeError(f"`{name}` is not what it has to be")
    _must_be_named(event)
    return Recorded(run_id, number, told["at"], event)


def is_moment(at: Any, latest: int = LATEST) -> bool:
    """Milliseconds since 1970, not after `latest`, nor so late that no date is that."""
    return type(at) is int and 0 <= at <= min(latest, LATEST)


def _must_be_soon(recorded: Recorded, latest: int) -> None:
    if not is_moment(recorded.at, latest):
        raise ValueError("`at` is no moment, or one to come")
    until = getattr(recorded.event, "until", None)
    if until is not None and not is_moment(until, latest + LONGEST_WAIT):
        raise ValueError("`until` is no moment, or further away than anything may wait")


def _must_be_named(event: Event) -> None:
    """What people type, or see in a line: a name is one, and not what a terminal would obey."""
    for field, pattern in (("key", _KEY), ("approval_id", NAME)):
        name = getattr(event, field, None)
        if name is not None and not pattern.fullmatch(name):
            raise ValueError(f"`{field}` is no name")
    if isinstance(event, Queued):
        if user_name(event.user.removeprefix("user:")) != event.user or not TENANT.fullmatch(event.tenant):
            raise ValueError("it does not say whose it is")
        if not (_is_agent(event.agent) or (event.agent is None and event.driver == "client")):
            raise ValueError("`agent` is none")
        if event.session and not SESSION.fullmatch(event.session):
            raise ValueError("`session` is no name of one")


def _is_agent(text: str | None) -> bool:
    return text is not None and text.startswith("agent:") and user_name(text.removeprefix("agent:")) is not None


def _must_follow(run: Run, sent: dict[str, bool], recorded: Recorded) -> None:
    """`sent` says of the keys of calls that were made whether what came of them is still open; it is kept up here."""
    match recorded.event:
        case ModelAnswered() as event:
            if run.asked is None:
                raise ValueError("no model was asked for this reply")
            message_from_json(event.message)
        case Carried() as event:
            for message in event.messages:
                message_from_json(message)
        case Admitted() as event:
            sent[event.key] = True
        case Doubted() as event:
            sent[event.key] = False
        case Returned() as event:
            _must_be_open(sent, event)


def _must_be_open(sent: dict[str, bool], event: Returned) -> None:
    """A call of which its server has made a task stays so: that has an end of its own."""
    if not sent.get(event.key):
        raise ValueError("what came of the call was known" if event.key in sent else "the call was not made")
    sent[event.key] = isinstance(outcome_from_json(event.outcome), TaskCreated)


def _told(error: Exception) -> str:
    return f"there is no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
