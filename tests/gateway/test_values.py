"""Values are dataclasses like frozen ones, as far as a program can tell that the type checker has read."""

import dataclasses
from dataclasses import dataclass, field, replace

from gateway.budget import Spend
from gateway.state import CallState, Run
from gateway.values import changed, value


@dataclass(frozen=True, slots=True)
class Frozen:
    a: int
    b: str = "b"
    c: object = field(default=None, compare=False, repr=False)


@value(frozen=True, slots=True)
class Value:
    a: int
    b: str = "b"
    c: object = field(default=None, compare=False, repr=False)


def test_it_equals_and_hashes_and_reads_as_a_frozen_one() -> None:
    one, same, other = Value(1), Value(1, c=[]), Value(2)
    assert (one == same, one == other) == (True, False)
    assert hash(one) == hash(same) == hash(Frozen(1))
    assert repr(one) == "Value(a=1, b='b')"
    assert replace(one, a=2) == other
    assert one.a == 1
    assert [found.name for found in dataclasses.fields(Value)] == ["a", "b", "c"]
    assert Value.__slots__ == Frozen.__slots__


def test_one_that_is_not_to_be_compared_is_itself() -> None:
    @value(frozen=True, slots=True, eq=False)
    class Alone:
        a: int

    assert Alone(1) != Alone(1)
    assert len({Alone(1), Alone(1)}) == 2


def test_it_is_made_without_the_detour_that_makes_a_frozen_one_slow() -> None:
    assert "__setattr__" in Frozen.__init__.__code__.co_names
    assert "__setattr__" not in Value.__init__.__code__.co_names
    assert "__setattr__" not in Value.__dict__


def test_what_is_changed_is_another_one_and_the_first_stays() -> None:
    @dataclass(frozen=True)
    class Plain:
        a: int
        b: str = "b"

    one = Plain(1)
    assert (changed(one, a=2), one) == (Plain(2), Plain(1))
    assert type(changed(one)) is Plain


def test_a_run_and_its_calls_can_be_changed_so() -> None:
    """`changed` copies what stands in `__dict__`: a class with slots would come out empty."""
    assert not {cls for cls in (Run, CallState) if "__slots__" in vars(cls)}
    assert changed(Run("r-1"), turn=3) == replace(Run("r-1"), turn=3)


def test_what_was_found_out_about_a_value_is_not_taken_over_by_another() -> None:
    run = Run("r-1", spend=Spend(turns=1))
    assert run.taken == Spend(turns=1)
    assert changed(run, spend=Spend(turns=2)).taken == replace(run, spend=Spend(turns=2)).taken == Spend(turns=2)
    assert run.taken is run.taken
