"""Every text of one definition: a tool's, a prompt's, a resource's, or a server's instructions. Pure.

Models are shown descriptions and whole schemas, so property names, defaults and enumerations count like any text. A
definition is bounded where it is listed (size and depth), so all of it is read.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.call import JsonObject
from gateway.screens.finding import Finding
from gateway.screens.text import clean, screen_text

__all__ = ["MOST", "said", "screen_definition", "texts"]

MOST = 50  # findings of one definition


def screen_definition(definition: JsonObject) -> tuple[Finding, ...]:
    """What deceives in a definition, in the order in which it stands there; at most `MOST` findings."""
    found: list[Finding] = []
    if clean(said(definition)):  # most are: one pass for all their texts
        return ()
    for where, text in texts(definition):
        found += screen_text(text, where)
        if len(found) >= MOST:
            break
    return tuple(found[:MOST])


def said(value: Any) -> str:
    """The same texts, a line for each: for whoever looks closer only when there is something."""
    found: list[str] = []
    _collect(value, found)
    return "\n".join(found)


def _collect(value: Any, found: list[str]) -> None:
    if isinstance(value, str):
        found.append(value)
    elif isinstance(value, Mapping):
        found += value
        for item in value.values():
            _collect(item, found)
    elif isinstance(value, list):
        for item in value:
            _collect(item, found)


def texts(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Each text with its path: `inputSchema.required[0]`. A key is a text too, at the path of what it holds."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            path = f"{where}.{key}" if where else str(key)
            yield path, key
            yield from texts(item, path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts(item, f"{where}[{index}]")
