"""Comparisons with a text that can never be there, because of how such texts are written. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import NamedTuple

from gateway.errors import Problem
from gateway.policy.globs import overlap
from gateway.policy.lint.finding import CONDITION, warning
from gateway.policy.lint.sayings import Saying, sayings
from gateway.policy.rows import Rule
from gateway.wording import listed

__all__ = ["impossible"]

_KINDS = ("user:", "agent:", "role:", "team:")
_PIN = re.compile(r"[0-9a-f]{64}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class _Doubt(NamedTuple):
    why: str
    hint: str


_Check = Callable[[Saying], _Doubt | None]


def impossible(rule: Rule) -> Iterator[Problem]:
    """Of one line."""
    for saying in sayings(rule.when) if rule.when else ():
        check = _CHECKS.get(saying.fact)
        if check and (doubt := check(saying)):
            message = f"`{saying.text}` is never `{saying.value}`: {doubt.why}"
            yield warning(rule, (CONDITION, f"'{saying.value}'"), "impossible-value", message, doubt.hint)


def _begins(*kinds: str, empty: bool = False) -> _Check:
    """Names with their kind in front."""

    def check(saying: Saying) -> _Doubt | None:
        value = saying.value
        if saying.ranked or (empty and not value) or any(_may_begin(saying, kind) for kind in kinds):
            return None
        hint = "" if value.startswith(_KINDS) else f"write `'{kinds[0]}{value}'`"
        return _Doubt(f"what stands there begins with {' or '.join(f'`{kind}`' for kind in kinds)}", hint)

    return check


def _may_begin(saying: Saying, kind: str) -> bool:
    return overlap(saying.value, f"{kind}*") if saying.glob else saying.value.startswith(kind)


def _small(saying: Saying) -> _Doubt | None:
    if saying.ranked or saying.value == saying.value.lower():
        return None
    return _Doubt("it is in small letters", f"write `'{saying.value.lower()}'`")


def _host(saying: Saying) -> _Doubt | None:
    if "/" in saying.value and not saying.ranked:
        return _Doubt("it is the host alone, without `https://` and path", "write `'example.com'`")
    return _small(saying)


def _pin(saying: Saying) -> _Doubt | None:
    if saying.ranked or saying.glob or _PIN.fullmatch(saying.value):
        return None
    return _Doubt("a pin is a SHA-256, 64 of `0` to `9` and `a` to `f`", "copy it from toolgate.lock")


def _day(saying: Saying) -> _Doubt | None:
    """Also where days are compared: as texts, `'31.12.2026'` is behind all of them."""
    if saying.glob or _is_day(saying.value):
        return None
    return _Doubt(f"dates are written as {listed(['2026-12-31'])}", "write year, month and day, with `-` between them")


def _moment(saying: Saying) -> _Doubt | None:
    return None if saying.glob or _is_day(saying.value[:10]) else _day(saying)


def _is_day(text: str) -> bool:
    try:
        return bool(_DAY.fullmatch(text)) and date.fromisoformat(text) is not None
    except ValueError:
        return False


_CHECKS: Mapping[str, _Check] = {
    "subject.user": _begins("user:"),
    "subject.agent": _begins("agent:", empty=True),
    "subject.id": _begins("user:", "agent:"),
    "subject.roles": _begins("role:", "team:"),
    "lower": _small,
    "host": _host,
    "now.date": _day,
    "date": _day,
    "now.iso": _moment,
    "tool.pin": _pin,
}
