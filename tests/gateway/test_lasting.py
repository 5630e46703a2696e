"""A remembered yes covers such calls and no others."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.approval import Remember
from gateway.call import Arguments
from gateway.lasting import LONGEST_SESSION, Delegation, Remembered, moment, remembered
from tests.builders import ANN, NOON, a_call, an_approval

CALL = a_call("shop/refund", '{"amount": 100, "customer": "c-1", "note": "x"}')
ASKED = replace(an_approval(call=CALL), session="r-1", client="an editor", server_pin="server-1")
HERE = ("r-1", "client:an editor")


def kept(scope: Any = "until", *by: str, until: int | None = NOON + 1_000) -> Remembered:
    return remembered(ASKED, "user:bob", Remember(scope, by, until), NOON)


def covers(found: Remembered, arguments: str = CALL.arguments.text, **more: Any) -> bool:
    given: dict[str, Any] = {"pin": "pin-1", "server_pin": "server-1", "places": HERE, "now": NOON} | more
    subject, path = given.pop("subject", ANN), given.pop("path", "shop/refund")
    return found.covers(a_call(path, arguments, subject=subject), **given)


def test_without_fields_it_is_good_for_exactly_these_arguments() -> None:
    assert covers(kept())
    assert not covers(kept(), '{"amount": 100.0, "customer": "c-1", "note": "x"}')
    assert not covers(kept(), '{"amount": 100, "customer": "c-1", "note": "y"}')


@pytest.mark.parametrize(
    ("arguments", "covered"),
    [
        ('{"amount": 100, "customer": "c-1", "note": "something else"}', True),
        ('{"amount": 101, "customer": "c-1", "note": "x"}', False),
        ('{"amount": 100.0, "customer": "c-1", "note": "x"}', False),
        ('{"amount": true, "customer": "c-1", "note": "x"}', False),
        ('{"amount": 100, "customer": "c-2", "note": "x"}', False),
        ('{"amount": 100, "customer": "c-1", "note": "x", "force": true}', False),
        ('{"amount": 100, "customer": "c-1"}', False),
    ],
)
def test_with_fields_these_must_be_the_same_and_no_argument_comes_or_goes(arguments: str, covered: bool) -> None:
    assert covers(kept("until", "amount", "customer"), arguments) is covered


@pytest.mark.parametrize(
    "other",
    [
        {"pin": "pin-2"},
        {"server_pin": "server-2"},
        {"path": "shop/order"},
        {"now": NOON + 1_000},
        {"subject": replace(ANN, user="user:eve")},
        {"subject": replace(ANN, agent=None)},
        {"subject": replace(ANN, tenant="umbrella")},
    ],
)
def test_it_is_good_for_nobody_and_nothing_else_and_has_an_end(other: dict[str, Any]) -> None:
    assert covers(kept())
    assert not covers(kept(), **other)


def test_it_knows_what_asked_when_it_was_given_and_whether_its_run_had_read_something_untrusted() -> None:
    asked = replace(ASKED, reasons=("line:1",), risk=("destructive",))
    assert remembered(asked, "user:bob", Remember("run"), NOON).reasons == ("line:1",)
    tainted = replace(asked, risk=("destructive", "tainted"))
    assert remembered(tainted, "user:bob", Remember("run"), NOON).reasons == ("line:1", "tainted")


def test_it_knows_which_arguments_held_a_secret_and_tells_of_no_other_ones() -> None:
    found = remembered(replace(ASKED, risk=("credential:note",)), "user:bob", Remember("run", ("amount",)), NOON)
    assert found.reasons == ("credential:note",)
    same, other = CALL.arguments, Arguments.parse('{"amount": 100, "customer": "c-1", "note": "y"}')
    asked = [(same, ()), (same, ("note",)), (other, ("note",)), (same, ("note", "customer")), (other, ())]
    assert [found.tells_of(*each) for each in asked] == [True, True, False, False, True]
    assert not kept("run", "amount").tells_of(same, ("note",))


@pytest.mark.parametrize(("scope", "place"), [("run", "r-1"), ("session", "r-1"), ("client", "client:an editor")])
def test_for_a_run_or_a_session_it_is_good_there_and_for_a_working_day_at_most(scope: str, place: str) -> None:
    assert covers(kept(scope), places=(place,))
    assert not covers(kept(scope), places=("another",))
    assert covers(kept(scope), now=NOON + LONGEST_SESSION - 1)
    assert not covers(kept(scope), now=NOON + LONGEST_SESSION)


def test_what_was_taken_back_is_good_for_nothing_any_more() -> None:
    assert not covers(replace(kept(), revoked=NOON))


def test_it_says_whose_word_it_is_and_how_long_it_holds() -> None:
    assert kept().said == "allowed by A-1 of user:bob, until 2026-11-21 12:00 UTC"
    assert kept().to_json()["fields"] == []


def test_a_delegation_has_an_end() -> None:
    made = Delegation("D-1", "user:bob", "user:eve", "acme", NOON, NOON + 10)
    assert made.in_force(NOON + 9)
    assert not made.in_force(NOON + 10)
    assert not replace(made, revoked=NOON + 1).in_force(NOON + 2)
    assert made.to_json()["absent"] == "user:bob"


@pytest.mark.parametrize(
    ("text", "millis"),
    [
        ("8h", NOON + 8 * 3_600_000),
        (" 3 d ", NOON + 3 * 86_400_000),
        ("15min", NOON + 900_000),
        ("2026-12-01", 1_796_083_200_000),
        ("2026-12-01T14:00", 1_796_083_200_000 + 14 * 3_600_000),
        ("2026-12-01T14:00+02:00", 1_796_083_200_000 + 12 * 3_600_000),
    ],
)
def test_a_moment_is_a_date_or_a_span_from_now(text: str, millis: int) -> None:
    assert moment(text, NOON) == millis


@pytest.mark.parametrize("text", ["", "soon", "0h", "8", "2020-01-01", "99999d9", "1e3h"])
def test_what_is_no_moment_or_is_over_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no date|is over already"):
        moment(text, NOON)
