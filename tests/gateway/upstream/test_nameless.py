"""An error that names no request is an answer where one message alone can be meant."""

import mcp_types as types

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
