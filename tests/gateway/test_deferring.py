"""When a call that came to nothing is made again by itself."""

import time

import pytest

from gateway import deferring
from gateway.admission import FIRST, Attempt, Work
from gateway.budget import Limits, Spend
from gateway.call import InDoubt, Outcome, Unsent, outcome_to_json
from gateway.deferring import FIRST_PAUSE, LONGEST_PAUSE, MAX_ATTEMPTS, Deferring, pause
from gateway.effects import Effects, ToolWord
from gateway.events import Denied, Held, Returned
from gateway.parties import CallResult, OutOfBudget
from gateway.tracing import Place
from tests.builders import ANN, answer

LOST, DOWN = InDoubt("lost"), Unsent("down")
WORDS = Effects({"shop/twice": ToolWord(retries=2), "shop/never": ToolWord(retries=0)})
NOW = 1_000_000  # of the store, which another machine's clock is not
SAFE = Deferring(WORDS, lambda _path: True, lambda: NOW)
UNSAFE = Deferring(WORDS, lambda _path: False, lambda: NOW)


def test_a_pause_grows_up_to_a_bound_and_has_full_jitter() -> None:
    for attempt in range(1, 12):
        most = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1))
        drawn = [pause(attempt) for _ in range(200)]
        assert all(0 <= each <= most for each in drawn)
        assert max(drawn) - min(drawn) > most / 2


@pytest.mark.parametrize(
    ("deferring", "path", "attempt", "outcome", "again"),
    [
        (UNSAFE, "shop/twice", 1, DOWN, True),
        (UNSAFE, "shop/twice", 2, DOWN, True),
        (UNSAFE, "shop/twice", 3, DOWN, False),
        (UNSAFE, "shop/twice", 1, LOST, False),
        (SAFE, "shop/twice", 2, LOST, True),
        (SAFE, "shop/twice", 3, LOST, False),
        (SAFE, "shop/never", 1, LOST, False),
        (SAFE, "shop/never", 1, DOWN, False),
        (SAFE, "shop/unsaid", 1, DOWN, False),
        (SAFE, "shop/unsaid", MAX_ATTEMPTS - 1, LOST, True),
        (SAFE, "shop/unsaid", MAX_ATTEMPTS, LOST, False),
        (SAFE, "shop/twice", 1, answer("no", is_error=True), False),
        (SAFE, "shop/twice", 1, answer("done"), False),
    ],
)
def test_what_is_made_again_is_safe_and_not_for_ever(
    deferring: Deferring, path: str, attempt: int, outcome: Outcome, again: bool
) -> None:
    found = deferring.deferred("t1/call/1", path, Attempt(attempt), outcome)
    assert (found is not None) is again
    if found is not None:
        assert (found.key, found.attempt) == ("t1/call/1", attempt)
        assert NOW <= found.until <= NOW + 1000 * LONGEST_PAUSE


def work(*, driven: bool = False) -> Work:
    return Work(Place("r-1", ANN, Limits(), Spend()), driven=driven)


def returned(outcome: Outcome) -> Returned:
    return Returned("call/1", outcome_to_json(outcome), {})


AWAY = Denied("call/1", "shop/twice", "{}", "reachable", "away")


@pytest.mark.parametrize(
    ("result", "path", "attempt", "driven", "again"),
    [
        (AWAY, "shop/twice", FIRST, False, True),
        (returned(DOWN), "shop/twice", FIRST, False, True),
        (returned(DOWN), "shop/twice", Attempt(3, asked=True), False, False),
        (returned(DOWN), "shop/unsaid", FIRST, False, False),
        (returned(DOWN), "shop/twice", FIRST, True, False),  # it rests: that is in its record
        (returned(DOWN), "shop/twice", Attempt(answer="A-1"), False, False),  # a task: whoever asks for it comes again
        (returned(LOST), "shop/twice", FIRST, False, False),
        (returned(answer("busy", is_error=True)), "shop/twice", FIRST, False, False),
        (Denied("call/1", "shop/twice", "{}", "permitted", "no"), "shop/twice", FIRST, False, False),
        (Held("call/1", "shop/twice", "A-1", "why"), "shop/twice", FIRST, False, False),
        (OutOfBudget("tokens", "spent"), "shop/twice", FIRST, False, False),
    ],
)
def test_a_client_waits_only_for_what_was_never_sent(
    result: CallResult, path: str, attempt: Attempt, driven: bool, again: bool
) -> None:
    found = SAFE.of_client(result, path, work(driven=driven), attempt, 1e9)
    assert (found is not None) is again
    if found is not None:
        assert (found[1].number, found[1].asked) == (attempt.number + 1, True)


def test_a_client_does_not_wait_beyond_the_time_that_its_call_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deferring, "pause", lambda _attempt: 5.0)
    assert SAFE.of_client(AWAY, "shop/twice", work(), FIRST, 4.0) is None
    found = SAFE.of_client(AWAY, "shop/twice", work(), FIRST, 1e6)
    assert found is not None
    late = Attempt(2, asked=True, until=time.monotonic() + 4.0)
    assert SAFE.of_client(AWAY, "shop/twice", work(), late, 1e6) is None  # the time counts from its first attempt
