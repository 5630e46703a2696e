"""What is left, for people, read off the accounts."""

from datetime import UTC, datetime

import pytest

from gateway.accounts import Budget, Scope, Use
from gateway.balances import Booked, Person, balances
from gateway.budget import Limits
from gateway.call import Subject
from gateway.windows import Window

NOON = datetime(2026, 11, 26, 12, 0, 30, tzinfo=UTC)
ANN, BOB = Subject("user:ann", "acme"), Subject("user:bob", "acme")
TEN = Limits(tool_calls=10)
EACH = Budget("each", TEN, Scope(("subject",)), Window("day"))
ALL = Budget("all", Limits(nanos=5_000_000_000, tool_calls=3), Scope((), {"subject": ("user:ann",)}))


def account(budget: Budget, who: Subject = ANN, now: datetime = NOON) -> str:
    (found,) = budget.accounts(Use("r", who, path="a/b"), now)
    return found.name


def test_what_is_settled_and_what_is_under_way_are_told_apart() -> None:
    (found,) = balances([EACH], [Booked(account(EACH), "tool_calls", 6, 2)], NOON)
    assert (found.used, found.reserved, found.left, found.low) == (6, 2, 2, True)
    assert found.text == "2 tool calls of 10 tool calls left, 2 tool calls under way"
    assert found.ends == datetime(2026, 11, 27, tzinfo=UTC).timestamp()


def test_what_was_taken_in_another_window_is_not_told() -> None:
    yesterday = NOON.replace(day=25)
    (found,) = balances([EACH], [Booked(account(EACH, now=yesterday), "tool_calls", 6, 0)], NOON)
    assert (found.key, found.left) == ("", 10)


def test_slices_of_a_window_that_slides_are_one() -> None:
    slides = Budget("slides", TEN, window=Window("minute", sliding=True))
    moments = [NOON.replace(second=second) for second in (0, 10, 29)] + [NOON.replace(minute=1, second=0)]
    rows = [Booked(account(slides, now=now), "tool_calls", 1, 0) for now in moments]
    (found,) = balances([slides], rows, NOON)
    assert found.used == 4  # the last one by a clock that is ahead of ours
    (found,) = balances([slides], rows, NOON.replace(minute=1, second=5))
    assert found.used == 3


def test_every_limit_and_every_account_has_a_line() -> None:
    rows = [Booked(account(EACH, who), "tool_calls", 1, 0) for who in (ANN, BOB)]
    found = balances([EACH, ALL], rows, NOON)
    assert [(one.budget, one.key, one.unit) for one in found] == [
        ("each", "tenant=acme,subject=user:ann", "tool_calls"),
        ("each", "tenant=acme,subject=user:bob", "tool_calls"),
        ("all", "", "tool_calls"),
        ("all", "", "nanos"),
    ]


@pytest.mark.parametrize(
    ("who", "roles", "shown"),
    [
        (ANN, (), ["each/user:ann", "all/"]),
        (BOB, (), ["each/user:bob"]),
        (BOB, ("role:desk",), ["each/user:bob", "role/role:desk"]),
        (Subject("user:ann", "other"), (), ["all/"]),
    ],
)
def test_a_person_sees_only_where_he_counts(who: Subject, roles: tuple[str, ...], shown: list[str]) -> None:
    role = Budget("role", TEN, Scope(("role",), {"role": ("role:d*",)}))
    rows = [Booked(account(EACH, each), "tool_calls", 1, 0) for each in (ANN, BOB)]
    rows.append(Booked("budget:role|tenant=acme,role=role:desk", "tool_calls", 1, 0))
    found = balances([EACH, ALL, role], rows, NOON, Person(who, frozenset(roles)))
    assert [f"{one.budget}/{one.key.rpartition('=')[2]}" for one in found if one.unit == "tool_calls"] == shown
