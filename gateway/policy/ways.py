"""What would have to be different for an answer to be another one: values are tried, nearest first. Pure.

The values come from the conditions themselves: each written one, those beside it, and for functions one that they take
(`notes/x` for `under(args.path, 'notes')`). What is found is true, for it was put to the policy; nothing found says
nothing.
"""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise, product
from math import inf
from typing import Any

from gateway.policy.logic import UNDECIDED
from gateway.policy.outcomes import literal_of
from gateway.policy.paths import Steps, steps_of, value_at, with_value
from gateway.policy.scope import Query, RunFacts

__all__ = ["Change", "nearest"]

_TRIES = 600
_ANYTHING = "..."  # some other text
_FUNCTIONS: Mapping[str, Callable[[str], Iterable[Any]]] = {
    "matches": lambda glob: (glob.replace("*", "").replace("?", "x"), glob.replace("*", "x").replace("?", "x")),
    "all_match": lambda glob: ([glob.replace("*", "x").replace("?", "x")],),
    "any_match": lambda glob: ([glob.replace("*", "x").replace("?", "x")],),
    "under": lambda root: (f"{root.rstrip('/')}/x", root),
    "in_domain": lambda domain: (f"someone@{domain.replace('*.', 'x.')}",),
    "in_cidr": lambda network: (network.partition("/")[0],),
}
_RUN: Mapping[str, Callable[[RunFacts, Any], RunFacts]] = {
    "calls": lambda run, value: replace(run, calls=int(value)),
    "tokens": lambda run, value: replace(run, tokens=int(value)),
    "usd": lambda run, value: replace(run, nanos=round(value * 1_000_000_000)),
    "seconds": lambda run, value: replace(run, millis=round(value * 1000)),
    "tainted": lambda run, value: replace(run, tainted=value is True),
}


@dataclass(frozen=True, slots=True)
class Change:
    """`text` says what is other: `args.amount = 100`. `query` is the question with it."""

    text: str
    query: Query


@dataclass(frozen=True, slots=True)
class _Knob:
    """Something that can be other: an argument, or what the run has done. `values` are tried in their order."""

    text: str
    values: tuple[Any, ...]
    set: Callable[[Query, Any], Query | None]


def nearest(conditions: Iterable[str], query: Query, good: Callable[[Query], bool]) -> Change | None:
    """The smallest change that makes the question a good one: of one value if that will do, else of two."""
    knobs = _knobs(list(dict.fromkeys(conditions)), query)
    tries = 0
    for number in (1, 2):
        for turned in combinations(knobs, number):
            for values in product(*(knob.values for knob in turned)):
                tries += 1
                if tries > _TRIES:
                    return None
                changed = _changed(query, turned, values)
                if changed and good(changed.query):
                    return changed
    return None


def _changed(query: Query, knobs: Sequence[_Knob], values: Sequence[Any]) -> Change | None:
    said = []
    for knob, value in zip(knobs, values, strict=True):
        changed = knob.set(query, value)
        if changed is None:
            return None
        query = changed
        said.append(f"{knob.text} = {_shown(value)}")
    return Change(" and ".join(said), query)


def _shown(value: Any) -> str:
    words = {True: "true", False: "false", None: "null"}
    return words[value] if value is None or isinstance(value, bool) else repr(value)


def _knobs(conditions: Sequence[str], query: Query) -> list[_Knob]:
    found: dict[str, list[Any]] = {}
    of: dict[str, ast.expr] = {}
    for text in conditions:
        for node, value in _tried(ast.parse(text, mode="eval").body):
            name = ast.unparse(node)
            of.setdefault(name, node)
            found.setdefault(name, []).append(value)
    for one, other in _compared(conditions):
        there = value_at(query.args or {}, steps) if (steps := steps_of(of[other])) else UNDECIDED
        found[one] += [*found[other], *([] if there is UNDECIDED else [there])]
    knobs = (_knob(name, of[name], values, query) for name, values in found.items())
    return [knob for knob in knobs if knob is not None]


def _compared(conditions: Iterable[str]) -> list[tuple[str, str]]:
    """The arguments that are compared with one another, each way: `args.a == args.b`."""
    found: list[tuple[str, str]] = []
    for node in (node for text in conditions for node in ast.walk(ast.parse(text, mode="eval"))):
        sides = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
        for left, right in pairwise(sides):
            if steps_of(left) and steps_of(right):
                found += [(ast.unparse(left), ast.unparse(right)), (ast.unparse(right), ast.unparse(left))]
    return found


def _knob(name: str, node: ast.expr, values: list[Any], query: Query) -> _Knob | None:
    if steps := steps_of(node):
        now = value_at(query.args, steps)
        return _Knob(name, _by_distance(values, now), lambda query, value: _with_argument(query, steps, value))
    match node:
        case ast.Attribute(value=ast.Name(id="run"), attr=fact) if fact in _RUN:
            turn = _RUN[fact]
            right = [value for value in values if isinstance(value, bool) is (fact == "tainted")]
            numbers = [value for value in right if isinstance(value, (int, float)) and value >= 0]
            return _Knob(name, _unique(numbers), lambda query, value: replace(query, run=turn(query.run, value)))
    return None


def _with_argument(query: Query, steps: Steps, value: Any) -> Query | None:
    args = with_value(query.args or {}, steps, value)
    return None if args is None else replace(query, args=args)


def _by_distance(values: Iterable[Any], now: Any) -> tuple[Any, ...]:
    """Numbers that are nearest to what it is now first; the rest as written."""
    if type(now) not in (int, float):
        return _unique(values)
    return tuple(sorted(_unique(values), key=lambda value: abs(value - now) if type(value) in (int, float) else inf))


def _unique(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple({repr(value): value for value in values}.values())


def _tried(tree: ast.expr) -> Iterator[tuple[ast.expr, Any]]:
    """Each path with values to try for it."""
    for node in ast.walk(tree):
        match node:
            case ast.Compare():
                sides = [node.left, *node.comparators]
                for left, right in pairwise(sides):
                    yield from _beside(left, literal_of(right))
                    yield from _beside(right, literal_of(left))
            case ast.Call(func=ast.Name(id="has"), args=[path]):
                yield path, _ANYTHING
            case ast.Call(func=ast.Name(id=name), args=[path, *fixed]):
                make = _FUNCTIONS.get(name)
                texts = [str(literal_of(one)) for one in fixed] if make else []
                yield from ((path, value) for text in texts for value in (make(text) if make else ()))
            case ast.Attribute() | ast.Subscript():
                yield from ((node, value) for value in (True, False))


def _beside(node: ast.expr, written: Any) -> Iterator[tuple[ast.expr, Any]]:
    if written is UNDECIDED or not isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        return
    if isinstance(node, ast.Call):
        yield from _of_call(node, written)
        return
    for value in written if isinstance(written, list) else [written]:
        yield node, value
        if type(value) in (int, float):
            yield from ((node, value + step) for step in (1, -1))
    yield node, _ANYTHING


def _of_call(node: ast.Call, written: Any) -> Iterator[tuple[ast.expr, Any]]:
    """`len(args.to) <= 3`, `host(args.url) == 'acme.com'`, `lower(args.x) in ['a']`."""
    match node:
        case ast.Call(func=ast.Name(id="len"), args=[path]) if type(written) is int and 0 <= written < 100:
            yield from ((path, ["x"] * size) for size in (written, written + 1, max(0, written - 1)))
            yield from ((path, "x" * size) for size in (written, written + 1, max(0, written - 1)))
        case ast.Call(func=ast.Name(id=name), args=[path]):
            texts = [one for one in (written if isinstance(written, list) else [written]) if isinstance(one, str)]
            yield from ((path, f"https://{text}/" if name == "host" else text) for text in texts)
