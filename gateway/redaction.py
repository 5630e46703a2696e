"""Results without what a policy keeps back: named fields wherever they stand, and what has the form of a secret. Pure.

A field is named by the end of its path (`iban`, `customer.iban`, `*_token`): at any depth, in lists too, whatever the
case of its letters. It is looked for in structured content, and in texts that are JSON, also JSON within a string. What
can't be looked into (prose, where fields are named; images and other binary data) is withheld whole: half a redaction
is none. A result that holds nothing of it comes back as the object that it was.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway.call import JsonObject
from gateway.duties import Duties
from gateway.policy.globs import compile_glob
from gateway.screens.secrets import MASK, masked

__all__ = ["WITHHELD", "Redactor"]

WITHHELD: Final = (
    "[withheld: the policy redacts fields of this result, and this part of it is no JSON in which they could be found]"
)
_AS_IT_IS = frozenset({"requestState", "taskId", "resultType", "isError", "status", "pollInterval", "ttl"})
_BLOCKS = frozenset({"content", "contents", "messages"})
_BINARY = ("blob", "data")
_Path = tuple[str, ...]


class _Doubled(ValueError):
    """JSON that readers read in different ways."""


class Redactor:
    """One result's, for it remembers what the structured content still says."""

    def __init__(self, duties: Duties) -> None:
        self._fields = [[compile_glob(step) for step in path.casefold().split(".")] for path in duties.redact]
        self._secrets = duties.secrets
        self._said: frozenset[str] = frozenset()  # what the structured content still says, as JSON texts
        self._hidden = False  # whether something of the structured content was taken away

    def result(self, result: JsonObject) -> JsonObject:
        """A `CallToolResult`, a resource, a prompt, or the state of a task with such a result in it."""
        try:
            return self._result(result)
        except RecursionError:
            return {"content": [{"type": "text", "text": WITHHELD}], "isError": True}

    def words(self, text: str) -> str:
        """A sentence of a server, such as an error's."""
        try:
            return self._prose(text)
        except RecursionError:
            return WITHHELD

    def _result(self, result: JsonObject) -> JsonObject:
        structured = result.get("structuredContent")
        seen = self._value(structured, ())
        if self._fields:
            self._said, self._hidden = frozenset(_parts(seen)), seen is not structured
        new = {key: seen if key == "structuredContent" else self._part(key, item) for key, item in result.items()}
        return result if _same(result, new) else new

    def _part(self, key: str, item: Any) -> Any:
        if key in _AS_IT_IS:
            return item
        if key in _BLOCKS:
            return self._blocks(item)
        if key == "result" and isinstance(item, Mapping):
            return self._result(item)
        return self._prose(item) if key == "statusMessage" and isinstance(item, str) else self._value(item, (key,))

    # ---- content

    def _blocks(self, item: Any) -> Any:
        if not isinstance(item, list):
            return self._block(item)
        new = [self._block(block) for block in item]
        return item if all(old is one for old, one in zip(item, new, strict=True)) else new

    def _block(self, block: Any) -> Any:
        if not isinstance(block, Mapping):
            return self._value(block, ())
        if any(name in block for name in _BINARY):
            return self._without_data(block)
        new = {key: self._of_block(key, item) for key, item in block.items()}
        return block if _same(block, new) else new

    def _of_block(self, key: str, item: Any) -> Any:
        if key == "text" and isinstance(item, str):
            return self._prose(item)
        return self._blocks(item) if key in ("resource", "content") else self._value(item, (key,))

    def _without_data(self, block: JsonObject) -> JsonObject:
        where = {"uri": block["uri"]} if "uri" in block else {"type": "text"}
        return {**where, "text": WITHHELD}

    def _prose(self, text: str) -> str:
        """A text for a model: JSON is looked into; of anything else nobody knows which field it tells."""
        try:
            value = _parsed(text)
        except _Doubled:
            return WITHHELD
        except ValueError:
            return self._clean(text) if self._may_say(text) else WITHHELD
        new = self._value(value, ())
        if not self._may_say(new):
            return WITHHELD
        return text if new is value else json.dumps(new, ensure_ascii=False, indent=2 if "\n" in text.strip() else None)

    def _may_say(self, value: Any) -> bool:
        """Of a text beside structured content: what that still says, too. Fields have no names in a bare value."""
        bare = not isinstance(value, Mapping | list)
        return not self._fields or not (bare or self._hidden) or _canonical(value) in self._said

    # ---- values

    def _value(self, value: Any, path: _Path) -> Any:
        if isinstance(value, str):
            return self._string(value)
        if isinstance(value, Mapping):
            return self._object(value, path)
        if isinstance(value, list):
            new = [self._value(item, path) for item in value]
            return value if all(old is one for old, one in zip(value, new, strict=True)) else new
        return value

    def _object(self, value: JsonObject, path: _Path) -> JsonObject:
        new: dict[str, Any] = {}
        for key, item in value.items():
            here = (*path, key.casefold())
            new[self._clean(key)] = MASK if self._named(here) else self._value(item, here)
        return value if _same(value, new) else new

    def _string(self, text: str) -> str:
        if not text.lstrip().startswith(("{", "[")):
            return self._clean(text)
        try:
            value = _parsed(text)
        except _Doubled:
            return WITHHELD if self._fields else self._clean(text)
        except ValueError:
            return self._clean(text)
        new = self._value(value, ())
        return text if new is value else json.dumps(new, ensure_ascii=False)

    def _clean(self, text: str) -> str:
        if not self._secrets:
            return text
        clean = masked(text)
        return text if clean == text else clean

    def _named(self, path: _Path) -> bool:
        return any(_ends(path, steps) for steps in self._fields)


def _ends(path: _Path, steps: list[Any]) -> bool:
    end = path[-len(steps) :]
    return len(end) == len(steps) and all(matches(name) for matches, name in zip(steps, end, strict=True))


def _same(old: JsonObject, new: JsonObject) -> bool:
    return len(old) == len(new) and all(key in new and new[key] is item for key, item in old.items())


def _parsed(text: str) -> Any:
    """Raises ValueError for what is no JSON; _Doubled if a key stands twice in an object."""
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _Doubled
    return value


def _canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _parts(structured: Any) -> Iterator[str]:
    """What a text beside structured content may repeat: all of it, a field, an element of a list, any string."""
    if structured is None:
        return
    values = list(structured.values()) if isinstance(structured, Mapping) else []
    lists = [item for item in (structured, *values) if isinstance(item, list)]
    for value in (structured, *values, *(element for each in lists for element in each)):
        yield _canonical(value)
    left = [structured]
    while left:
        item = left.pop()
        if isinstance(item, str):
            yield _canonical(item)
        else:
            left += item.values() if isinstance(item, Mapping) else item if isinstance(item, list) else []
