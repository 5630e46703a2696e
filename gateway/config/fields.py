"""What the models say about a key: its type, its neighbours, and how plain text becomes its value. Pure."""

from collections.abc import Callable, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from gateway.config.places import KeyPath

__all__ = ["field_type", "from_text", "neighbours"]


def field_type(model: type[BaseModel], path: KeyPath) -> Any:
    """The type of the value at this path: a model, a `Mapping`, or a plain type. None for a path that can't be."""
    current: Any = model
    for part in path:
        current = _child(current, part)
    return current


def neighbours(model: type[BaseModel], path: KeyPath) -> Sequence[str]:
    """The keys that may stand where this one does; none where any name may."""
    parent = field_type(model, path[:-1])
    return tuple(parent.model_fields) if _is_model(parent) else ()


def from_text(kind: Any, text: str) -> object:
    """An environment variable's or a flag's text as the value that a TOML file would give.

    Lists are separated by commas. What is no number or truth value stays text, for the models to refuse.
    """
    read = _READERS.get(get_origin(kind) or kind)
    return text if read is None else read(text.strip())


def _child(kind: Any, part: str | int) -> Any:
    if _is_model(kind):
        field = kind.model_fields.get(part)
        return None if field is None else _bare(field.annotation)
    if get_origin(kind) is Mapping:
        return _bare(get_args(kind)[1])
    return None


def _bare(kind: Any) -> Any:
    """Without `| None` and without annotations."""
    if get_origin(kind) in (UnionType, Union):
        return _bare(next(option for option in get_args(kind) if option is not type(None)))
    return _bare(get_args(kind)[0]) if get_origin(kind) is Annotated else kind


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _truth(text: str) -> object:
    return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(text.lower(), text)


def _integer(text: str) -> object:
    return int(text) if text.isascii() and text.removeprefix("-").isdigit() and len(text) < 20 else text


def _list(text: str) -> object:
    return [item.strip() for item in text.split(",") if item.strip()]


_READERS: Mapping[Any, Callable[[str], object]] = {bool: _truth, int: _integer, tuple: _list, Sequence: _list}
