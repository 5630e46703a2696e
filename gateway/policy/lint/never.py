"""Parts of a condition that can never be true, or never again, and what can't be decided for an action. Pure."""

import ast
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import product
from typing import Any

from gateway.errors import Problem
from gateway.policy.lint.finding import CONDITION, warning
from gateway.policy.outcomes import literal_of
from gateway.policy.rows import Rule

__all__ = ["never"]

_OWN = "subject.is_requester"
_OF_A_URI = ("read", "subscribe")  # the actions whose only argument is the URI
_THEN = {"allow": "this line never allows", "ask": "this line always asks", "deny": "this line always denies"}
_ZONES = timedelta(days=1)  # by which it may be another day elsewhere
_LATER = (ast.Lt, ast.LtE, ast.Eq, ast.In)  # `now.date < past`: what is never true again
_TURNED = {ast.Gt: ast.Lt, ast.GtE: ast.LtE, ast.Eq: ast.Eq}


def never(rule: Rule, today: date | None = None) -> Iterator[Problem]:
    """Of one line. `today` None: of what is past nothing is said."""
    if rule.when is None:
        return
    yield from _of_another_action(rule)
    tree = ast.parse(rule.when.text, mode="eval").body
    for found in _past(tree, today) if today else ():
        yield _told(rule, found, "is never true again: that day is over")
    for node in ast.walk(tree):
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
            for one, other in (*_moments_apart(node.values), *_cases_apart(node.values)):
                yield _told(rule, other, f"is never true together with `{ast.unparse(one)}`")


def _told(rule: Rule, node: ast.expr, what: str) -> Problem:
    text = ast.get_source_segment(rule.when.text if rule.when else "", node) or ast.unparse(node)
    return warning(rule, (CONDITION, text), "never-true", f"`{text}` {what}", "mend it, or delete the line")


# ---- what an action does not have


def _of_another_action(rule: Rule) -> Iterator[Problem]:
    if rule.when is None:
        return
    then = "its duties always hold" if rule.kind == "o" else _THEN[rule.effect]
    if rule.action != "approve" and rule.when.mentions(_OWN):
        message = f"`{_OWN}` can't be decided of a `{rule.action}`: only an approval has somebody who asked"
        yield warning(rule, (CONDITION, _OWN), "never-true", message, f"where it decides, {then}; take it out")
    if rule.action not in _OF_A_URI:
        return
    for path in rule.when.paths:
        if path.root == "args" and path.key not in (None, "uri"):
            message = f"a `{rule.action}` has no argument but `args.uri`, so `{path.text}` is never there"
            yield warning(rule, (CONDITION, path.text), "unknown-argument", message, f"where it decides, {then}")


# ---- days that are over


def _past(node: ast.expr, today: date) -> Iterator[ast.expr]:
    """The comparisons that no later day makes true; not what stands under a `not`."""
    match node:
        case ast.BoolOp(values=parts):
            for part in parts:
                yield from _past(part, today)
        case ast.Compare(left=left, ops=[sign], comparators=[right]):
            turned = _TURNED.get(type(sign))
            straight = _is_day(left) and isinstance(sign, _LATER) and _all_over(literal_of(right), today)
            backwards = _is_day(right) and turned in _LATER and _all_over(literal_of(left), today)
            if straight or backwards:
                yield node


def _is_day(node: ast.expr) -> bool:
    return ast.unparse(node) == "now.date" or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "date"
    )


def _all_over(written: Any, today: date) -> bool:
    days = [_day(text) for text in (written if isinstance(written, list) else [written])]
    return bool(days) and all(day is not None and day < today - _ZONES for day in days)


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(text[:10]) if isinstance(text, str) else None
    except ValueError:
        return None


# ---- what does not go together


def _moments_apart(parts: Sequence[ast.expr]) -> Iterator[tuple[ast.expr, ast.expr]]:
    """`before(args.x, '2020-01-01') and after(args.x, '2021-01-01')`."""
    for one, other in product(_calls(parts, "before"), _calls(parts, "after")):
        if ast.unparse(one.args[0]) == ast.unparse(other.args[0]):
            ends, begins = _day(literal_of(one.args[1])), _day(literal_of(other.args[1]))
            if ends and begins and begins > ends:
                yield one, other


def _calls(parts: Sequence[ast.expr], name: str) -> list[ast.Call]:
    return [
        part
        for part in parts
        if isinstance(part, ast.Call)
        and isinstance(part.func, ast.Name)
        and (part.func.id, len(part.args)) == (name, 2)
    ]


def _cases_apart(parts: Sequence[ast.expr]) -> Iterator[tuple[ast.expr, ast.expr]]:
    """`lower(args.x) == 'a' and args.x == 'B'`."""
    equal = [(part, asked, texts) for part in parts for asked, texts in _equal(part)]
    lowered = [(part, asked.args[0], texts) for part, asked, texts in equal if _is_lower(asked)]
    for (one, path, small), (other, asked, texts) in product(lowered, equal):
        if ast.unparse(path) == ast.unparse(asked) and not {text.lower() for text in texts} & small:
            yield one, other


def _equal(part: ast.expr) -> Iterator[tuple[Any, set[str]]]:
    """What must be one of these texts."""
    match part:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            sides: Iterable[tuple[ast.expr, Any]] = (left, [literal_of(right)]), (right, [literal_of(left)])
        case ast.Compare(left=left, ops=[ast.In()], comparators=[right]):
            sides = ((left, literal_of(right)),)
        case _:
            return
    for asked, texts in sides:
        if isinstance(texts, list) and texts and all(isinstance(text, str) for text in texts):
            yield asked, set(texts)


def _is_lower(node: Any) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "lower"
