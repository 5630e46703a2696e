"""JSON that goes through as the text that it was, and JSON written without writing such text anew. Pure.

To write a result of 100 KB out again costs a millisecond and more, and may change it (`1e2` becomes `100.0`).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields as fields_of
from dataclasses import is_dataclass
from typing import Any

import msgspec

__all__ = ["Verbatim", "depth_over", "encode", "fields", "items", "once", "parts", "read", "surely_json", "texts", "whole"]
__all__ += ["within"]


class Verbatim(dict[str, Any]):
    """An object, and the text that it was read from. For reading only: whoever wants another one makes a copy."""

    __slots__ = ("text",)

    def __init__(self, value: Mapping[str, Any], text: bytes) -> None:
        super().__init__(value)
        self.text = text


_LONG = 4096  # bytes
_FEW = 256  # colons, or values
_QUOTE, _BLANKS = ord('"'), b" \t\r\n"
_CONTAINERS = (dict, list)
_KEY = b'":'
_ESCAPES = (b"\\u0022", b"\\u003a", b"\\u003A")  # a quote and a colon, in the longest way
_values = msgspec.json.Decoder()
_texts = msgspec.json.Decoder(dict[str, msgspec.Raw])
_arrays = msgspec.json.Decoder(list[msgspec.Raw])


def read(text: bytes) -> Any:
    """The value of JSON text; an object keeps its text, unless a key stands twice in it or in what it holds: readers
    differ about which one counts, and what is passed on must be what was looked at.

    Raises ValueError for what is no JSON in UTF-8, and for what can't be passed on: a lone surrogate, a number beyond
    the range of floats, nesting too deep to read.
    """
    try:
        value = _values.decode(text)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from None
    return Verbatim(value, text) if isinstance(value, dict) and not _doubled(value, text) else value


def once(text: bytes) -> Any:
    """The value of JSON text in which no key stands twice. Raises ValueError for another, and where `read` does."""
    try:
        value = _values.decode(text)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from None
    if _doubled(value, text):
        raise ValueError("a key stands twice")
    return value


def _doubled(value: Any, text: bytes) -> bool:
    if _each_once(value, text):
        return False
    try:
        json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return True
    return False


def _each_once(value: Any, text: bytes) -> bool:
    """Whether it is proved that no key stands twice: by the number of keys, where there are few in a long text. Else by
    what is written out again, which has each of them once: if it is the text, but for its blanks, none was lost.

    A text may also be written otherwise (`1e2`, escapes). Without blanks each key is followed by `":`, and so is what
    looks like it within strings: if there are as many of these as there were, none was lost either.
    """
    if len(text) > _LONG and (keys := _keys_in(text)) and keys == _keys_of(value):
        return True
    try:
        written = _encode(value)
        if written == text:
            return True
        compact = msgspec.json.format(text, indent=-1)
    except RecursionError:
        return False
    return written == compact or (written.count(_KEY) == compact.count(_KEY) and not _escaped(text))


def _keys_in(text: bytes) -> int | None:
    """At least as many as keys stand in it; None if there may be more. To look for few colons takes no time."""
    colons, keys = 0, 0
    at = text.find(b":")
    while at > 0:
        colons += 1
        before = text[at - 1]
        if before in _BLANKS or colons > _FEW:
            return None
        keys += before == _QUOTE
        at = text.find(b":", at + 1)
    return keys


def _keys_of(value: Any) -> int | None:
    """How many it has; None if that takes a long look."""
    keys = seen = 0
    level = [value]
    while level:
        seen += sum(map(len, level))
        if seen > _FEW:
            return None
        keys += sum(len(node) for node in level if isinstance(node, dict))
        level = within(level)
    return keys


def within(containers: Iterable[Any]) -> list[Any]:
    """The objects and arrays that stand in these."""
    return [item for one in containers for item in _items(one) if isinstance(item, _CONTAINERS)]


def depth_over(value: Any, limit: int) -> bool:
    """Whether containers are nested more than `limit` levels deep. Without recursion: the value may be hostile."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(limit):
        level = within(level)
        if not level:
            return False
    return bool(level)


def _items(container: Any) -> Iterable[Any]:
    return container.values() if isinstance(container, dict) else container


def _escaped(text: bytes) -> bool:
    return b"\\u00" in text and any(escape in text for escape in _ESCAPES)


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice")


def fields(text: bytes) -> dict[str, bytes]:
    """The fields of an object, each as the text that it was. Raises ValueError for what is no object in JSON."""
    return {name: bytes(value) for name, value in texts(text).items()}


def texts(text: bytes | bytearray | memoryview) -> dict[str, msgspec.Raw]:
    """The same, not copied yet: `bytes` of one is its text."""
    try:
        return _texts.decode(text)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from None


def items(text: bytes) -> list[bytes]:
    """The items of an array, each as the text that it was. Raises ValueError for what is no array in JSON."""
    return [bytes(item) for item in _listed(text)]


def _listed(text: Any) -> list[msgspec.Raw]:
    try:
        return _arrays.decode(text)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from None


def parts(value: Mapping[str, Any], source: Mapping[str, Any]) -> Mapping[str, Any]:
    """`value`, to be written by `encode`: what it took over from a verbatim `source` as the text that it was."""
    if not isinstance(source, Verbatim):
        return value
    texts = _texts.decode(source.text)
    return {name: texts[name] if name in texts and item is source.get(name) else item for name, item in value.items()}


def whole(value: Any) -> Any:
    """The same, to be written by `encode`; a verbatim object as the text that it was."""
    return msgspec.Raw(value.text) if isinstance(value, Verbatim) else value


def encode(value: Any) -> bytes:
    """Compact JSON in UTF-8; a dataclass as an object of its fields. Half a character, which UTF-8 can't say, is
    written as an escape.

    What is verbatim is written so where `parts` or `whole` say it. Raises TypeError for what is no JSON.
    """
    try:
        return _encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), default=_mapping).encode()


def surely_json(value: Any) -> bool:
    """Whether it is seen at a glance that JSON can say all of it. A number that it does not have would be `null`."""
    try:
        return b"null" not in _encode(value)
    except (ValueError, OverflowError, RecursionError, TypeError):  # half a character is a ValueError
        return False


def _mapping(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields_of(value)}
    raise TypeError(f"{type(value).__name__} is no JSON")


_encode = msgspec.json.Encoder(enc_hook=_mapping).encode
