"""The cell `duties` of an `o` line -> `Duties`. Pure.

    redact=ssn customer.iban @secrets; max_result_bytes=64 KB; timeout=10 s; dry_run
    needs=2; escalate=role:manager@2h; remember=no

Several stand side by side with `;` between them. As strict as every other cell: what is not known is refused, with its
place.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NoReturn

from gateway.duties import Duties
from gateway.wording import did_you_mean

__all__ = ["DUTIES", "DutyError", "parse_duties"]

DUTIES = ("redact", "max_result_bytes", "timeout", "dry_run", "needs", "escalate", "remember")
_SECRETS = "@secrets"
_PATH = re.compile(r"[A-Za-z0-9_*?$:/@-]+(?:\.[A-Za-z0-9_*?$:/@-]+)*")
_AMOUNT = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)[ \t]*([A-Za-z]*)")
_BYTES: Mapping[str, int] = {"B": 1, "KB": 1024, "KiB": 1024, "MB": 1024**2, "MiB": 1024**2}
_SECONDS: Mapping[str, float] = {"ms": 0.001, "s": 1.0, "min": 60.0}
_WAITS: Mapping[str, float] = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_PEOPLE = re.compile(r"[1-9]")
_ROLE = re.compile(r"(?:role|team):[A-Za-z0-9._@:|/\\+~=-]+?")
_ESCALATE_HINT = "write `escalate=role:manager@2h`"
_HINT = "write `redact=ssn; max_result_bytes=64 KB; timeout=10 s; dry_run`"


class DutyError(ValueError):
    """Duties that can't be read. `offset` counts characters of their text from 0."""

    def __init__(self, offset: int, message: str, hint: str = "") -> None:
        self.offset, self.message, self.hint = offset, message, hint
        super().__init__(message)


def parse_duties(text: str) -> Duties:
    """Raises DutyError, with the place of what is wrong."""
    duties, seen, at = Duties(), set[str](), 0
    for piece in text.split(";"):
        offset = at + len(piece) - len(piece.lstrip())
        at += len(piece) + 1
        name, equals, value = piece.strip().partition("=")
        name = name.rstrip()
        _check(name, equals, value.strip(), offset)
        if name in seen:
            raise DutyError(offset, f"`{name}` stands twice", "write it once")
        seen.add(name)
        start = offset + len(piece.lstrip()) - len(piece.lstrip().partition("=")[2].lstrip())
        duties = _READ[name](duties, value.strip(), start)
    return duties


def _check(name: str, equals: str, value: str, offset: int) -> None:
    if name not in _READ:
        raise DutyError(offset, f"unknown duty `{name}`", did_you_mean(name, DUTIES) if name else _HINT)
    if name == "dry_run":
        if equals:
            raise DutyError(offset, "`dry_run` has no value", "write `dry_run` alone")
    elif not value:
        raise DutyError(offset, f"`{name}` needs a value", _HINT)


def _redact(duties: Duties, value: str, start: int) -> Duties:
    paths = [path for path in value.split() if path != _SECRETS]
    for path in paths:
        if path.startswith("@"):
            _wrong(
                value, path, start, f"unknown pattern `{path}`", f"known: `{_SECRETS}`, what has the form of a secret"
            )
        if not _PATH.fullmatch(path):
            _wrong(value, path, start, f"`{path}` is not a field", "write its name, `customer.iban` or `*_token`")
    return replace(duties, redact=tuple(dict.fromkeys(paths)), secrets=_SECRETS in value.split())


def _size(duties: Duties, value: str, start: int) -> Duties:
    number, factor = _amount(value, start, _BYTES, "64 KB")
    if number * factor != int(number * factor):
        raise DutyError(start, f"`{value}` is not a whole number of bytes", "write `64 KB`")
    return replace(duties, max_result_bytes=int(number * factor))


def _timeout(duties: Duties, value: str, start: int) -> Duties:
    number, factor = _amount(value, start, _SECONDS, "10 s")
    return replace(duties, seconds=number * factor)


def _dry_run(duties: Duties, _value: str, _start: int) -> Duties:
    return replace(duties, dry_run=True)


def _needs(duties: Duties, value: str, start: int) -> Duties:
    if not _PEOPLE.fullmatch(value):
        raise DutyError(start, f"`{value}` is not a number of people from 1 to 9", "write `needs=2`")
    return replace(duties, needs=int(value))


def _escalate(duties: Duties, value: str, start: int) -> Duties:
    role, _, after = value.rpartition("@")
    if not _ROLE.fullmatch(role.strip()):
        raise DutyError(start, f"`{value}` does not say to which role, and after what time", _ESCALATE_HINT)
    number, factor = _amount(after.strip(), start + value.rindex("@") + 1, _WAITS, "2 h")
    return replace(duties, escalate=(role.strip(), number * factor))


def _remember(duties: Duties, value: str, start: int) -> Duties:
    if value not in ("yes", "no"):
        raise DutyError(start, f"`{value}` is neither `yes` nor `no`", "write `remember=no`")
    return replace(duties, remember=value == "yes")


def _amount(value: str, start: int, units: Mapping[str, float], example: str) -> tuple[float, float]:
    found = _AMOUNT.fullmatch(value)
    if not found:
        raise DutyError(start, f"`{value}` is not an amount", f"write `{example}`")
    number, unit = float(found[1]), found[2]
    if unit not in units:
        what = f"unknown unit `{unit}`" if unit else f"`{value}` has no unit"
        raise DutyError(start, what, did_you_mean(unit, units) if unit else f"write `{example}`")
    if number <= 0:
        raise DutyError(start, f"`{value}` is no more than nothing", f"write `{example}`, or deny the call")
    return number, units[unit]


def _wrong(value: str, word: str, start: int, message: str, hint: str) -> NoReturn:
    raise DutyError(start + value.index(word), message, hint)


_READ: Mapping[str, Callable[[Duties, str, int], Duties]] = {
    "redact": _redact,
    "max_result_bytes": _size,
    "timeout": _timeout,
    "dry_run": _dry_run,
    "needs": _needs,
    "escalate": _escalate,
    "remember": _remember,
}
