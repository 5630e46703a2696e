"""One member in or out of a JSON object, in a text with comments. Pure.

Everything else stays as it is: comments, order, indentation, line ends, commas after the last item. What comes out is
read again and compared with what it must say, so a slip of ours is an error and never a broken file.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.config.jsonc import Span, jsonc_spans
from gateway.config.places import KeyPath
from gateway.hosts.text import newline_of

__all__ = ["with_member", "without_members"]

_BLANK = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_REST_OF_LINE = re.compile(r"[ \t]*(?://[^\r\n]*|/\*[^\r\n]*?\*/[ \t]*)?(?=\r?\n)")
_INDENT = re.compile(r"^([ \t]+)\S", re.MULTILINE)


def without_members(text: str, parent: KeyPath, names: Sequence[str]) -> str:
    """The text without these members of the object at `parent`, which must be there. Comments outside of them stay."""
    _, spans = jsonc_spans(text, "")
    leaving = [spans[(*parent, name)] for name in names]
    staying = [span for span in _members(spans, parent) if span not in leaving]
    for member in sorted(leaving, key=lambda span: span.key, reverse=True):  # what stands before keeps its offsets
        others = [span.end for span in (*staying, *leaving) if span.end <= member.key]
        text = _without(text, member, max(others, default=None))
    return text


def _without(text: str, member: Span, before: int | None) -> str:
    """Without the member and the comma behind it; behind the last one there is none, so the one `before` it goes."""
    cuts = [(member.key, member.end)]
    comma = _comma_after(text, member.end)
    if comma is None and before is not None:
        comma = _comma_after(text, before)
    if comma is not None:
        cuts.append((comma, comma + 1))
    for start, end in sorted(cuts, reverse=True):
        text = _cut(text, start, end)
    return text


def with_member(text: str, parent: KeyPath, name: str, value: Any) -> str:
    """The text with one more member at the end of the object at `parent`, which is made if it is not there.

    Raises ValueError when something else than an object stands there.
    """
    if not text.strip():
        text = "{}" + newline_of(text)
    found, spans = jsonc_spans(text, "")
    while parent and not _has(found, parent):
        parent, name, value = parent[:-1], str(parent[-1]), {name: value}
    if not isinstance(_at(found, parent), Mapping):
        raise ValueError("there is no object to put it into")  # noqa: TRY004 - it is about the text
    return _Insertion(text, spans[parent], _members(spans, parent)).of(name, value)


class _Insertion:
    """Puts a member behind the last one of an object, written as its neighbours are."""

    def __init__(self, text: str, span: Span, members: list[Span]) -> None:
        self.text, self.span, self.members = text, span, members
        self.newline = newline_of(text)
        self.unit = found[1] if (found := _INDENT.search(text)) else "  "
        own = _indent_at(text, span.start)
        self.indent = _indent_at(text, members[0].key) if members and self._is_tall() else own + self.unit
        self.closing = own

    def _is_tall(self) -> bool:
        return "\n" in self.text[self.span.start : self.members[0].key]

    def of(self, name: str, value: Any) -> str:
        if not self.members:
            return self._into_empty(name, value)
        return self._behind_last(name, value) if self._is_tall() else self._beside_last(name, value)

    def _into_empty(self, name: str, value: Any) -> str:
        start, end = self.span.start + 1, self.span.end - 1
        if self.text.strip() != "{}" and "\n" not in self.text.strip():
            return _put(self.text, start, _in_one_line(name, value))
        inside = self.text[start:end]
        written = f"{self.newline}{self.indent}{self._written(name, value)}"
        tail = inside.rstrip(" \t") if inside.strip() else self.newline
        ends_line = tail.endswith("\n")
        return self.text[:start] + written + tail + (self.closing if ends_line else "") + self.text[end:]

    def _behind_last(self, name: str, value: Any) -> str:
        last = self.members[-1].end
        comma = _comma_after(self.text, last)
        text, behind = (self.text, comma + 1) if comma is not None else (_put(self.text, last, ","), last + 1)
        rest = _REST_OF_LINE.match(text, behind)
        at = rest.end() if rest else behind
        trailing = "," if comma is not None else ""
        return _put(text, at, f"{self.newline}{self.indent}{self._written(name, value)}{trailing}")

    def _beside_last(self, name: str, value: Any) -> str:
        last = self.members[-1].end
        comma = _comma_after(self.text, last)
        written = _in_one_line(name, value)
        if comma is None:
            return _put(self.text, last, f", {written}")
        return _put(self.text, comma + 1, f" {written},")

    def _written(self, name: str, value: Any) -> str:
        lines = json.dumps(value, ensure_ascii=False, indent=self.unit).split("\n")
        return f"{json.dumps(name)}: " + f"{self.newline}{self.indent}".join(lines)


def _in_one_line(name: str, value: Any) -> str:
    return f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}"


def _cut(text: str, start: int, end: int) -> str:
    """Without this part; and without its lines, if nothing else stands in them."""
    first = text.rfind("\n", 0, start) + 1
    stop = text.find("\n", end)
    if stop >= 0 and first > 0 and not text[first:start].strip() and not text[end:stop].strip():
        return text[:first] + text[stop + 1 :]
    return text[:start] + text[end:]


def _comma_after(text: str, offset: int) -> int | None:
    blank = _BLANK.match(text, offset)
    at = blank.end() if blank else offset
    return at if text.startswith(",", at) else None


def _members(spans: Mapping[KeyPath, Span], parent: KeyPath) -> list[Span]:
    inside = [span for path, span in spans.items() if len(path) == len(parent) + 1 and path[:-1] == parent]
    return sorted(inside, key=lambda span: span.key)


def _indent_at(text: str, offset: int) -> str:
    """The white space that the line of this offset begins with."""
    line = text[text.rfind("\n", 0, offset) + 1 : offset]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _put(text: str, offset: int, more: str) -> str:
    return text[:offset] + more + text[offset:]


def _has(value: Any, path: KeyPath) -> bool:
    for part in path:
        if not isinstance(value, Mapping) or part not in value:
            return False
        value = value[part]
    return True


def _at(value: Any, path: KeyPath) -> Any:
    for part in path:
        value = value[part]
    return value
