import re
from typing import Any

import pytest

from providers import Message, Reply, Text, ToolCall, Usage
from providers.scripted.faults import KINDS, ODD, Fault, altered, error_of, parsed

_CALLS = Message("assistant", (Text("So."), ToolCall("1", "a", '{"x": 1}'), ToolCall("2", "b", "{}")))
_REPLY = Reply(_CALLS, "tool_calls", Usage(1, 1), "m")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("cut", Fault("cut")),
        (" cut after=3 ", Fault("cut", {"after": "3"})),
        ("cut after=-1 times=2", Fault("cut", {"after": "-1"}, 2)),
        ("429", Fault("status", {"status": "429"})),
        ("429 retry_after=900", Fault("status", {"status": "429", "retry_after": "900"})),
        ('status status=500 message="It broke."', Fault("status", {"status": "500", "message": "It broke."})),
        ("error type=api_error after=0", Fault("error", {"type": "api_error", "after": "0"})),
    ],
)
def test_a_fault_is_written_in_one_line(text: str, fault: Fault) -> None:
    assert parsed(text) == fault


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "there is no fault ``"),
        ("cutt", "there is no fault `cutt`; there are `status`, `html`"),
        ("200", "there is no fault `200`"),
        ("cut before=3", "`cut` has no setting `before`; it has `after`, `times`"),
        ("cut after=x", "`after=x` of `cut` does not fit"),
        ("cut 3", "`3` is no setting"),
        ("status", "`status` needs its number"),
        ("status status=200", "`status=200` of `status` does not fit"),
        ("slow times=-1", "`times=-1` of `slow` does not fit"),
    ],
)
def test_a_mistake_is_named(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        parsed(text)


def test_how_often_is_said_by_the_fault_or_its_place() -> None:
    assert [parsed("cut").times, parsed("cut", times=1).times, parsed("cut times=3", times=1).times] == [0, 1, 3]


@pytest.mark.parametrize(
    ("after", "events", "before"),
    [(None, 10, 3), ("0", 10, 0), ("99", 10, 9), ("-1", 10, 9), ("-99", 10, 0), ("2", 1, 0)],
)
def test_something_comes_before_it_but_never_all(after: str | None, events: int, before: int) -> None:
    assert Fault("cut", {} if after is None else {"after": after}).after(events) == before


@pytest.mark.parametrize(
    ("text", "kind", "status", "wait"),
    [
        ("429 retry_after=2.5", "rate_limit", 429, 2.5),
        ("429 retry_after=date:30", "rate_limit", 429, 30.0),
        ("429 retry_after=soon", "rate_limit", 429, None),
        ("500", "server", 500, None),
        ("503", "overloaded", 503, None),
        ("529", "overloaded", 529, None),
        ("401", "auth", 401, None),
        ("418", "bad_request", 418, None),
        ("html", "protocol", None, None),
        ("cut", "protocol", None, None),
        ("garbled", "protocol", None, None),
        ("wrong-type", "protocol", None, None),
        ("repeat-key status=401", "auth", 401, None),
        ("drop", "network", None, None),
        ("reset", "network", None, None),
        ("silent", "timeout", None, None),
        ("hang", "timeout", None, None),
        ("error", "overloaded", None, None),
        ("error type=rate_limit_error", "rate_limit", None, None),
        ("error type=api_error", "server", None, None),
        ("error status=500", "server", 500, None),
    ],
)
def test_a_fault_is_an_error_of_a_known_kind(text: str, kind: str, status: int | None, wait: float | None) -> None:
    error = error_of(parsed(text))
    assert error is not None
    assert (error.kind, error.status, error.retry_after) == (kind, status, wait)


_STRANGE = ("slow", "unknown-event", "bad-arguments", "cut-arguments", "repeat-key")


@pytest.mark.parametrize("kind", [*sorted(ODD), *_STRANGE])
def test_what_only_sounds_strange_is_no_error(kind: str) -> None:
    assert error_of(parsed(kind)) is None
    assert kind in KINDS


@pytest.mark.parametrize(
    ("kind", "arguments", "finish"),
    [
        ("bad-arguments", ["{'x': 1}", "{,}"], "tool_calls"),
        ("cut-arguments", ['{"x": 1}', "{"], "length"),
        ("slow", ['{"x": 1}', "{}"], "tool_calls"),
    ],
)
def test_arguments_may_be_broken(kind: str, arguments: list[str], finish: Any) -> None:
    found = altered(_REPLY, parsed(kind))
    assert [call.arguments for call in found.message.tool_calls] == arguments
    assert (found.finish, found.message.text) == (finish, "So.")


def test_without_a_fault_or_calls_a_reply_stays_what_it_is() -> None:
    silent = Reply(Message("assistant", (Text("So."),)), "stop", Usage(), "m")
    assert altered(_REPLY, None) is _REPLY
    assert altered(silent, parsed("cut-arguments")) is silent
