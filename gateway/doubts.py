"""What a run had under way of which nobody says what became of it, as its record tells. Pure.

Whoever drives a run records the end of all that he began. Where he is gone, somebody else writes down that it is lost:
it counts as made, and what became of a call is for a person to say, also in a run that has ended.
"""

from collections.abc import Iterable, Mapping, Sequence

from gateway.call import InDoubt, outcome_from_json
from gateway.events import Admitted, Doubted, Event, ModelAsked, ModelFailed, Obliged, Recorded, Resolved, Returned
from gateway.standing import Held, asking

__all__ = ["in_doubt", "is_rehearsal", "lost", "questions"]

_NOBODY = "whoever made it is gone, and the run has ended"


def in_doubt(events: Iterable[Recorded]) -> Mapping[str, Admitted]:
    """The calls of a run that has ended, by key, that were sent and of which nobody knows whether they took effect, as
    they were admitted last. Also those of which the record has no more than that: before there was a word for them,
    none was written down.
    """
    found: dict[str, Admitted] = {}
    for event in (recorded.event for recorded in events):
        match event:
            case Admitted(action="call"):
                found[event.key] = event
            case Obliged() if is_rehearsal(event):
                found.pop(event.key, None)
            case Returned() if not isinstance(outcome_from_json(event.outcome), InDoubt):
                found.pop(event.key, None)
            case Resolved():
                found.pop(event.key, None)
    return found


def is_rehearsal(event: Obliged) -> bool:
    """A dry run: nothing is sent."""
    return bool(event.duties.get("dry_run"))


def questions(events: Iterable[Recorded]) -> Mapping[str, ModelAsked]:
    """The questions to models in a run, by what names what they have reserved."""
    asked = (recorded.event for recorded in events if isinstance(recorded.event, ModelAsked))
    return {asking(event.turn): event for event in asked}


def lost(held: Held, asked: Mapping[str, ModelAsked]) -> Sequence[Event]:
    """The ends of what has none, where whoever was at it is gone: all that was reserved for it counts as spent."""
    return [
        _unheard(asked[key], own.to_json()) if key in asked else Doubted(key, _NOBODY, own.to_json())
        for key, (own, _) in held.items()
    ]


def _unheard(asked: ModelAsked, spent: Mapping[str, int]) -> ModelFailed:
    told = (asked.turn, "lost", "the worker died before the reply came", False, spent, asked.model)
    return ModelFailed(*told, purpose=asked.purpose)
