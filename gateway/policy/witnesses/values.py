"""A condition's text -> what to try for each value that it looks at, so that every comparison goes both ways. Pure.

For a number: itself, below, above. For a text: itself, in the other case, another; for a pattern: what it matches, and
what it just does not. For a list: empty, one, mixed. Each may be missing, and of a wrong kind.
"""

import ast
import contextlib
import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from gateway.policy.witnesses.expressions import matching

__all__ = ["LONGEST", "MISSING", "ORIGINS", "Atom", "Missing", "Steps", "atoms", "beyond", "near", "steps_of"]

Step = str | int
Steps = tuple[Step, ...]
Values = list[Any]

LONGEST = 100_000
"""Characters, or items, of the longest value that is made to have a length."""


class Missing(Enum):
    """An argument that is not given."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
ORIGINS: Final[Steps] = ("run", "origins")
"""Where the value of an argument came from, whose steps follow: asked for by `from_user` and `from_untrusted`."""


@dataclass(frozen=True, slots=True)
class Atom:
    """A path (`("args", "amount")`, `("tool", "read_only")`) and what to try for it. `like` are the paths that it is
    compared with: what is tried for them is tried for it, too.
    """

    path: Steps
    values: tuple[Any, ...]
    like: tuple[Steps, ...] = ()


def atoms(text: str) -> list[Atom]:
    """Of the text of a condition that was compiled before."""
    return list(_question(ast.parse(text.strip(), mode="eval").body))


@lru_cache(8192)
def beyond(text: str) -> tuple[int, ...]:
    """The lengths with which a condition compares, and which no value is made to have: more than `LONGEST`."""
    found: list[int] = []
    for node in ast.walk(ast.parse(text.strip(), mode="eval")):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            numbers = [number for side in sides for number in _literals(side) if type(number) is int]
            found += [number for number in numbers if number > LONGEST and any(map(_is_length, sides))]
    return tuple(dict.fromkeys(found))


def _is_length(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len"


def _question(node: ast.expr) -> Iterator[Atom]:
    """What to try so that a yes-or-no question is answered both ways."""
    match node:
        case ast.BoolOp(values=parts):
            for part in parts:
                yield from _question(part)
        case ast.UnaryOp(operand=operand):
            yield from _question(operand)
        case ast.Compare():
            yield from _comparison(node)
        case ast.Call(func=ast.Name(id="from_user" | "from_untrusted"), args=[first]):
            traced = steps_of(_innermost(first))[1:]
            yield Atom((*ORIGINS, *traced), ())
            yield from _under_functions(first, ["a" + "".join(map(str, traced))])  # no other argument's
        case ast.Call(func=ast.Name(id=name), args=[first, *fixed]):
            texts = [literal for one in fixed for literal in _literals(one)]
            yield from _under_functions(first, _TRIED.get(name, _anything)(texts))
        case _:
            yield from _under_functions(node, [True, False])


def _comparison(node: ast.Compare) -> Iterator[Atom]:
    sides = [node.left, *node.comparators]
    known = [literal for side in sides for literal in _literals(side)]
    paths = [path for side in sides if (path := steps_of(_innermost(side)))]
    contains = any(isinstance(op, (ast.In, ast.NotIn)) for op in node.ops)
    for side in sides:
        if next(_literals(side), MISSING) is MISSING and not isinstance(side, (ast.List, ast.Tuple)):
            values = near(known) + (_containers(known) if contains and side is not sides[0] else [])
            values += _parts_of(sides[-1]) if contains and side is sides[0] else []
            yield from _under_functions(side, values or ([1, 2, "a", "b"] if len(paths) > 1 else []), paths)


def _under_functions(node: ast.expr, values: Values, others: Sequence[Steps] = ()) -> Iterator[Atom]:
    """What to try for the path itself, so that what a function makes of it is one of the values."""
    if isinstance(node, ast.Call) and node.args:
        yield from _of_a_clock(node, values)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        texts = [literal for one in node.args[1:] for literal in _literals(one)]
        inverse = _INVERSE.get(name)
        wanted = inverse(values) if inverse else [*values, *_TRIED.get(name, _anything)(texts)]
        yield from _under_functions(node.args[0], wanted, others)
        return
    path = steps_of(node)
    if path:
        yield Atom(path, tuple(values), tuple(other for other in others if other != path))


def _of_a_clock(node: ast.Call, values: Values) -> Iterator[Atom]:
    """`hour('Europe/Berlin')`: what is the hour there is another one here, and perhaps another day."""
    match node:
        case ast.Call(func=ast.Name(id="hour" | "minute" | "weekday" | "date" as name), args=[ast.Constant()]):
            yield Atom(("now", name), tuple(values))
            yield Atom(("now", "hour"), tuple(range(24)))


def _innermost(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Call) and node.args:
        node = node.args[0]
    return node


def steps_of(node: ast.expr) -> Steps:
    """`args.a["b"][0]` -> `("args", "a", "b", 0)`; empty for what is no path."""
    steps: list[Step] = []
    while not isinstance(node, ast.Name):
        match node:
            case ast.Attribute(value=inner, attr=name):
                steps.append(name)
            case ast.Subscript(value=inner, slice=slice) if isinstance(
                index := next(_literals(slice), None), str | int
            ):
                steps.append(index)
            case _:
                return ()
        node = inner
    return (node.id, *reversed(steps)) if node.id not in _WORDS else ()


_WORDS: Mapping[str, Any] = {"true": True, "false": False, "null": None, "none": None}


def _literals(node: ast.expr) -> Iterator[Any]:
    match node:
        case ast.Constant(value=value):
            yield value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            yield -number
        case ast.Name(id=name) if name in _WORDS:
            yield _WORDS[name]
        case ast.List(elts=items) | ast.Tuple(elts=items):
            for item in items:
                yield from _literals(item)


# ---- what to try


def near(values: Iterable[Any]) -> Values:
    """Each value, and its neighbours on both sides; between two numbers that are neighbours, what is in between."""
    known = list(values)
    numbers = sorted({value for value in known if type(value) in (int, float)})
    between = [(low + high) / 2 for low, high in pairwise(numbers) if high - low <= 2]
    return [*known, *(other for value in known for other in _neighbours(value)), *between]


def _neighbours(value: Any) -> Values:
    match value:
        case bool():
            return [not value]
        case int() | float():
            return [value - 1, value + 1]
        case str():
            return [*_times(value), value.swapcase(), f"{value}x"]
    return []


def _times(text: str) -> Values:
    """The day or the second before and after, of a text that is a date or a time."""
    with contextlib.suppress(ValueError, OverflowError):
        day = date.fromisoformat(text)
        return [(day + timedelta(days=days)).isoformat() for days in (-1, 1)]
    with contextlib.suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(text)
        return [(moment + timedelta(seconds=seconds)).isoformat() for seconds in (-1, 1)]
    return []


def _parts_of(node: ast.expr) -> Values:
    """What a text that is looked into holds: nothing, its words, its ends."""
    match node:
        case ast.Constant(value=str(text)):
            return ["", *text.split(), text[:1], text[-1:], text[1:]]
    return []


def _containers(values: Sequence[Any]) -> Values:
    """What holds one of the values, what holds others, and what holds nothing."""
    return [*([value] for value in values), [*values, "other"], ["other"], []]


def _expressions(texts: Sequence[Any]) -> Values:
    made = [text for pattern in texts for text in matching(str(pattern))]
    return [*made, *(f"{text}\n" for text in made)]


def _anything(texts: Sequence[Any]) -> Values:
    return [*near(texts), *_containers(texts)]


def _globs(texts: Sequence[Any]) -> Values:
    """What each pattern matches, and what it just does not."""
    made = [pattern.replace("?", "a").replace("*", filling) for pattern in texts for filling in ("", "a", "a.b")]
    return [*made, *(text.swapcase() for text in made), *(f"{text}x" for text in made), *(f"x{text}" for text in made)]


def _lists_of(tried: Callable[[Sequence[Any]], Values]) -> Callable[[Sequence[Any]], Values]:
    def lists(texts: Sequence[Any]) -> Values:
        found = tried(texts)
        return [*([value] for value in found), found[:1] + found[-1:], []]

    return lists


def _domains(texts: Sequence[Any]) -> Values:
    names = [text.replace("*", "a") for text in texts]
    inside = [f"a@{name}" for name in names]
    outside = [*(f"a@b.{name}" for name in names), *(f"a@{name}x" for name in names), *names]
    return [*inside, *(address.swapcase() for address in inside), *outside, [*inside, "a@other.example"], inside, []]


def _folders(texts: Sequence[Any]) -> Values:
    below = [root if root.endswith("/") else f"{root}/" for root in texts]
    return [
        *texts,
        *(f"{root}a" for root in below),
        *(f"{root}x" for root in texts),
        *(f"{r}../a" for r in below),
        "/a",
        "a",
    ]


def _networks(texts: Sequence[Any]) -> Values:
    found: Values = []
    for text in texts:
        with contextlib.suppress(ValueError, ipaddress.AddressValueError):
            network = ipaddress.ip_network(text)
            found += [str(network[0]), str(network[-1])]
            found += [str(network[at] + by) for at, by in ((0, -1), (-1, 1))]
    return [*found, "192.0.2.1", "2001:db8::1", "no address"]


_TRIED: Mapping[str, Callable[[Sequence[Any]], Values]] = {
    "has": lambda _: ["a"],
    "matches": _globs,
    "matches_regex": _expressions,
    "all_match": _lists_of(_globs),
    "any_match": _lists_of(_globs),
    "in_domain": _domains,
    "under": _folders,
    "in_cidr": _networks,
}


def _of_length(values: Values) -> Values:
    lengths = sorted({value for value in values if type(value) is int and 0 <= value <= LONGEST + 1})
    return [made for length in lengths for made in ("x" * length, _items(length))]


@lru_cache(64)
def _items(length: int) -> list[str]:
    """The same list each time: so it can be told apart from others without being looked through."""
    return ["x"] * length


def _both_cases(values: Values) -> Values:
    return [made for value in values if isinstance(value, str) for made in (value, value.upper())]


def _urls(values: Values) -> Values:
    return [*(f"https://{value}/" for value in values if isinstance(value, str)), *values]


_INVERSE: Mapping[str, Callable[[Values], Values]] = {"len": _of_length, "lower": _both_cases, "host": _urls}
