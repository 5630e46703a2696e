"""Whether values from elsewhere are of the types that ours have, and can be kept. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

__all__ = ["fits", "hints"]

_LARGEST = 2**63  # what a database keeps as a whole number is smaller


_HINTS: dict[Any, Mapping[str, Any]] = {}  # of our own classes


def hints(cls: Any) -> Mapping[str, Any]:
    """The types of the fields of a dataclass, whole."""
    if cls not in _HINTS:
        found = get_type_hints(cls)
        _HINTS[cls] = {field.name: found[field.name] for field in fields(cls)}
    return _HINTS[cls]


def fits(value: Any, kind: Any, *, apart: bool = True) -> bool:
    """Whether a value is of this type, down to its smallest part, and each of these can be kept: `apart`, as a value of
    its own, in which no text has a NUL; else as a part of a JSON text. Raises UnicodeEncodeError for text that is none.
    """
    return _Fit(apart).of(value, kind)


class _Fit:
    def __init__(self, apart: bool) -> None:
        self._apart = apart

    def of(self, value: Any, kind: Any) -> bool:
        origin, args = get_origin(kind), get_args(kind)
        if kind is Any:
            return self._is_json(value)
        if origin is Literal:
            return any(type(value) is type(each) and value == each for each in args)
        if origin in (Union, UnionType):
            return any(self.of(value, arm) for arm in args)
        if origin is not None:
            return self._holds(value, origin, args)
        return self._is(value, kind)

    def _is(self, value: Any, kind: Any) -> bool:
        if type(value) is not kind and not (kind is float and type(value) is int):
            return False
        if is_dataclass(kind):
            return all(self.of(getattr(value, name), each) for name, each in hints(type(value)).items())
        return self._keeps(value)

    def _holds(self, value: Any, origin: Any, args: Sequence[Any]) -> bool:
        if issubclass(origin, Mapping):
            named = isinstance(value, Mapping) and all(self.of(name, args[0]) for name in value)
            return named and all(self.of(each, args[1]) for each in value.values())
        kinds = tuple if origin is tuple else (list, tuple)
        return isinstance(value, kinds) and all(self.of(each, args[0]) for each in value)

    def _is_json(self, value: Any) -> bool:
        if isinstance(value, Mapping):
            return self._holds(value, Mapping, (str, Any))
        if isinstance(value, (list, tuple)):
            return all(map(self._is_json, value))
        numbers = (bool, float) if self._apart else (bool, float, int)  # as text, however large
        return value is None or type(value) in numbers or (type(value) in (str, int) and self._keeps(value))

    def _keeps(self, value: Any) -> bool:
        if isinstance(value, str):
            return not self._apart or ("\0" not in value and bool(value.encode() or True))
        return not isinstance(value, int) or abs(value) < _LARGEST
