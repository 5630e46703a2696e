"""Arguments that a tool's schema says are of another kind, or have other values, than a line compares them with. Pure.

Such a comparison can never be decided, so that the line never allows, or always restricts.
"""

from collections.abc import Iterator, Sequence

from gateway.call import Tool
from gateway.errors import Problem
from gateway.policy.lint.finding import CONDITION, warning
from gateway.policy.lint.schemas import ANY, Place, Places
from gateway.policy.lint.uses import Pair, Use, pairs, uses
from gateway.policy.rows import Rule
from gateway.wording import did_you_mean, listed

__all__ = ["mismatches"]

_A = {"string": "a string", "number": "a number", "boolean": "true or false", "array": "a list", "object": "an object"}
_THEN = {
    "allow": "so this line never allows it",
    "ask": "so this line always asks",
    "deny": "so this line always denies",
}


def mismatches(rule: Rule, matching: Sequence[Tool], known: Places) -> Iterator[Problem]:
    """Of one line, against the tools that it matches."""
    seen: set[object] = set()
    for use in uses(rule.when) if rule.when else ():
        asked = (use.steps, use.wants, use.of_items, use.values)  # `0 < x <= 9` asks twice for the same
        if asked not in seen and not use.guard:
            seen.add(asked)
            places = [(tool, known.of(tool, use.steps)) for tool in matching]
            yield from _of_use(rule, use, [(tool, place) for tool, place in places if not place.absent])
    yield from _of_pairs(rule, matching, known)


def _of_pairs(rule: Rule, matching: Sequence[Tool], known: Places) -> Iterator[Problem]:
    """Two arguments that are compared with one another, and never are of the same kind."""
    for pair in pairs(rule.when) if rule.when else ():
        places = [(tool, known.of(tool, pair.steps), known.of(tool, pair.other)) for tool in matching]
        wrong = [one for one in places if not (one[1].absent or one[2].absent) and not _go_together(pair, *one[1:])]
        if wrong and (rule.effect != "allow" or len(wrong) == len(places)):
            tool, left, right = wrong[0]
            message = f"in {tool.path} `{pair.text}` is {_kinds(left)}, and `{pair.of}` is {_kinds(right)}: "
            message += f"that can't be decided, {_then(rule)}"
            yield warning(rule, (CONDITION, pair.text), "wrong-type", message)


def _go_together(pair: Pair, left: Place, right: Place) -> bool:
    """Whether some values of these types can be compared; in a text or an object only a text is looked for."""
    if not pair.among:
        return bool(left.types & right.types) or "null" in left.types | right.types
    of_items = right.items.types if right.items else ANY
    in_list = "array" in right.types and bool(left.types & of_items)
    return in_list or ("string" in left.types and not right.types.isdisjoint(("string", "object")))


def _of_use(rule: Rule, use: Use, places: Sequence[tuple[Tool, Place]]) -> Iterator[Problem]:
    wrong = [(tool, place) for tool, place in places if not _fits(use, place)]
    if wrong and (rule.effect != "allow" or len(wrong) == len(places)):
        yield _wrong_type(rule, use, wrong)
    elif not wrong:
        yield from _values(rule, use, [place for _, place in places])


def _fits(use: Use, place: Place) -> bool:
    if not use.wants & place.types:
        return False
    within = place.items if "array" in use.wants & place.types else None
    only_lists = place.types == {"array"}
    return within is None or not only_lists or bool(use.of_items & within.types)


def _wrong_type(rule: Rule, use: Use, wrong: Sequence[tuple[Tool, Place]]) -> Problem:
    tool, place = wrong[0]
    others = f" (and in {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    said = _kinds(place)
    needs = " or ".join(_A.get(kind, kind) for kind in sorted(use.wants)) if use.wants != ANY else "something else"
    if use.wants & place.types:  # the list is right, and what it holds is not
        needs = "a list of " + " or ".join(f"{kind}s" for kind in sorted(use.of_items))
    by = f"{use.against} needs {needs}" if use.against.startswith("`") else f"it is compared with `{use.against}`"
    if use.against == "a yes or no":
        by = "it is used as a yes or no"
    message = f"`{use.text}` is {said} in {tool.path}{others}, and {by}: that can't be decided, {_then(rule)}"
    return warning(rule, (CONDITION, use.text), "wrong-type", message, _hint(use, place))


def _then(rule: Rule) -> str:
    return "so its duties always hold" if rule.kind == "o" else _THEN[rule.effect]


def _kinds(place: Place) -> str:
    kinds = [_A.get(kind, kind) for kind in sorted(place.types)]
    if place.types == {"array"} and place.items and place.items.types != ANY:
        kinds = ["a list of " + " or ".join(f"{kind}s" for kind in sorted(place.items.types))]
    return " or ".join(kinds)


def _hint(use: Use, place: Place) -> str:
    if place.types == {"string"} and use.wants == {"number"}:
        return f"numbers in strings can't be compared; write `{use.text} in ['...']` or `matches({use.text}, '...')`"
    if place.types == {"number"} and use.wants == {"string"}:
        return "write the number without quotes"
    if place.types == {"array"} and use.wants == {"string"}:
        return f"for its elements write `any_match({use.text}, ...)` or `'...' in {use.text}`"
    return ""


def _values(rule: Rule, use: Use, places: Sequence[Place]) -> Iterator[Problem]:
    """Written values that no tool's list of values has."""
    if not places or any(place.values is None for place in places):
        return
    known = {value for place in places for value in place.values or () if isinstance(value, (str, int, float))}
    for value in use.values:
        if value not in known and isinstance(value, (str, int, float)):
            names = [one for one in known if isinstance(one, str)]
            hint = did_you_mean(value, names) if isinstance(value, str) else f"known: {listed(map(str, known))}"
            message = f"`{use.text}` can never be `{value}` in what `{rule.tool.text}` matches: its schema lists others"
            about = f"'{value}'" if isinstance(value, str) else str(value)
            yield warning(rule, (CONDITION, about), "unknown-value", message, hint)
