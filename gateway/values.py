"""Values: `@value(frozen=True, slots=True)` is a frozen dataclass to the type checker, and costs what a plain one does.

`dataclasses` makes one frozen by writing each field through `object.__setattr__`, which takes five times as long; the
path of a call makes three dozen of them. In a program that passes `mypy --strict` nobody can tell the difference.

`changed(thing, field=...)` is `dataclasses.replace` to the type checker, for values without `slots`: it copies what the
thing has, where `replace` asks for each field by name and makes it anew. A run has three dozen, and changes twenty
times in a turn.
"""

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["changed", "value"]

if TYPE_CHECKING:
    from dataclasses import dataclass as value
    from dataclasses import replace as changed
else:
    T = TypeVar("T")

    def value(**how: Any) -> Any:
        """As `dataclasses.dataclass`; equality and hash are those of a frozen one."""
        frozen = how.pop("frozen", False)
        return dataclasses.dataclass(unsafe_hash=frozen and how.get("eq", True), **how)

    def changed(thing: T, **fields: Any) -> T:
        """The same value but for these fields. Nothing is checked: neither that they exist, nor `__post_init__`."""
        made = object.__new__(type(thing))
        made.__dict__.update(thing.__dict__, **fields)
        return made
