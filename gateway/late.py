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
from functools import cache
from typing import Any

__all__ = ["compile_late"]

_MAKER, _RETURNS = "__create_fn__", "\n return "

Method = Callable[..., Any]


def compile_late() -> None:
    """Of all dataclasses that are defined from now on."""
    dataclasses.exec = _exec  # type: ignore[attr-defined] # it has none of its own


def _exec(text: str, names: dict[str, Any], found: dict[str, Any]) -> None:
    """In the place of `exec`, for the text of a function that makes one method, or a tuple of them."""
    returned = text.rpartition(_RETURNS)[2]
    wanted = [name for name in returned.strip("()").split(",") if name]

    def make(**variables: Any) -> Any:
        @cache
        def methods() -> Any:
            own: dict[str, Any] = {}
            builtins.exec(text, names, own)  # noqa: S102 - what `dataclasses` would have done
            made = own[_MAKER](**variables)
            return made if returned.startswith("(") else (made,)

        stubs = tuple(_stub(name, lambda place=place: methods()[place]) for place, name in enumerate(wanted))
        return stubs if returned.startswith("(") else stubs[0]

    found[_MAKER] = make


def _stub(name: str, compiled: Callable[[], Method]) -> Method:
    def stub(*given: Any, **named: Any) -> Any:
        method = compiled()
        for kind in type(given[0]).__mro__:
            if kind.__dict__.get(name) is stub:
                method.__qualname__ = stub.__qualname__
                type.__setattr__(kind, name, method)
        return method(*given, **named)

    stub.__name__ = name
    return stub
