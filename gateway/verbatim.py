"""JSON that goes through as the text that it was, and JSON written without writing such text anew. Pure.

To write a result of 100 KB out again costs a millisecond and more, and may change it (`1e2` becomes `100.0`).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields as fields_of
from dataclasses import is_dataclass
from typing import Any

import msgspec

__all__ = [
    "Extended",
    "Overlong",
    "Verbatim",
    "VerbatimArray",
    "altered",
    "decoded",
    "depth_over",
    "encode",
    "extended",
    "fields",
    "items",
]
__all__ += [
    "kept",
    "listed",
    "on_one_line",
    "once",
    "origin",
    "parts",
    "read",
    "surely_json",
    "texts",
    "whole",
    "wholes",
]
__all__ += ["within"]


class Verbatim(dict[str, Any]):
    """An object, and the text that it was read from. For reading only: whoever wants another one makes a copy, which
    `altered` gives a text of its own.
    """

    __slots__ = ("text",)

    def __init__(self, value: Mapping[str, Any], text: bytes) -> None:
        super().__init__(value)
        self.text = text


class VerbatimArray(list[Any]):
    """The same of an array."""

    __slots__ = ("text",)

    def __init__(self, value: Iterable[Any], text: bytes) -> None:
        super().__init__(value)
        self.text = text


class Overlong(dict[str, Any]):
    """An object that is longer than it may be, whatever stands in it."""

    __slots__ = ()


class Extended(dict[str, Any]):
    """What was made of an object that has its text, and that object: it is written once, by whoever sends it (`parts`).
    For what every call has: to write it twice costs as much as a small result.
    """

    __slots__ = ("source",)

    def __init__(self, value: Mapping[str, Any], source: Verbatim) -> None:
        super().__init__(value)
        self.source = source


_LONG = 4096  # bytes
_FEW = 256  # colons, or values
_QUOTE, _BLANKS = ord('"'), b" \t\r\n"
_CONTAINERS = (dict, list)
_LINES = bytes.maketrans(b"\r\n", b"  ")
_Text = bytes | msgspec.Raw
_values = msgspec.json.Decoder()
_texts = msgspec.json.Decoder(dict[str, msgspec.Raw])
_arrays = msgspec.json.Decoder(list[msgspec.Raw])


def read(text: bytes) -> Any:
    """The value of JSON text; an object or an array keeps its text, unless a key stands twice in it or in what it
    holds: readers differ about which one counts, and what is passed on must be what was looked at.

    Raises ValueError for what is no JSON in UTF-8, and for what can't be passed on: a lone surrogate, a number beyond
    the range of floats, nesting too deep to read.
    """
    value = decoded(text)
    if isinstance(value, dict):
        return value if _doubled(value, text) else Verbatim(value, text)
    return value if not isinstance(value, list) or _doubled(value, text) else VerbatimArray(value, text)


def kept(value: Any, text: bytes) -> Any:
    """The same of what nobody here reads the numbers of: those beyond the range of floats stay in the text as they are.
    `value` is what somebody has read. Raises ValueError for what else can't be passed on.
    """
    try:
        return read(text)
    except ValueError:
        texts(text)
        json.loads(text, object_pairs_hook=_once)
        return Verbatim(value, text)


def decoded(text: bytes) -> Any:
    """The value of JSON text; of a key that stands twice, the last one counts. Raises ValueError where `read` does."""
    try:
        return _values.decode(text)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from None


def once(text: bytes) -> Any:
    """The value of JSON text in which no key stands twice. Raises ValueError for another, and where `read` does."""
    value = decoded(text)
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
    what is written out again, which has each of them once.

    Behind each key is a colon, and all others are within strings, of which writing adds none: if there are as many as
    there were, nothing was lost.
    """
    if len(text) > _LONG and (keys := _keys_in(text)) and keys == _keys_of(value):
        return True
    try:
        written = _encode(value)
    except RecursionError:
        return False
    return written == text or (written.count(b":") == text.count(b":") and not _has_hidden_colons(text))


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
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(limit):
        level = within(level)
        if not level:
            return False
    return bool(level)


def _items(container: Any) -> Iterable[Any]:
    return container.values() if isinstance(container, dict) else container


def _has_hidden_colons(text: bytes) -> bool:
    """Whether some are written as escapes."""
    return text.find(b"\\u003") >= 0


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice")


def fields(text: bytes | bytearray | memoryview) -> dict[str, bytes]:
    """The fields of an object, each as the text that it was. Raises ValueError for what is no object in JSON."""
    return {name: bytes(value) for name, value in texts(text).items()}


def texts(text: bytes | bytearray | memoryview) -> dict[str, msgspec.Raw]:
    """The same, not copied yet: `bytes` of one is its text."""
    try:
        return _texts.decode(text)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from None


def items(text: _Text) -> list[bytes]:
    """The items of an array, each as the text that it was. Raises ValueError for what is no array in JSON."""
    try:
        return [bytes(item) for item in _arrays.decode(text)]
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from None


def listed(source: Mapping[str, Any], name: str, longest: int) -> Any:
    """What stands there in `source`, an array mostly; each object in it with its text, where to write it anew would say
    it in another way: of most, nobody has to keep two forms. One of more than `longest` bytes is `Overlong`.
    """
    found = source.get(name)
    if not isinstance(source, Verbatim) or not isinstance(found, list):
        return found
    pairs = zip(found, items(texts(source.text)[name]), strict=True)
    return [
        _spelled(item, text) if len(text) <= longest else _spelled_long(item, text, longest) for item, text in pairs
    ]


def _spelled_long(item: Any, text: bytes, longest: int) -> Any:
    is_long = isinstance(item, dict) and len(msgspec.json.format(text, indent=-1)) > longest
    return Overlong(item) if is_long else _spelled(item, text)


def _spelled(item: Any, text: bytes) -> Any:
    if not isinstance(item, dict):
        return item
    try:
        written = _encode(item)
        compact = text if written == text else msgspec.json.format(text, indent=-1)
    except RecursionError:
        return item
    if written == compact:
        return item
    return Verbatim(item, text if len(text) <= 2 * len(compact) else compact)  # blanks may be any number


def parts(value: Mapping[str, Any], source: Mapping[str, Any], *, deep: bool = False) -> Mapping[str, Any]:
    """`value`, to be written by `encode`: what it took over from a verbatim `source` as the text that it was. That it
    took it over is seen by its being the same object. With `deep` also what stands within a member that is another one.
    """
    source = origin(source)
    if not isinstance(source, Verbatim):
        return value
    if deep:
        return _members(value, source, source.text)
    texts = _texts.decode(source.text)
    return {name: texts[name] if name in texts and item is source.get(name) else item for name, item in value.items()}


def _members(value: Mapping[str, Any], source: Mapping[str, Any], text: _Text) -> dict[str, Any]:
    texts = _texts.decode(text)
    return {name: _part(item, source[name], texts[name]) if name in texts else item for name, item in value.items()}


def _part(item: Any, old: Any, text: msgspec.Raw) -> Any:
    if item is old:
        return text
    if isinstance(item, dict) and isinstance(old, dict):
        return _members(item, old, text)
    return _elements(item, old, text) if isinstance(item, list) and isinstance(old, list) else item


def _elements(value: list[Any], source: list[Any], text: msgspec.Raw) -> list[Any]:
    texts = _arrays.decode(text)
    if len(value) == len(source):
        return [_part(item, old, own) for item, old, own in zip(value, source, texts, strict=True)]
    known = {id(old): own for old, own in zip(source, texts, strict=True)}
    return [known.get(id(item), item) for item in value]


def origin(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """What it was made of, or itself."""
    return value.source if isinstance(value, Extended) else value


def extended(value: Mapping[str, Any], source: Mapping[str, Any]) -> Mapping[str, Any]:
    """As `altered`, for what is only sent: it has no text of its own."""
    return Extended(value, source) if isinstance(source, Verbatim) else value


def altered(value: Mapping[str, Any], source: Mapping[str, Any]) -> Mapping[str, Any]:
    """`value`, which somebody made of a `source`; of a verbatim one, it has a text in which only what is new is written
    anew.
    """
    return Verbatim(value, encode(parts(value, source, deep=True))) if isinstance(source, Verbatim) else value


def whole(value: Any) -> Any:
    """The same, to be written by `encode`; a verbatim object or array as the text that it was."""
    return msgspec.Raw(value.text) if isinstance(value, (Verbatim, VerbatimArray)) else value


def wholes(value: Mapping[str, Any]) -> dict[str, Any]:
    """An object of which each member is written so."""
    return {name: whole(item) for name, item in value.items()}


def on_one_line(text: bytes) -> bytes:
    """The same JSON without line ends: outside of strings they are blanks, and within none stands."""
    return text.translate(_LINES) if b"\n" in text or b"\r" in text else text


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
