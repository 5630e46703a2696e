"""An error that names no request is an answer where one message alone can be meant."""

import mcp_types as types
import pytest

from gateway.upstream import nameless as under_test
from gateway.upstream.nameless import Nameless

INITIALIZED = types.JSONRPCNotification(jsonrpc="2.0", method="notifications/initialized")
PONG = types.JSONRPCResponse(jsonrpc="2.0", id=1, result={})


def request(request_id: str | int) -> types.JSONRPCRequest:
    return types.JSONRPCRequest(jsonrpc="2.0", id=request_id, method="m")


def error() -> types.JSONRPCError:
    return types.JSONRPCError(jsonrpc="2.0", id=None, error=types.ErrorData(code=-32700, message="Parse error"))


def after(*calls: str) -> Nameless:
    """Of a connection on which these calls are under way."""
    made = Nameless()
    for call in calls:
        made.wrote(request(call), call=True)
    return made


def test_it_is_about_the_only_one_that_is_under_way() -> None:
    known = after("a", "b")
    assert known.answered("b") is None
    assert known.meant(error()) == "a"
    known.answered("a")
    assert known.meant(error()) is None


def test_of_several_nobody_gets_it_until_all_others_are_answered() -> None:
    known, said = after("a", "b", "c"), error()
    assert known.meant(said) is None
    assert known.answered("c") is None
    known.wrote(request("d"), call=True)
    assert known.answered("d") is None
    assert known.answered("a") is said
    assert said.id == "b"


def test_of_two_that_may_be_about_several_neither_is_given_to_the_wrong_one() -> None:
    known, said = after("a", "b", "c"), error()
    assert known.meant(said) is None
    assert known.meant(error()) is None
    assert [known.answered("a"), said.id] == [None, None]


def test_what_was_written_beside_calls_may_be_meant_until_something_behind_it_is_answered() -> None:
    known = Nameless()
    known.wrote(request(1), call=False)  # our own `initialize`
    assert known.meant(error()) == 1
    known.answered(1)
    known.wrote(INITIALIZED, call=False)
    known.wrote(request("a"), call=True)
    assert known.meant(error()) is None
    assert known.answered("a") is None  # and so it was about what has no answer
    for message in (request(2), PONG):
        known.wrote(message, call=False)
    known.wrote(request("b"), call=True)
    known.wrote(request("c"), call=True)
    assert known.answered("c") is None
    assert known.meant(error()) == "b"


def test_one_about_a_request_of_ours_is_answered_by_it_too() -> None:
    known, said = Nameless(), error()
    known.wrote(request(1), call=False)
    known.wrote(request("a"), call=True)
    assert known.meant(said) is None
    assert known.answered("a") is said
    assert said.id == 1


def test_beyond_so_many_calls_that_are_never_answered_it_may_be_about_any() -> None:
    known = after(*(f"{number}" for number in range(under_test.MOST + 1)))
    for number in range(under_test.MOST + 1):
        known.answered(f"{number}")
    known.wrote(request("a"), call=True)
    assert known.meant(error()) is None
    assert known.answered("a") is None


def test_beyond_so_many_requests_of_our_own_that_are_never_answered_too() -> None:
    known = Nameless()
    for number in range(under_test.MOST + 1):
        known.wrote(request(number), call=False)
    known.wrote(request("a"), call=True)
    known.answered("a")
    known.wrote(request("b"), call=True)
    assert known.meant(error()) is None


def kept(known: Nameless) -> int:
    """How much is remembered, all in all."""
    return sum(len(each) for each in vars(known).values() if hasattr(each, "__len__"))


def test_of_what_a_server_asks_without_end_nothing_is_kept() -> None:
    """Nothing but that there was something: as long as nothing is answered that was written behind it."""
    known = after("a")
    for _ in range(5):
        known.wrote(PONG, call=False)
    before = kept(known)
    for _ in range(10 * under_test.MOST):
        known.wrote(PONG, call=False)
    assert kept(known) == before
    assert known.meant(error()) is None
    assert known.answered("a") is None  # it may have been about one of our answers
    known.wrote(request("b"), call=True)
    known.wrote(request("c"), call=True)
    known.answered("c")
    assert known.meant(error()) == "b"


def test_an_error_is_about_a_call_again_once_what_may_be_meant_beside_it_is_one_that_names_nobody() -> None:
    known = after("a")
    known.wrote(PONG, call=False)
    known.wrote(PONG, call=False)
    known.wrote(request("b"), call=True)
    assert known.meant(error()) is None
    assert [known.answered("a"), known.answered("b")] == [None, None]
    known.wrote(request("c"), call=True)
    known.wrote(request("d"), call=True)
    said = error()
    assert known.meant(said) is None
    assert known.answered("c") is said
    assert said.id == "d"


def test_for_a_second_error_while_the_first_waits_nothing_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    suspects = vars(Nameless)["_suspects"]

    def counted(self: Nameless) -> dict[int, str | int | None]:
        looked.append(1)
        found: dict[int, str | int | None] = suspects(self)
        return found

    monkeypatch.setattr(Nameless, "_suspects", counted)
    known = after("a", "b", "c")
    for _ in range(100):
        assert known.meant(error()) is None
    assert len(looked) == 1
