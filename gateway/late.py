"""What a start does not need is not compiled: the methods of dataclasses, until one of them is called.

`dataclasses` writes `__init__`, `__repr__`, `__eq__` and so on as text, and has it compiled for each class when its
module is loaded. For the five hundred that a gateway loads that was a quarter of its start, and most of them are never
made. It calls `exec` for that, and finds ours if there is one in its own module: a class gets a method when it is first
called, and it is the same one from then on.

This changes a module that everybody shares: a program may do that (`cli`), and a library may not.
"""

import builtins
import dataclasses
from collections.abc import Callable
from typing import Any

__all__ = ["compile_late"]

_MAKER, _RETURNS = "__create_fn__", "\n return "

Method = Callable[..., Any]


def compile_late() -> None:
    """Of all dataclasses that are defined from now on."""
    dataclasses.exec = _exec  # type: ignore[attr-defined] # it has none of its own


def _exec(text: str, names: dict[str, Any], found: dict[str, Any]) -> None:
    """In the place of `exec`, for the text of a function that makes one method, or a tuple of them."""
    found[_MAKER] = _Maker(text, names)


class _Maker:
    """That function. Small: there are two thousand of them, most of which are kept for ever."""

    __slots__ = ("_made", "_names", "_text", "_variables")

    def __init__(self, text: str, names: dict[str, Any]) -> None:
        self._text, self._names = text, names
        self._variables: dict[str, Any] | None = None
        self._made: tuple[Method, ...] = ()

    def __call__(self, **variables: Any) -> Any:
        self._variables = variables or None
        returned = self._text.rpartition(_RETURNS)[2]
        if not returned.startswith("("):
            return _stub(returned, self, 0)
        return tuple(_stub(name, self, place) for place, name in enumerate(returned.strip("(,)").split(",")) if name)

    def method(self, place: int) -> Method:
        if not self._made:
            own: dict[str, Any] = {}
            builtins.exec(self._text, self._names, own)  # noqa: S102 - what `dataclasses` would have done
            made = own[_MAKER](**(self._variables or {}))
            self._made = made if isinstance(made, tuple) else (made,)
        return self._made[place]


def _stub(name: str, maker: _Maker, place: int) -> Method:
    def stub(*given: Any, **named: Any) -> Any:
        method = maker.method(place)
        for kind in type(given[0]).__mro__:
            if kind.__dict__.get(stub.__name__) is stub:
                method.__qualname__ = stub.__qualname__
                type.__setattr__(kind, stub.__name__, method)
        return method(*given, **named)

    stub.__name__ = name
    return stub
