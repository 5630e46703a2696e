"""What to try for everything that the lines look at which one request meets; and the request with one of each. Pure."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise, product
from typing import Any

from gateway.call import Subject, Tool
from gateway.offer import Offer
from gateway.policy.scope import Query, RunFacts
from gateway.policy.witnesses.values import MISSING, ORIGINS, Atom, Steps, atoms
from gateway.sources import Sources

__all__ = ["NOON", "Domains", "World", "built", "domains", "thing_in"]

NOON = datetime(2026, 1, 7, 12, 0, tzinfo=UTC)  # a Wednesday
ELSE = "user:somebody-else"

Domains = Mapping[Steps, Sequence[Any]]
"""What to try, the most ordinary first. Arguments go by their path, and so do facts of the run; a tool is one value."""

_TOOL: Steps = ("tool",)
_REQUESTER: Steps = ("requester",)
_RUN = {"calls": ("calls", 1), "tokens": ("tokens", 1), "usd": ("nanos", 1_000_000_000), "seconds": ("millis", 1000)}
_OFFERS = ("read", "get", "subscribe", "complete")
_MOST_NUMBERS = 24
_ORIGINS = ((), ("said",), ("read",), ("said", "read"), None)  # of all arguments; None: nobody knows


@dataclass(frozen=True, slots=True)
class World:
    """Who asks about what; `known` is the thing itself, if somebody knows it."""

    subject: Subject
    action: str
    object: str
    known: Tool | Offer | None = None


@lru_cache(8192)
def _atoms(text: str) -> tuple[Atom, ...]:
    return tuple(atoms(text))


def domains(conditions: Iterable[str], world: World) -> Domains:
    """Of all that these conditions, or parts of conditions, look at."""
    tried: dict[Steps, list[Any]] = defaultdict(list)
    likes: list[tuple[Steps, Steps]] = []
    for text in dict.fromkeys(conditions):
        for atom in _atoms(text):
            tried[atom.path] += atom.values
            likes += [(atom.path, other) for other in atom.like]
    for path, other in likes:
        tried[path] += tried.get(other, [])
    found: dict[Steps, Sequence[Any]] = {}
    for path in sorted(tried, key=str):
        found.update(_domain(path, tried, world))
    return found


def _domain(path: Steps, tried: Mapping[Steps, list[Any]], world: World) -> Domains:
    match path[0]:
        case "args":
            return dict(_arguments(path, tried[path]))
        case "tool":
            return {_TOOL: _things(world, tried)}
        case "run" if path == ORIGINS:
            return {path: _ORIGINS}
        case "run":
            return {path: _once(_run_facts(path, tried[path]))}
        case "now":
            return _moments(path, tried[path])
        case "subject" if path[1:] == ("is_requester",):
            return {_REQUESTER: (ELSE, world.subject.user, None)}
    return {}


# ---- arguments


def _arguments(path: Steps, values: list[Any]) -> Iterator[tuple[Steps, Sequence[Any]]]:
    """`'a' in args` is about an argument's name."""
    if len(path) == 1:
        yield from ((("args", name), (MISSING, "a")) for name in values if isinstance(name, str) and name)
        return
    others = _once([*values, *_between(values)])
    yield path, _once([MISSING, *others, _other_kind(others), None])


def _between(values: Sequence[Any]) -> list[float]:
    numbers = sorted({value for value in values if type(value) in (int, float)})
    if len(numbers) > _MOST_NUMBERS:
        return []
    return [(low + high) / 2 for low, high in pairwise(numbers) if high - low <= 1]


def _other_kind(values: Sequence[Any]) -> Any:
    """A value that the comparisons do not know what to do with."""
    return 0 if all(type(value) not in (int, float) for value in values) else "a"


def _once(values: Iterable[Any]) -> tuple[Any, ...]:
    """Each once, in this order; 1 and true are two."""
    return tuple({(type(value), repr(value)): value for value in values}.values())


def _numbers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if type(value) in (int, float) and value >= 0]


def _run_facts(path: Steps, values: list[Any]) -> list[Any]:
    """Servers are a tuple, or None where nobody knows which have said anything."""
    match path[1:]:
        case ("tainted",):
            return [False, True]
        case ("servers",):
            texts = [tuple(value) for value in values if isinstance(value, list)]
            return [(), *(names for names in texts if all(isinstance(name, str) for name in names)), None]
    return [0, *_numbers(values)]


# ---- the tool


def _things(world: World, tried: Mapping[Steps, list[Any]]) -> tuple[Tool | Offer, ...]:
    """One for each way in which the lines can see a tool, as far as it can be so: what only reads destroys nothing."""
    names = [str(path[1]) for path in tried if path[0] == "tool" and len(path) > 1]
    pins = [pin for pin in tried.get(("tool", "pin"), ()) if isinstance(pin, str)]
    found = {tuple(getattr(thing, name, None) for name in names): thing for thing in reversed(_kinds(world, pins))}
    return tuple(reversed(found.values()))


def _kinds(world: World, pins: Sequence[str]) -> list[Tool | Offer]:
    first = thing_in(world)
    if isinstance(first, Offer):
        return [first, *(Offer(first.kind, first.server, first.name, {}, trusted) for trusted in (False, True))]
    hints = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")
    made: list[Tool | Offer] = [first]
    for pin, trusted, said in product([first.pin, *pins], (True, False), product((False, True), repeat=4)):
        definition = {"name": first.name, "annotations": dict(zip(hints, said, strict=True))}
        made.append(Tool(first.server, first.name, definition, pin, trusted))
    return made


def thing_in(world: World) -> Tool | Offer:
    """What is known; else one of which nothing is said."""
    if world.known is not None:
        return world.known
    server, _, name = world.object.partition("/")
    if world.action in _OFFERS:
        return Offer("prompt" if world.action == "get" else "resource", server, name, {})
    return Tool(server, name, {"name": name}, "")


# ---- the time


def _moments(path: Steps, values: list[Any]) -> Domains:
    match path[1:]:
        case ("hour",):
            return {path: _once([12, *(value for value in _numbers(values) if value == int(value) and value < 24)])}
        case ("minute",):
            return {path: _once([0, *(value for value in _numbers(values) if value == int(value) and value < 60)])}
        case ("weekday",):
            return {("now", "date"): tuple(NOON.date() + timedelta(days=days) for days in range(7))}
    return {("now", "at"): _once([NOON, *_times(values)])}


def _times(values: Iterable[Any]) -> Iterator[datetime]:
    for text in values:
        try:
            found = datetime.fromisoformat(text)
        except (TypeError, ValueError):
            continue
        yield found if found.tzinfo else found.replace(tzinfo=UTC)


# ---- the request


def built(world: World, chosen: Mapping[Steps, Any]) -> Query:
    """The request with these choices; whatever is not chosen is as it usually is."""
    args: dict[str, Any] = {}
    for path, value in chosen.items():
        if path[0] == "args" and value is not MISSING:
            _put(args, path[1:], value)
    thing = chosen.get(_TOOL) or thing_in(world)
    requester = chosen.get(_REQUESTER, ELSE) if world.action == "approve" else None
    run = replace(_run(chosen), sources=_sources(args, chosen.get(ORIGINS)))
    return Query(world.subject, world.action, world.object, args, thing, run, _now(chosen), requester)


def _sources(args: dict[str, Any], origins: Sequence[str] | None) -> Sources | None:
    """Whoever said the arguments said nothing else."""
    if origins is None:
        return None
    text = json.dumps(args, ensure_ascii=False)
    sources = Sources(text if "said" in origins else "")
    return sources.hearing("somewhere", "read", {"text": text}) if "read" in origins else sources


def _put(args: dict[str, Any], steps: Steps, value: Any) -> None:
    """Whatever is in the way of a longer path stays."""
    at: Any = args
    for step, following in pairwise([*steps, MISSING]):
        last = following is MISSING
        if isinstance(step, str) and isinstance(at, dict):
            at = at.setdefault(step, value if last else [] if isinstance(following, int) else {})
        elif isinstance(step, int) and isinstance(at, list):
            at.extend(None for _ in range(len(at), (step if step >= 0 else -step - 1) + 1))
            at[step] = value if last else at[step] or ([] if isinstance(following, int) else {})
            at = at[step]
        else:
            return


def _run(chosen: Mapping[Steps, Any]) -> RunFacts:
    said: dict[str, Any] = {}
    for path, value in chosen.items():
        if path[0] == "run" and len(path) == 2 and path[1] in _RUN:
            name, unit = _RUN[str(path[1])]
            said[name] = round(value * unit)
    servers = chosen.get(("run", "servers"), ())
    heard = None if servers is None else frozenset(servers)
    return RunFacts(**said, tainted=chosen.get(("run", "tainted"), False), servers=heard)


def _now(chosen: Mapping[Steps, Any]) -> datetime:
    at: datetime = chosen.get(("now", "at"), NOON)
    day: date = chosen.get(("now", "date"), at.date())
    hour, minute = chosen.get(("now", "hour"), at.hour), chosen.get(("now", "minute"), at.minute)
    return datetime.combine(day, time(int(hour), int(minute), at.second), tzinfo=at.tzinfo)
