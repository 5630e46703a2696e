"""Values are dataclasses like frozen ones, as far as a program can tell that the type checker has read."""

from dataclasses import dataclass, replace

from providers import Message, Request, Text
from providers.values import value


@value(frozen=True, slots=True)
class Value:
    a: int
    b: str = "b"


@dataclass(frozen=True, slots=True)
class Frozen:
    a: int
    b: str = "b"


def test_it_equals_and_hashes_and_reads_as_a_frozen_one() -> None:
    one = Value(1)
    assert (one == Value(1), one == Value(2)) == (True, False)
    assert hash(one) == hash(Frozen(1))
    assert repr(one) == "Value(a=1, b='b')"
    assert replace(one, a=2) == Value(2)
    assert Value.__slots__ == Frozen.__slots__


def test_what_is_said_and_asked_is_made_without_the_detour_that_makes_a_frozen_one_slow() -> None:
    assert "__setattr__" in Frozen.__init__.__code__.co_names
    assert [cls for cls in (Value, Message, Request, Text) if "__setattr__" in cls.__dict__] == []
