"""A call's arguments: the one place where they are parsed, in the only way in which they can be read. Pure.

Their `text` is what is judged, digested, stored and forwarded, so that nothing else can run than what was looked at. A
number with a fraction or an exponent is the double that it reads as, and is forwarded as that.
"""

import hashlib
import json
import json.encoder as json_encoder
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Any, NoReturn

from gateway.values import value
from gateway.verbatim import decoded, once

__all__ = ["MAX_DIGITS", "Arguments", "ArgumentsError", "JsonObject", "parse_json"]

JsonObject = Mapping[str, Any]

MAX_DEPTH = 100  # nested containers of arguments: servers' readers give up at about 200, some without a word
MAX_DIGITS = 40  # of an integer: beyond, peers disagree about its value (RFC 8259 section 6)


class ArgumentsError(ValueError):
    """Arguments that can't be read in exactly one way. The text says why, for the model or the client to mend."""


@value(frozen=True, slots=True)
class Arguments:
    """A call's arguments, parsed once.

    `text` is canonical JSON (keys sorted, no spaces): the bytes that are forwarded. `digest` is its SHA-256 in hex.
    `value` is the same as a mapping, for reading only; changing it would change nothing that is sent.
    """

    text: str
    digest: str
    value: JsonObject = field(compare=False, repr=False)

    @classmethod
    def parse(cls, source: str | bytes | JsonObject) -> "Arguments":
        """Reads JSON text (UTF-8 if it is bytes), or an object that was parsed strictly already.

        Raises ArgumentsError for anything but an object, and for duplicate keys, NaN and infinities, lone
        surrogates, integers of more than 40 digits, and nesting too deep to read. What an object's owner does to it
        later changes nothing here: `value` is read from `text`.
        """
        if isinstance(source, (dict, Mapping)):  # nearly always the first, which is faster to see
            text, raw = _canonical(source)
            return cls(text, hashlib.sha256(raw).hexdigest(), _read_back(raw, source))
        value = parse_json(source)
        if not isinstance(value, dict):
            raise ArgumentsError("the arguments must be a JSON object")
        text, raw = _canonical(value)
        return cls(text, hashlib.sha256(raw).hexdigest(), value)


def parse_json(source: str | bytes) -> Any:
    """JSON read strictly: raises ArgumentsError where readers may disagree (RFC 8259 section 4, RFC 7493)."""
    try:
        raw = source if isinstance(source, bytes) else source.encode()
        if not _has_long(raw):
            return once(raw)
    except ValueError:  # it is not in order, or half a character: the slower reader has the words for it
        pass
    return _parse_text(source)


def _has_long(raw: bytes) -> bool:
    """Whether more digits follow each other than an integer may have."""
    return len(raw) > MAX_DIGITS and raw.translate(_ALIKE).find(_LONG) >= 0


def _read_back(raw: bytes, source: JsonObject) -> Any:
    """The value of a canonical text. If it equals what was written, no key was lost, and nothing was read otherwise."""
    if not _has_long(raw):
        try:
            value = decoded(raw)
        except ValueError:  # the slower reader has the words for it
            value = None
        if value == source:
            return value
    return parse_json(raw)


def _canonical(value: JsonObject) -> tuple[str, bytes]:
    """The one text of an object, and its bytes. Raises ArgumentsError."""
    try:
        text = "".join(_written(value, 0))
        raw = text.encode()
    except UnicodeEncodeError:
        raise ArgumentsError("the arguments hold a lone surrogate, which is not a character") from None
    except RecursionError:
        raise ArgumentsError(f"the arguments are nested more than {MAX_DEPTH} levels deep") from None
    except (TypeError, ValueError) as error:
        raise ArgumentsError(f"the arguments are not JSON: {error}") from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise ArgumentsError(f"the arguments are nested more than {MAX_DEPTH} levels deep")
    return text, raw


def _depth(value: Any) -> int:
    """How deep containers are nested. Without recursion."""
    depth, level = 0, [value]
    while level:
        depth += 1
        nested = (node.values() if isinstance(node, Mapping) else node for node in level)
        level = [item for items in nested for item in items if isinstance(item, (Mapping, list))]
    return depth


def _parse_text(source: str | bytes) -> Any:
    try:
        text = source if isinstance(source, str) else source.decode()  # `json` would guess UTF-16 and take a BOM
        return _DECODER.decode(text)
    except ArgumentsError:
        raise
    except RecursionError:
        raise ArgumentsError("the JSON is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise ArgumentsError(f"not UTF-8: at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise ArgumentsError(f"not JSON: at character {error.pos}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        shown = json.dumps(twice[:40])[1:-1]  # a key may hold anything, and be long
        raise ArgumentsError(f"the key `{shown}` stands twice in one object")
    return value


def _no_constant(text: str) -> NoReturn:
    raise ArgumentsError(f"`{text}` is not a JSON number")


def _int(text: str) -> int:
    digits = len(text.removeprefix("-"))
    if digits > MAX_DIGITS:
        raise ArgumentsError(f"an integer of {digits} digits is too long")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ArgumentsError(f"the number `{text}` is out of range")
    return value


# Made once: making one costs as much as using it, or three times that, as `JSONEncoder.encode` does it.
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
_make: Any = getattr(json_encoder, "c_make_encoder", None)  # CPython's
_written: Callable[[Any, int], Iterable[str]] = (
    _make(None, _ENCODER.default, json_encoder.encode_basestring, None, ":", ",", True, False, False)
    if _make
    else lambda value, _: _ENCODER.iterencode(value)
)
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_int, parse_float=_float)
_ALIKE, _LONG = bytes.maketrans(b"123456789", b"0" * 9), b"0" * (MAX_DIGITS + 1)  # digits, and too many of them
