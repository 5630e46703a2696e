"""Values: `@value(frozen=True, slots=True)` is a frozen dataclass to the type checker, and to whoever asks it for its
fields. It is made in C, and in a quarter of the time.

`dataclasses` writes each field of a frozen one through `object.__setattr__`, and each keyword into a dictionary; the
path of a call makes three dozen of them. So it is a `msgspec.Struct`, with the methods of a dataclass where not all of
its fields are compared or shown. One with `__post_init__`, or with a base that is no value, is a dataclass that is not
guarded: in a program that passes `mypy --strict` nobody can tell the difference.

`changed(thing, field=...)` is `dataclasses.replace` to the type checker, for values without `slots`: it copies what the
thing has, where `replace` asks for each field by name and makes it anew. A run has three dozen, and changes twenty
times in a turn.
"""

import dataclasses
import operator
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

__all__ = ["changed", "value"]

if TYPE_CHECKING:
    from dataclasses import dataclass as value
    from dataclasses import replace as changed
else:
    T = TypeVar("T")

    def value(**how: Any) -> Any:
        """As `dataclasses.dataclass`; equality and hash are those of a frozen one."""

        def made(cls: type) -> type:
            if isinstance(cls, type(msgspec.Struct)):  # by its base
                theirs = cls.__base__.__dataclass_fields__
                if not all(each.repr and each.compare for each in theirs.values()):
                    raise TypeError(f"`{cls.__name__}` has a base whose fields are not all compared and shown")
                cls.__dataclass_fields__ = {**theirs, **_fields(_annotated(cls))}
                return cls
            if how == _PLAIN and cls.__bases__ == (object,) and not _OWN & cls.__dict__.keys() and _are_given(cls):
                return _struct(cls)
            options = {name: option for name, option in how.items() if name != "frozen"}
            return dataclasses.dataclass(unsafe_hash=how.get("frozen", False) and how.get("eq", True), **options)(cls)

        return made

    def changed(thing: T, **fields: Any) -> T:
        """The same value but for these fields. Nothing is checked: neither that they exist, nor `__post_init__`."""
        made = object.__new__(type(thing))
        made.__dict__.update(thing.__dict__, **fields)
        return made

    _PLAIN = {"frozen": True, "slots": True}
    _OWN = {"__post_init__", "__eq__", "__hash__", "__repr__", "__slots__"}
    _NOT_TAKEN_ALONG = {"__dict__", "__weakref__", "__annotations__", "__match_args__", "__hash__"}

    def _are_given(cls: type) -> bool:
        """Whether each field is one that whoever makes it gives, or that has a default."""
        given = [each for each in cls.__dict__.values() if isinstance(each, dataclasses.Field)]
        return all(each.init and each.hash is None for each in given)

    def _struct(cls: type) -> type:
        fields = _fields(cls)
        taken = {name: each for name, each in cls.__dict__.items() if name not in (_NOT_TAKEN_ALONG | fields.keys())}
        given = [_field(each) for each in fields.values()]
        made = msgspec.defstruct(cls.__name__, given, namespace=taken, module=cls.__module__, frozen=True)
        if not all(each.repr for each in fields.values()):
            made.__repr__ = _written([name for name, each in fields.items() if each.repr])
        if not all(each.compare for each in fields.values()):
            made.__eq__, made.__hash__ = _compared([name for name, each in fields.items() if each.compare])
        return made

    def _written(names: list[str]) -> Any:
        def shown(self: Any) -> str:
            return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

        return shown

    def _compared(names: list[str]) -> tuple[Any, Any]:
        read = operator.attrgetter(*names) if len(names) > 1 else lambda self: (getattr(self, names[0]),)

        def equal(self: Any, other: object) -> Any:
            return read(self) == read(other) if type(other) is type(self) else NotImplemented

        def hashed(self: Any) -> int:
            return hash(read(self))

        return equal, hashed

    def _fields(cls: type) -> dict[str, Any]:
        """For those who ask for them."""
        return dataclasses.dataclass(init=False, repr=False, eq=False)(cls).__dataclass_fields__

    def _annotated(cls: type) -> type:
        """A class with the same fields, and nothing else."""
        given = zip(reversed(cls.__struct_fields__), reversed(cls.__struct_defaults__), strict=False)
        names = cls.__annotations__
        defaults = {name: each for name, each in given if name in names}
        if any(isinstance(each, dataclasses.Field) for each in defaults.values()):
            raise TypeError(f"`{cls.__name__}` has a base: what `field` says of its own fields would be lost")
        return type(cls.__name__, (), {"__annotations__": names, **defaults})

    def _field(each: Any) -> tuple[Any, ...]:
        if each.default is not dataclasses.MISSING:
            return each.name, each.type, msgspec.field(default=each.default)
        if each.default_factory is not dataclasses.MISSING:
            return each.name, each.type, msgspec.field(default_factory=each.default_factory)
        return each.name, each.type
