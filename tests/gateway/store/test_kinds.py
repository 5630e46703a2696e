"""Values from elsewhere, against the types that ours have."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pytest

from gateway.call import Subject
from gateway.store.kinds import fits, hints

GOOD: list[tuple[Any, Any]] = [
    ("a", str), (1, int), (True, bool), (1, float), (0.5, float), (None, str | None), ("x", Literal["x", "y"]),
    (("a",), tuple[str, ...]), (["a"], Sequence[str]), ({"a": 1}, Mapping[str, int]),
    ({"a": [None, 0.5]}, Mapping[str, Any]),
    (Subject("user:ann", "acme"), Subject),
]  # fmt: skip
BAD: list[tuple[Any, Any]] = [
    (1, str), (True, int), (1, bool), ("1", float), (1, str | None), ("z", Literal["x", "y"]), (1, Literal[True]),
    (["a"], tuple[str, ...]), ((1,), tuple[str, ...]), ("a", Sequence[str]), ([1], Sequence[str]),
    ({"a": "1"}, Mapping[str, int]),
    ({1: "a"}, Mapping[str, Any]), ([], Mapping[str, int]), ({"a": object()}, Mapping[str, Any]), (2**63, int),
    ("a\0b", str), (Subject("user:ann", 5), Subject),  # type: ignore[arg-type]
]  # fmt: skip


@pytest.mark.parametrize(("value", "kind"), GOOD)
def test_what_is_of_its_kind_fits(value: Any, kind: Any) -> None:
    assert fits(value, kind)


@pytest.mark.parametrize(("value", "kind"), BAD)
def test_what_is_of_another_kind_does_not(value: Any, kind: Any) -> None:
    assert not fits(value, kind)


def test_within_a_text_of_json_there_may_be_what_no_column_takes() -> None:
    assert all(fits(odd, Any, apart=False) for odd in ("a\0b", "\ud800", 10**30, {"a": ["\0"]}))
    assert not fits({"a": ["\0"]}, Any)
    with pytest.raises(UnicodeEncodeError):
        fits("\ud800", str)


def test_the_fields_of_a_dataclass_have_their_types() -> None:
    assert hints(Subject) == {"user": str, "tenant": str, "agent": str | None, "since": float | None}
