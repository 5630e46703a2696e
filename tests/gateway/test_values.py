"""Values are dataclasses like frozen ones, as far as a program can tell that the type checker has read."""

import dataclasses
from dataclasses import dataclass, field, replace

import msgspec
import pytest

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
    assert (one == same, one == other, one != same, one == object()) == (True, False, False, False)
    assert hash(one) == hash(same) == hash(Frozen(1))
    assert repr(one) == "Value(a=1, b='b')"
    assert replace(one, a=2) == other
    assert one.a == 1
    assert [found.name for found in dataclasses.fields(Value)] == ["a", "b", "c"]


@value(frozen=True, slots=True)
class Plain:
    """All its fields count alike."""

    a: int
    b: dict[str, int] = field(default_factory=dict)
    c: "Plain | None" = None

    @property
    def twice(self) -> int:
        return 2 * self.a


@value(frozen=True, slots=True)
class Further(Plain):
    d: str = "d"


def test_a_plain_one_is_made_in_c_and_does_what_a_dataclass_does() -> None:
    one = Plain(1, c=Plain(a=2))
    assert issubclass(Plain, msgspec.Struct)
    assert repr(one) == "Plain(a=1, b={}, c=Plain(a=2, b={}, c=None))"
    assert (Plain.__doc__, Plain.__module__, one.twice) == ("All its fields count alike.", __name__, 2)
    assert (one == Plain(1, {}, Plain(2)), one == Plain(1), one == Further(1, {}, Plain(2))) == (True, False, False)
    assert one.b is not Plain(1).b
    assert replace(one, a=3) == Plain(3, c=Plain(2))
    assert dataclasses.asdict(one) == {"a": 1, "b": {}, "c": {"a": 2, "b": {}, "c": None}}
    assert [found.name for found in dataclasses.fields(Further)] == ["a", "b", "c", "d"]
    assert repr(replace(Further(1), d="e")) == "Further(a=1, b={}, c=None, d='e')"
    assert hash(Plain(1, ())) == hash(Plain(1, ()))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        hash(one)
    with pytest.raises(AttributeError):
        one.a = 2  # type: ignore[misc]
    with pytest.raises(TypeError):
        Plain(b={})  # type: ignore[call-arg]
    match Further(7, d="x"):
        case Further(a, _, _, d):
            assert (a, d) == (7, "x")


def test_what_is_special_about_a_field_is_not_lost_with_a_base() -> None:
    with pytest.raises(TypeError, match="would be lost"):

        @value(frozen=True, slots=True)
        class Special(Plain):
            d: int = field(default=0, compare=False)

    with pytest.raises(TypeError, match="not all compared"):

        @value(frozen=True, slots=True)
        class Below(Value):
            d: int = 0


def test_one_that_is_not_to_be_compared_is_itself() -> None:
    @value(frozen=True, slots=True, eq=False)
    class Alone:
        a: int

    assert Alone(1) != Alone(1)
    assert len({Alone(1), Alone(1)}) == 2


@value(frozen=True, slots=True)
class Twice:
    a: int
    b: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "b", 2 * self.a)


def test_one_that_finds_something_out_is_made_without_the_detour_that_makes_a_frozen_one_slow() -> None:
    assert Twice(2).b == 4
    assert Twice(2) == Twice(2)
    assert "__setattr__" in Frozen.__init__.__code__.co_names
    assert "__setattr__" not in Twice.__init__.__code__.co_names
    assert "__setattr__" not in Twice.__dict__


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
