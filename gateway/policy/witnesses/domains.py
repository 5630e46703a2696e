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
from gateway.policy.logic import UNDECIDED
from gateway.policy.paths import value_at
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
_AUTH_AGE: Steps = ("subject", "auth_age")
_RUN = {"calls": ("calls", 1), "tokens": ("tokens", 1), "usd": ("nanos", 1_000_000_000), "seconds": ("millis", 1000)}
_OFFERS = ("read", "get", "subscribe", "complete")
_MOST_NUMBERS = 24
_LONG = 1_000
_ORIGINS = ((), ("said",), ("read",), ("said", "read"), None)  # of one argument; None: nobody knows


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
        case "run" if _is_origin(path):
            return {path: _ORIGINS}
        case "run":
            return {path: _once(_run_facts(path, tried[path]))}
        case "now":
            return _moments(path, tried[path])
        case "subject" if path[1:] == ("is_requester",):
            return {_REQUESTER: (ELSE, world.subject.user, None)}
        case "subject" if path == _AUTH_AGE:
            return {path: _once([None, *_numbers(_around(tried[path]))])}
    return {}


def _is_origin(path: Steps) -> bool:
    return path[: len(ORIGINS)] == ORIGINS


# ---- arguments


def _arguments(path: Steps, values: list[Any]) -> Iterator[tuple[Steps, Sequence[Any]]]:
    """`'a' in args` is about an argument's name."""
    if len(path) == 1:
        yield from ((("args", name), (MISSING, "a")) for name in values if isinstance(name, str) and name)
        return
    others = _once(_around(values))
    yield path, _once([MISSING, *others, _other_kind(others), None])


def _around(values: Sequence[Any]) -> list[Any]:
    """The values, and what is between two that are neighbours."""
    return [*values, *_between(values)]


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
    return tuple({(type(value), _apart(value)): value for value in values}.values())


def _apart(value: Any) -> object:
    """What tells it apart from others of its type; a long list is the same one each time (`values`)."""
    if isinstance(value, list) and len(value) > _LONG:
        return id(value)
    return value if isinstance(value, str) else repr(value)


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
    args = _args({path[1:]: value for path, value in chosen.items() if path[0] == "args" and value is not MISSING})
    thing, now = chosen.get(_TOOL) or thing_in(world), _now(chosen)
    requester = chosen.get(_REQUESTER, ELSE) if world.action == "approve" else None
    run = replace(_run(chosen), sources=_sources(args, chosen))
    return Query(_subject(world, chosen, now), world.action, world.object, args, thing, run, now, requester)


def _subject(world: World, chosen: Mapping[Steps, Any], now: datetime) -> Subject:
    """Who showed so long ago who he is, if that matters."""
    age = chosen.get(_AUTH_AGE)
    return world.subject if age is None else replace(world.subject, since=now.timestamp() - age)


def _sources(args: Mapping[str, Any], chosen: Mapping[Steps, Any]) -> Sources | None:
    """Whoever said some of the arguments said nothing else."""
    origins = {path[len(ORIGINS) :]: origin for path, origin in chosen.items() if _is_origin(path)}
    if not origins or None in origins.values():
        return None
    said, read = (
        [value_at(args, steps) for steps, origin in origins.items() if origin and whose in origin]
        for whose in ("said", "read")
    )
    sources = Sources(_as_text(said))
    return sources.hearing("somewhere", "read", {"text": _as_text(read)}) if read else sources


def _as_text(values: Sequence[Any]) -> str:
    given = [value for value in values if value is not UNDECIDED]
    return json.dumps(given, ensure_ascii=False) if given else ""


def _args(given: Mapping[Steps, Any]) -> dict[str, Any]:
    """What is counted from the end of a list stands behind all that is counted from its beginning."""
    args: dict[str, Any] = {}
    back = [steps for steps in given if _counted_back(steps)]
    for steps in given:
        if steps not in back:
            _put(args, steps, _own(steps, given))
    most: dict[Steps, int] = {}  # by the list, items that are counted from its end
    for steps in back:
        for place, step in enumerate(steps):
            if isinstance(step, int) and step < 0:
                most[steps[:place]] = max(-step, most.get(steps[:place], 0))
    for steps in sorted(most, key=len):
        _lengthened(args, steps, most[steps], whole=steps in given)
    for steps in back:
        _put(args, steps, _own(steps, given))
    return args


def _counted_back(steps: Steps) -> bool:
    return any(isinstance(step, int) and step < 0 for step in steps)


def _own(steps: Steps, given: Mapping[Steps, Any]) -> Any:
    """No other request sees what is put into it."""
    value = given[steps]
    into = any(len(other) > len(steps) and other[: len(steps)] == steps for other in given)
    return value.copy() if into and isinstance(value, (list, dict)) else value


def _lengthened(args: dict[str, Any], steps: Steps, by: int, *, whole: bool) -> None:
    """Makes room at the end of a list. One that is given as a whole keeps its length if it can."""
    if value_at(args, steps) is UNDECIDED or value_at(args, steps) is None:
        _put(args, steps, [])
    found = value_at(args, steps)
    if isinstance(found, list):
        found.extend([None] * (max(0, by - len(found)) if whole else by))


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
