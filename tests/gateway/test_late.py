"""Dataclasses whose methods are compiled late are like all others."""

import dataclasses
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import FrozenInstanceError, InitVar, dataclass, field, fields, replace
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from gateway import late


def kinds() -> Any:
    """Classes of every kind, defined as dataclasses are now."""

    @dataclass
    class Plain:
        a: int
        b: list[int] = field(default_factory=list)
        c: int = field(default=3, repr=False, compare=False)
        d: int = field(init=False, default=4)
        kept: ClassVar[int] = 5

    @dataclass(frozen=True, slots=True)
    class Frozen:
        a: int = 1
        b: str = "x"

    @dataclass(order=True, kw_only=True)
    class Ordered:
        a: int
        b: InitVar[int] = 2
        c: int = 0

        def __post_init__(self, b: int) -> None:
            self.c += b

    @dataclass(unsafe_hash=True, slots=True)
    class Hashed:
        a: int
        inside: Any = None

    @dataclass
    class Child(Plain):
        e: int = 6

        def __repr__(self) -> str:
            return f"Child of {super().__repr__()}"

    @dataclass(frozen=True)
    class Bare:
        """Without fields."""

    @dataclass(eq=False, repr=False)
    class Silent:
        a: int

    return SimpleNamespace(**{name: value for name, value in locals().items() if isinstance(value, type)})


def facts(of: Any) -> dict[str, object]:
    """What can be seen of them, whenever their methods were compiled."""
    nested = of.Hashed(1)
    nested.inside = nested
    plain, child, one = of.Plain(1), of.Child(1, e=2), of.Ordered(a=1)
    return {
        "reprs": [repr(thing) for thing in (plain, of.Frozen(), one, of.Hashed(2), child, of.Bare(), nested)],
        "equal": [plain == of.Plain(1, c=9), plain == of.Plain(2), plain == child, of.Bare() == of.Bare()],
        "of others": [plain == 1, of.Frozen() == of.Plain(1), of.Silent(1) == of.Silent(1)],
        "order": [one < of.Ordered(a=2), one >= of.Ordered(a=1, b=1), max([of.Ordered(a=2), one]) is one],
        "hashes": [hash(of.Frozen()) == hash((1, "x")), len({of.Hashed(1), of.Hashed(1), of.Hashed(2)})],
        "unhashable": [cls.__hash__ is None for cls in vars(of).values()],
        "fields": [[f.name for f in fields(cls)] for cls in vars(of).values()],
        "replaced": [replace(plain, a=7).a, replace(of.Frozen(), b="y").b, replace(one, a=4, b=1).c],
        "its own list": of.Plain(1).b is not of.Plain(1).b,
        "refused": [
            refused(of.Plain, TypeError), refused(lambda: of.Ordered(1), TypeError),
            refused(lambda: of.Frozen(x=1), TypeError),
            refused(lambda: setattr(of.Frozen(), "a", 2), FrozenInstanceError),
            refused(lambda: delattr(of.Frozen(), "a"), FrozenInstanceError), refused(lambda: one < plain, TypeError),
        ],
        "names": [of.Plain.__init__.__qualname__, of.Frozen.__eq__.__name__, of.Frozen.__match_args__],
    }  # fmt: skip


def refused(work: Callable[[], object], kind: type[Exception]) -> str:
    with pytest.raises(kind) as raised:
        work()
    return str(raised.value)


@pytest.fixture
def lazily(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(dataclasses, "exec", late._exec, raising=False)  # noqa: SLF001 - for this test alone
    return kinds()


def test_there_is_no_difference_to_be_seen(lazily: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(dataclasses, "exec")
        usual = kinds()
    assert facts(lazily) == facts(usual)
    assert facts(lazily) == facts(usual)  # compiled by now


def test_a_method_is_compiled_when_it_is_called_and_stays(lazily: Any) -> None:
    before = lazily.Frozen.__init__
    assert before.__code__.co_filename == late.__file__
    lazily.Frozen()
    after = lazily.Frozen.__init__
    assert after.__code__.co_filename == "<string>"
    lazily.Frozen()
    assert lazily.Frozen.__init__ is after
    assert repr(before.__get__(lazily.Frozen())()) == "None"  # who kept the other one gets the same


def test_of_many_threads_each_gets_its_own(lazily: Any) -> None:
    start, made = threading.Barrier(8), []

    def work(number: int) -> None:
        start.wait(30)
        made.append(lazily.Plain(number) == lazily.Plain(number))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert made == [True] * 8


def test_the_program_does_it_and_who_imports_us_does_not() -> None:
    said = "import dataclasses, sys; from gateway import errors, values, cli; print(hasattr(dataclasses, 'exec'))"
    program = "import sys; sys.argv = ['toolgate', '--version']; " + said.replace(
        "print(", "cli.compile_late(); print("
    )
    for code, expected in ((said, "False"), (program, "True")):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == expected
