"""Results without what a policy keeps back: named fields wherever they stand, and what has the form of a secret. Pure.

A field is named by the end of its path (`iban`, `customer.iban`, `*_token`): at any depth, in lists too, however its
key is written (`gateway.fieldnames`); and where a key may not be shown, its value may not be either. It is looked for
in structured content, and in texts that are JSON, also JSON within a string. What can't be looked into (prose, where
fields are named; images and other binary data) is withheld whole: half a redaction is none. So is what tells a field in
another way: a string that speaks of its name, a value beside its name, what has been redacted once more. When in doubt,
too much is withheld. A result that holds nothing of it comes back as the object that it was.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from gateway.call import JsonObject
from gateway.duties import Duties
from gateway.fieldnames import FieldNames
from gateway.mentions import Mentions
from gateway.screens.secrets import MASK, masked

__all__ = ["WITHHELD", "Redactor"]

WITHHELD: Final = (
    "[withheld: the policy redacts fields of this result, and this part of it is no JSON in which they could be found]"
)
_URI: Final = "withheld:"
_BLOCKS = frozenset({"content", "contents", "messages"})
_BINARY = ("blob", "data")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]{5,18}(Z|[+-]\d\d:\d\d)?", re.ASCII)
_MIME = re.compile(r"[a-z]+/[a-z0-9.+-]{1,40}(; ?charset=[a-z0-9-]{1,20})?", re.ASCII | re.IGNORECASE)
# What MCP says itself: words of a result, words of a block, and keys of both.
_WORDS: Mapping[str, frozenset[str]] = {
    "resultType": frozenset({"complete", "input_required", "task"}),
    "status": frozenset({"working", "input_required", "completed", "failed", "cancelled"}),
}
_FRAME: Mapping[str, frozenset[str]] = {
    "type": frozenset({"text", "resource", "tool_use", "tool_result"}),
    "role": frozenset({"user", "assistant"}),
}
_KEYS = _BLOCKS | {
    *("structuredContent", "isError", "resultType", "requestState", "inputRequests", "result", "error", "_meta"),
    *("taskId", "status", "statusMessage", "createdAt", "lastUpdatedAt", "ttlMs", "pollIntervalMs"),
    *("type", "role", "text", "resource", "uri", "mimeType", "annotations", "code", "message", "data"),
}
_Path = tuple[str, ...]


class _Doubled(ValueError):
    """JSON that readers read in different ways."""


class Redactor:
    """One result's, for it remembers what it took away, and what the structured content still says.

    It looks twice: what is redacted is collected first, because what repeats it may stand before it. What was found out
    about a path, a key or a text is remembered, so that the work grows with what is different in a result.
    """

    def __init__(self, duties: Duties) -> None:
        self._fields = FieldNames(duties.redact) if duties.redact else None
        self._mentions = Mentions(path.rpartition(".")[2] for path in duties.redact)
        self._secrets = duties.secrets
        self._said: frozenset[str] = frozenset()  # what the structured content still says, as JSON texts
        self._hidden = False  # whether something of the structured content was taken away
        self._bare = _bare(None)  # where in what is looked at values have no names
        self._unclear = False  # whether a field's name stands among the values of what is looked at
        self._collecting = False  # what is redacted; then nothing is changed
        self._keys: dict[str, bool] = {}  # whether they tell something
        self._texts: dict[str, tuple[bool, bool]] = {}  # `Mentions.look`
        self._read: dict[str, Any] = {}  # as JSON; or the error

    def result(self, result: JsonObject) -> JsonObject:
        """A `CallToolResult`, a resource, a prompt, or the state of a task with such a result in it."""
        try:
            self._collect(lambda: self._result(result))
            return self._result(result)
        except RecursionError:
            return {"content": [{"type": "text", "text": WITHHELD}], "isError": True}

    def words(self, text: str) -> str:
        """A sentence of a server, such as an error's."""
        try:
            self._collect(lambda: self._prose(text))
            return self._prose(text)
        except RecursionError:
            return WITHHELD

    def _collect(self, look: Callable[[], object]) -> None:
        if self._fields:
            self._collecting = True
            look()
            self._collecting = False

    def _result(self, result: JsonObject) -> JsonObject:
        structured = result.get("structuredContent")
        seen = self._document(structured, ())
        if self._fields and not self._collecting:
            self._said, self._hidden = frozenset(_parts(seen)), seen is not structured
        new = {
            self._top(key): seen if key == "structuredContent" else self._part(result, key, item)
            for key, item in result.items()
        }
        return result if _same(result, new) else new

    def _part(self, result: JsonObject, key: str, item: Any) -> Any:
        if self._is_protocol(result, key, item):
            return item
        if key in _BLOCKS:
            return self._blocks(item)
        if key in ("result", "error") and isinstance(item, Mapping):
            return self._result(item)
        if key in _KEYS and self._fields and self._fields.is_one(key):
            self._take(item)
            return MASK
        return self._of_block(key, item)

    def _is_protocol(self, result: JsonObject, key: str, item: Any) -> bool:
        """What MCP itself says there, in the form that MCP gives it: anything else is the server's data."""
        match key:
            case "isError":
                return isinstance(item, bool)
            case "requestState":
                asks = result.get("resultType") == "input_required"
                return asks and isinstance(item, str) and not self._mentions.tells(item)
            case "createdAt" | "lastUpdatedAt":
                return isinstance(item, str) and _TIME.fullmatch(item) is not None
        return isinstance(item, str) and item in _WORDS.get(key, ())

    # ---- content

    def _blocks(self, item: Any) -> Any:
        if not isinstance(item, list):
            return self._block(item)
        new = [self._block(block) for block in item]
        return item if all(old is one for old, one in zip(item, new, strict=True)) else new

    def _block(self, block: Any) -> Any:
        if not isinstance(block, Mapping):
            return self._document(block, ())
        if any(name in block for name in _BINARY):
            return self._without_data(block)
        if self._fields and block.get("type") == "resource_link":  # all of it is words
            return {"type": "text", "text": WITHHELD}
        new = {self._top(key): self._of_block(key, item) for key, item in block.items()}
        return block if _same(block, new) else new

    def _of_block(self, key: str, item: Any) -> Any:
        if key in ("resource", "content"):
            return self._blocks(item)
        if key not in _KEYS and self._is_withheld((key,), item):
            return MASK
        if not isinstance(item, str):
            return self._document(item, () if isinstance(item, list) else (key,))
        if item in _FRAME.get(key, ()) or (key == "mimeType" and _MIME.fullmatch(item)):
            return item
        return self._uri(item) if key == "uri" else self._prose(item)

    def _uri(self, uri: str) -> str:
        if self._fields and (self._mentions.tells(uri) or re.search(r"[\s?#%]", uri)):
            return _URI
        return self._clean(uri)

    def _without_data(self, block: JsonObject) -> JsonObject:
        uri = block.get("uri")
        where = {"uri": self._uri(uri)} if isinstance(uri, str) else {"type": "text"}
        return {**where, "text": WITHHELD}

    def _prose(self, text: str) -> str:
        """A text for a model: JSON is looked into; of anything else nobody knows which field it tells."""
        try:
            value = self._parsed(text)
        except _Doubled:
            return WITHHELD
        except ValueError:
            self._look_for_label(text)
            return WITHHELD if self._fields else self._clean(text)
        new = self._document(value, ())
        if not self._may_say(new):
            return WITHHELD
        return text if new is value else json.dumps(new, ensure_ascii=False, indent=2 if "\n" in text.strip() else None)

    def _may_say(self, value: Any) -> bool:
        """Beside structured content of which something is gone: what that still says, too."""
        if not self._fields or self._collecting:
            return True
        return isinstance(value, (Mapping, list)) and (not self._hidden or _canonical(value) in self._said)

    # ---- values

    def _document(self, value: Any, path: _Path) -> Any:
        """JSON that stands for itself. With an empty path, what is in no object of it is in no field either. Where a
        field's name is a value, it is withheld whole: what beside it is the field's nobody knows.
        """
        before, self._unclear, self._bare = (self._unclear, self._bare), False, _bare(value)
        new = self._value(value, path)
        unclear, (self._unclear, self._bare) = self._unclear, before
        if not unclear:
            return new
        return {"withheld": WITHHELD} if isinstance(value, Mapping) else WITHHELD

    def _value(self, value: Any, path: _Path) -> Any:
        if isinstance(value, str):
            return self._string(value, path)
        if isinstance(value, Mapping):
            return self._object(value, path)
        if isinstance(value, list):
            new = [self._value(item, path) for item in value]
            return value if all(old is one for old, one in zip(value, new, strict=True)) else new
        return self._number(value, path)

    def _number(self, value: Any, path: _Path) -> Any:
        if not self._fields or self._collecting or value is None or isinstance(value, bool):
            return value
        return MASK if path in self._bare or self._mentions.is_taken(value) else value

    def _object(self, value: JsonObject, path: _Path) -> JsonObject:
        new: dict[str, Any] = {}
        for key, item in value.items():
            here = (*path, key)
            if self._is_withheld(here, item):
                new[self._key(key)] = MASK
            else:
                new[self._clean(key)] = self._value(item, here)
        return value if self._collecting or _same(value, new) else new

    def _take(self, value: Any) -> None:
        if self._collecting:
            self._mentions.take(value)

    def _is_withheld(self, path: _Path, item: Any) -> bool:
        """Whether it is the value of a field, or of a key that may not be shown: nobody knows what that is of."""
        if self._fields and self._fields.named(path):
            self._take(item)
            return True
        return self._hides(path[-1])

    def _top(self, key: str) -> str:
        return key if key in _KEYS else self._key(key)

    def _key(self, key: str) -> str:
        return MASK if self._hides(key) else self._clean(key)

    def _hides(self, key: str) -> bool:
        """A name that is none tells something."""
        if self._collecting or not self._fields:
            return False
        if key not in self._keys:
            self._keys[key] = not (self._fields.is_one(key) or self._mentions.may_name(key))
        return self._keys[key]

    def _string(self, text: str, path: _Path) -> str:
        return self._prose(text) if self._fields and path in self._bare else self._nested(text, path)

    def _nested(self, text: str, path: _Path) -> str:
        if not text.lstrip().startswith(("{", "[")):
            return self._plain(text)
        try:
            value = self._parsed(text)
        except _Doubled:
            return WITHHELD if self._fields else self._clean(text)
        except ValueError:
            return self._plain(text)
        new = self._value(value, path)
        return text if new is value else json.dumps(new, ensure_ascii=False)

    def _plain(self, text: str) -> str:
        if not self._fields:
            return self._clean(text)
        self._look_for_label(text)
        return WITHHELD if self._look(text)[1] else self._clean(text)

    def _look_for_label(self, text: str) -> None:
        self._unclear = self._unclear or self._look(text)[0]

    def _look(self, text: str) -> tuple[bool, bool]:
        if self._collecting or not self._fields:
            return False, False
        if text not in self._texts:
            self._texts[text] = self._mentions.look(text)
        return self._texts[text]

    def _parsed(self, text: str) -> Any:
        """Raises ValueError for what is no JSON; _Doubled if a key stands twice in an object."""
        if text not in self._read:
            try:
                self._read[text] = json.loads(text, object_pairs_hook=_once)
            except ValueError as error:
                self._read[text] = error
        found = self._read[text]
        if isinstance(found, ValueError):
            raise found
        return found

    def _clean(self, text: str) -> str:
        if not self._secrets:
            return text
        clean = masked(text)
        return text if clean == text else clean


def _bare(value: Any) -> tuple[_Path, ...]:
    """SDKs make `{"result": ...}` of what a tool returns that is no object: that is no name of the server's."""
    return ((), ("result",)) if isinstance(value, Mapping) and list(value) == ["result"] else ((),)


def _same(old: JsonObject, new: JsonObject) -> bool:
    return len(old) == len(new) and all(key in new and new[key] is item for key, item in old.items())


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
