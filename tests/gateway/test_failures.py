import pytest

from gateway.call import Answered, InDoubt, InputRequired, Outcome, Refused, TaskCreated, Unsent
from gateway.failures import failure_of


def failed(text: str) -> Outcome:
    return Answered({"isError": True, "content": [{"type": "text", "text": text}]})


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("No order 17", "no  order 18\n"),
        ("at 2026-11-26T04:30:00Z: lost request 7f3a-11", "at 2026-11-27T05:00:00Z: lost request 8e-4"),
        ('{"error": "timeout", "id": 1}', '{"error": "timeout", "id": 2}'),
        ("object at 0x7f21aa", "object at 0x0012"),
    ],
)
def test_failures_that_differ_in_numbers_capitals_and_spaces_are_the_same(one: str, another: str) -> None:
    assert failure_of(failed(one)) == failure_of(failed(another)) != ""


@pytest.mark.parametrize(
    ("one", "another"),
    [
        (failed("No such order"), failed("No such customer")),
        (failed("No such order"), Refused(-32603, "Internal error")),
        (Refused(-32603, "Internal error"), Refused(-32603, "Out of stock")),
        (InDoubt("the server went away"), InDoubt("no answer in time")),
        (
            Answered({"isError": True, "content": [], "structuredContent": {"error": "gone"}}),
            Answered({"isError": True, "content": [], "structuredContent": {"error": "busy"}}),
        ),
    ],
)
def test_failures_that_say_something_else_are_others(one: Outcome, another: Outcome) -> None:
    assert failure_of(one) != failure_of(another)


@pytest.mark.parametrize(
    "outcome", [Answered({"content": []}), Unsent("away"), InputRequired({}), TaskCreated({"taskId": "t"})]
)
def test_what_went_well_or_was_not_sent_is_no_failure(outcome: Outcome) -> None:
    assert failure_of(outcome) == ""


@pytest.mark.parametrize("content", [None, "text", [None, {"type": "image"}, {"text": 7}], [{"text": "\ud800"}]])
def test_whatever_a_server_sends_has_a_name(content: object) -> None:
    assert len(failure_of(Answered({"isError": True, "content": content}))) == 16


def test_a_long_error_is_looked_at_in_no_time() -> None:
    assert failure_of(failed("a" * 10_000_000)) == failure_of(failed("A" * 4_000))
