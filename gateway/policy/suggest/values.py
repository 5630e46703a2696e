"""The values that one argument had -> a condition that holds of all of them, and of as little else as it can. Pure.

One value is written as it is, a few as a list. Of more, what they have in common: numbers lie between the lowest and
the highest, paths below a folder, addresses in domains, URLs on hosts. `note` says where the condition holds of more
than was seen. What looks like a secret is not written.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from gateway.config.masking import looks_secret, shown_named
from gateway.policy.functions import FUNCTIONS
from gateway.policy.suggest.writing import Unwritable, literal

__all__ = ["FEW", "Narrowed", "narrowed"]

FEW = 3  # values that are written as they are, whatever they have in common
MANY = 20  # values that are written where they have nothing in common
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")  # random, and shown everywhere
_PLACES = 5  # domains or hosts


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A condition, and what it lets through besides."""

    text: str
    note: str = ""


def narrowed(path: str, name: str, values: Sequence[Any]) -> Narrowed:
    """`path` is the argument in the language (`args.to`), `name` its last key; there is at least one value."""
    distinct = _distinct(values)
    if any(_secret(name, value) for value in distinct):
        return Narrowed(f"has({path})", f"any {path}: it looks like a secret, and is not written here")
    try:
        return next(_ways(path, distinct))
    except (Unwritable, StopIteration):
        return _free(path, distinct)


def _ways(path: str, values: list[Any]) -> Iterator[Narrowed]:
    """The narrowest first."""
    if len(values) <= FEW:
        yield _listed(path, values)
    for way in (_between, _on_hosts, _in_domains, _below):
        found = way(path, values)
        if found:
            yield found
    if len(values) <= MANY:
        yield _listed(path, values)


def _listed(path: str, values: list[Any]) -> Narrowed:
    written = [literal(value) for value in values]
    return Narrowed(f"{path} == {written[0]}" if len(written) == 1 else f"{path} in [{', '.join(written)}]")


def _between(path: str, values: list[Any]) -> Narrowed | None:
    if not all(type(value) in (int, float) for value in values):
        return None
    low, high = literal(min(values)), literal(max(values))
    return Narrowed(f"{low} <= {path} <= {high}", f"any number from {low} to {high} in {path}: {len(values)} were seen")


def _on_hosts(path: str, values: list[Any]) -> Narrowed | None:
    host = FUNCTIONS["host"].prepare(())
    hosts = _named(values, lambda text: _as_text(host(text)))
    if not hosts:
        return None
    return Narrowed(_listed(f"host({path})", hosts).text, f"any URL on {', '.join(hosts)} in {path}{_seen(values)}")


def _in_domains(path: str, values: list[Any]) -> Narrowed | None:
    addresses = [item for value in values for item in (value if type(value) is list else [value])]
    domains = _named(addresses, lambda text: text.rpartition("@")[2].lower())
    if not domains or not _holds("in_domain", domains, values):
        return None
    text = f"in_domain({path}, {', '.join(map(literal, domains))})"
    return Narrowed(text, f"any address in {', '.join(domains)} in {path}{_seen(values)}")


def _below(path: str, values: list[Any]) -> Narrowed | None:
    if not all(type(value) is str and "/" in value for value in values):
        return None
    root = "/".join(_common([value.split("/")[:-1] for value in values]))
    if not root.strip("/.") or not _holds("under", [root], values):
        return None
    return Narrowed(f"under({path}, {literal(root)})", f"any path below {root} in {path}{_seen(values)}")


def _free(path: str, values: list[Any]) -> Narrowed:
    """Only how long it may be, where it has a length."""
    if all(isinstance(value, (str, list)) for value in values):
        longest = max(map(len, values))
        kind = "text" if all(type(value) is str for value in values) else "value"
        return Narrowed(f"len({path}) <= {longest}", f"any {kind} of up to {longest} in {path}{_seen(values)}")
    return Narrowed(f"has({path})", f"any {path}{_seen(values)}")


def _seen(values: list[Any]) -> str:
    return f": {len(values)} different ones were seen" if len(values) > 1 else ": what was seen can't be written here"


def _distinct(values: Sequence[Any]) -> list[Any]:
    """Each once, in an order that does not depend on when it was seen."""
    found = {repr(value): value for value in values}
    ordered = sorted(found)
    if all(type(value) in (int, float) for value in values):
        ordered = sorted(found, key=lambda key: (found[key], key))
    return [found[key] for key in ordered]


def _named(values: Sequence[Any], read: Callable[[str], str]) -> list[str]:
    """What `read` gives for each text, sorted; nothing where one has none, or where these are too many."""
    names = {read(value) if type(value) is str else "" for value in values}
    return sorted(names) if "" not in names and len(names) <= _PLACES else []


def _as_text(value: Any) -> str:
    return value if type(value) is str else ""


def _holds(function: str, fixed: Sequence[str], values: Sequence[Any]) -> bool:
    try:
        run = FUNCTIONS[function].prepare(fixed)
    except ValueError:
        return False
    return all(run(value) is True for value in values)


def _common(paths: list[list[str]]) -> list[str]:
    """The beginning that all have: what the first and the last in order have in common, all between them have."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(min(paths), max(paths), strict=False))
    return [step for step, _ in same]


def _secret(name: str, value: Any) -> bool:
    """By its name, or by its looks."""
    texts = [str(item) for item in (value if type(value) is list else [value])]
    by_name = shown_named(name, "plain") != "plain"
    return by_name or any(looks_secret(text) and not _UUID.fullmatch(text) for text in texts)
