"""The data that a run must end in: whether a schema can be held against an answer, and whether an answer fits. Pure.

A schema comes from whoever starts the run, so it is bounded as those of tools are (`gateway.schema`): in size, in
depth, in the steps that it takes; and it refers to nothing but itself. What is said of a misfit names the place and
the reason, never the value: it goes into records, traces and logs.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import unquote

from gateway.arguments import ArgumentsError, parse_json
from gateway.call import JsonObject
from gateway.schema import fault
from gateway.schema import unusable as unusable_schema
from gateway.values import value

__all__ = ["MAX_SCHEMA", "MAX_SCHEMA_DEPTH", "Misfit", "data_in", "misfit", "unusable"]

MAX_SCHEMA = 64 * 1024  # bytes of its JSON: it stands in the run's record, and the model is told it at each turn
MAX_SCHEMA_DEPTH = 64  # nested containers

_MAX_TEXT, _MAX_PLACE, _MAX_KEY = 300, 200, 40
_SHOWN = 80  # characters of a text, in the words of `gateway.bounded`
_FENCE = re.compile(r"```[a-zA-Z]*[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_ANCHORS = ("$anchor", "$dynamicAnchor")
_DATA = ("const", "enum", "default", "examples")  # what they hold is no schema
_KINDS = {dict: "this object", list: "this array", str: "this text", bool: "this truth value", type(None): "null"}


@value(frozen=True, slots=True)
class Misfit:
    """Where an answer does not fit (empty: as a whole), and why; what it says there is not repeated."""

    where: str
    why: str

    def __str__(self) -> str:
        return f"at `{self.where}`: {self.why}" if self.where else self.why


def unusable(schema: object) -> str | None:
    """Why nothing can be held against this schema, in words that follow `the output schema`; None if it can be."""
    if not isinstance(schema, Mapping):
        return "must be a JSON object"
    try:
        size = len(json.dumps(schema, ensure_ascii=False, allow_nan=False).encode())
    except RecursionError:
        return f"is nested more than {MAX_SCHEMA_DEPTH} levels deep"
    except (TypeError, ValueError):
        return "is not JSON: it holds something that JSON does not have"
    if size > MAX_SCHEMA:
        return f"is larger than {MAX_SCHEMA // 1024} KB"
    if _deeper([schema], MAX_SCHEMA_DEPTH):
        return f"is nested more than {MAX_SCHEMA_DEPTH} levels deep"
    return _misled(schema) or _broken(schema)


def data_in(text: str) -> str:
    """The JSON text in a model's answer: all of it, without the code fence that many put around it."""
    bare = text.strip()
    fenced = _FENCE.fullmatch(bare)
    return fenced[1].strip() if fenced else bare


def misfit(schema: JsonObject, text: str) -> Misfit | None:
    """Where this JSON text does not fit; None if it does."""
    if not text:
        return Misfit("", "it is empty")
    try:
        answer = parse_json(text)
    except ArgumentsError as error:
        return Misfit("", str(error)[:_MAX_TEXT])
    found = fault(_key(schema), schema, answer)
    if isinstance(found, str):
        return Misfit("", f"the schema {found}")
    return None if found is None else Misfit(_place(found.absolute_path), _why(found))


# ---- the schema


def _broken(schema: JsonObject) -> str | None:
    """What is found when it is looked at, and held against something."""
    if wrong := unusable_schema(_key(schema), schema):
        return wrong
    found = fault(_key(schema), schema, None)
    return found if isinstance(found, str) else None


def _key(schema: JsonObject) -> str:
    return f"output/{sha256(json.dumps(schema).encode()).hexdigest()}"


def _deeper(level: Iterable[Any], left: int) -> bool:
    nodes = [node for node in level if isinstance(node, (Mapping, list))]
    if not nodes or not left:
        return bool(nodes)
    inner = (item for node in nodes for item in (node.values() if isinstance(node, Mapping) else node))
    return _deeper(inner, left - 1)


def _misled(schema: JsonObject) -> str | None:
    """A reference that leads nowhere, or away: nothing is ever fetched."""
    for keyword, target in _references(schema):
        shown = f"`{keyword}` to `{target[:_MAX_KEY]}`"
        if not target.startswith("#"):
            return f"has a {shown}: only what stands in the schema itself (`#/…`) is looked up"
        if not _leads(schema, unquote(target[1:])):
            return f"has a {shown}, which is not there"
    return None


def _references(schema: Any) -> Iterator[tuple[str, str]]:
    if isinstance(schema, list):
        for item in schema:
            yield from _references(item)
    elif isinstance(schema, Mapping):
        for name, item in schema.items():
            if name in _REFERENCES and isinstance(item, str):
                yield name, item
            elif name not in _DATA:
                yield from _references(item)


def _leads(schema: JsonObject, pointer: str) -> bool:
    """JSON Pointer (RFC 6901), or the name of an anchor."""
    if pointer and not pointer.startswith("/"):
        return pointer in _anchors(schema)
    found: Any = schema
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, Mapping) and name in found:
            found = found[name]
        else:
            return False
    return isinstance(found, (Mapping, bool))


def _anchors(schema: Any) -> frozenset[str]:
    inner = schema.values() if isinstance(schema, Mapping) else schema if isinstance(schema, list) else ()
    own = [schema[name] for name in _ANCHORS if isinstance(schema, Mapping) and isinstance(schema.get(name), str)]
    return frozenset(own).union(*map(_anchors, inner))


# ---- the answer


def _place(path: Iterable[str | int]) -> str:
    """`order.items[2].price`; a key of other signs stands in brackets, as JSON."""
    place = "".join(map(_step, path)).removeprefix(".")
    return place if len(place) <= _MAX_PLACE else f"{place[:_MAX_PLACE]}…"


def _step(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if _PLAIN.fullmatch(part) else f"[{json.dumps(part[:_MAX_KEY])}]"


def _why(error: Any) -> str:
    """The validator's own words, with what kind of value it is in the place of the value."""
    if error.validator is None:
        return "nothing may stand here"
    found, said = error.instance, str(error.message)
    begins = (repr(found), repr(found[:_SHOWN]) if isinstance(found, str) else "")
    begin = next((text for text in begins if text and said.startswith(text)), "")
    kind = _KINDS.get(type(found), "this number") if begin else ""
    return f"{kind}{said[len(begin) :]}"[:_MAX_TEXT]
