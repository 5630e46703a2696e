"""Whether a request's body has the shape that an API takes: a small language of shapes, and where a value misses. Pure.

Unknown fields are refused, as the real APIs refuse them: a fake that lets them through hides mistakes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from providers.fake.wire import Step

__all__ = [
    "ANY",
    "SCHEMA",
    "Either",
    "Form",
    "Many",
    "Maybe",
    "Number",
    "Open",
    "Refused",
    "Shape",
    "Tagged",
    "Text",
    "Word",
    "fit",
]

Miss = Literal["unknown", "missing", "type", "value", "rule"]


class Refused(Exception):
    """A request that the real API answers 400 to. `path` leads to what is wrong; `detail` depends on `miss`.

    `unknown`: nothing more. `missing`: nothing more. `type`: what was expected. `value`: the sentence behind the path.
    `rule`: a whole sentence, with `code` where the API has one.
    """

    def __init__(self, path: tuple[Step, ...], miss: Miss, detail: str = "", code: str | None = None) -> None:
        self.path, self.miss, self.detail, self.code = path, miss, detail, code
        super().__init__(f"{'.'.join(map(str, path))}: {miss} {detail}")


@dataclass(frozen=True, slots=True)
class Text:
    """A text, of a pattern (all of it), and of some length."""

    pattern: str | None = None
    least: int = 0
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """A number from `least`; a whole one unless `fraction`."""

    least: float | None = None
    fraction: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """One of some words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Maybe:
    """The shape, or null."""

    shape: "Shape"


@dataclass(frozen=True, slots=True)
class Many:
    """A list."""

    shape: "Shape"
    least: int = 0
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """An object with these fields and no others."""

    required: Mapping[str, "Shape"]
    optional: Mapping[str, "Shape"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Open:
    """An object in which these fields, where they are there, have these shapes; others have any."""

    fields: Mapping[str, "Shape"]


@dataclass(frozen=True, slots=True)
class Tagged:
    """An object whose shape follows from one of its fields; `usual` is the shape where the field is missing."""

    tag: str
    shapes: Mapping[str, "Shape"]
    usual: "Shape | None" = None


@dataclass(frozen=True, slots=True)
class Either:
    """A text, or the other shape."""

    other: "Shape"
    text: Text = field(default_factory=Text)


Shape = Text | Number | Word | Maybe | Many | Form | Open | Tagged | Either | type
ANY = object  # a shape that everything has
SCHEMA = Open({"properties": dict, "required": Many(Text()), "$defs": dict})  # JSON Schema, as far as rules look at it


def fit(value: Any, shape: Shape, path: tuple[Step, ...] = ()) -> None:
    """Raises Refused for the first thing that does not fit."""
    match shape:
        case Maybe(inner):
            if value is not None:
                fit(value, inner, path)
        case Either(other, text):
            fit(value, text if isinstance(value, str) else other, path)
        case Text() | Number() | Word():
            _scalar(value, shape, path)
        case Many():
            _many(value, shape, path)
        case Form() | Open():
            _form(value, shape, path)
        case Tagged():
            _tagged(value, shape, path)
        case _:
            _plain(value, shape, path)


def _plain(value: Any, shape: type, path: tuple[Step, ...]) -> None:
    names: Mapping[type, str] = {dict: "object", bool: "boolean", list: "array"}
    if not isinstance(value, shape):
        raise Refused(path, "type", names.get(shape, "value"))


def _scalar(value: Any, shape: Text | Number | Word, path: tuple[Step, ...]) -> None:
    match shape:
        case Text():
            _texts(value, shape, path)
        case Number(least, fraction):
            if isinstance(value, bool) or not isinstance(value, int | float if fraction else int):
                raise Refused(path, "type", "number" if fraction else "integer")
            if least is not None and value < least:
                raise Refused(path, "value", f"should be greater than or equal to {least}")
        case Word(words):
            if not isinstance(value, str):
                raise Refused(path, "type", "string")
            if value not in words:
                raise Refused(path, "value", f"`{value}` is not one of {', '.join(f'`{word}`' for word in words)}")


def _texts(value: Any, shape: Text, path: tuple[Step, ...]) -> None:
    if not isinstance(value, str):
        raise Refused(path, "type", "string")
    if shape.pattern is not None and not re.fullmatch(shape.pattern, value):
        raise Refused(path, "value", f"should match pattern '^{shape.pattern}$'")
    if len(value) < shape.least:
        raise Refused(path, "value", f"should have at least {shape.least} character")
    if shape.most is not None and len(value) > shape.most:
        raise Refused(path, "value", f"should have at most {shape.most} characters")


def _many(value: Any, shape: Many, path: tuple[Step, ...]) -> None:
    if not isinstance(value, list):
        raise Refused(path, "type", "array")
    if len(value) < shape.least:
        raise Refused(path, "value", f"should have at least {shape.least} item")
    if shape.most is not None and len(value) > shape.most:
        raise Refused(path, "value", f"should have at most {shape.most} items")
    for place, item in enumerate(value):
        fit(item, shape.shape, (*path, place))


def _form(value: Any, shape: Form | Open, path: tuple[Step, ...]) -> None:
    if not isinstance(value, dict):
        raise Refused(path, "type", "object")
    if isinstance(shape, Open):
        _open(value, shape.fields, path)
        return
    for name in shape.required:
        if name not in value:
            raise Refused((*path, name), "missing")
    for name, item in value.items():
        known = shape.required.get(name, shape.optional.get(name))
        if known is None:
            raise Refused((*path, name), "unknown")
        fit(item, known, (*path, name))


def _open(value: Mapping[str, Any], fields: Mapping[str, Shape], path: tuple[Step, ...]) -> None:
    for name, shape in fields.items():
        if name in value:
            fit(value[name], shape, (*path, name))


def _tagged(value: Any, shape: Tagged, path: tuple[Step, ...]) -> None:
    if not isinstance(value, dict):
        raise Refused(path, "type", "object")
    tag = value.get(shape.tag)
    if tag is None and shape.usual is not None:
        return fit(value, shape.usual, path)
    if tag is None:
        raise Refused((*path, shape.tag), "missing")
    fit(tag, Word(tuple(shape.shapes)), (*path, shape.tag))
    return fit(value, shape.shapes[tag], path)
