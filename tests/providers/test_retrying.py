"""When the same request is made again, after how long, and when not."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import Deadlines, Finished, ProviderError, Retrying, Started, StreamEvent, TextDelta
from providers.breaker import CircuitOpen
from providers.own_errors import GaveUp
from providers.retrying import Patience, Persistent
from tests.fixtures.acting import ASKED, Acting, Hang, answer, clock, heard, timeless

BUSY = ProviderError("overloaded", "busy")
AGAIN = ["rate_limit", "overloaded", "server", "timeout", "network", "protocol"]
NEVER = ["auth", "permission", "quota", "not_found", "bad_request", "too_large", "too_long", "refused", "script"]


def longest(_low: float, high: float) -> float:
    """What is drawn, at most."""
    return high


@pytest.mark.parametrize("kind", AGAIN)
def test_what_may_help_is_tried_again_and_told(kind: str) -> None:
    async def scenario() -> None:
        error = ProviderError(kind, "no")  # type: ignore[arg-type]
        backend = Acting([error, error, answer()])
        events = await heard(Persistent(backend, Patience(), clock(), longest))
        assert events[:2] == [Retrying(2, 0.5, error), Retrying(3, 1.0, error)]
        assert isinstance(events[-1], Finished)
        assert backend.at == [0.0, 0.5, 1.5]

    with timeless() as runner:
        runner.run(scenario())


@pytest.mark.parametrize("kind", NEVER)
def test_what_would_fail_again_is_not_tried_again(kind: str) -> None:
    async def scenario() -> None:
        error = ProviderError(kind, "no")  # type: ignore[arg-type]
        backend = Acting([error])
        assert await heard(Persistent(backend, Patience(), clock())) == [error]
        assert len(backend.asked) == 1

    with timeless() as runner:
        runner.run(scenario())


def test_after_so_many_attempts_it_gives_up_and_says_how_many_there_were() -> None:
    async def scenario() -> None:
        backend = Acting([BUSY])
        events = await heard(Persistent(backend, Patience(attempts=3), clock(), longest))
        assert isinstance(events[-1], GaveUp)
        assert (str(events[-1]), events[-1].kind, events[-1].retryable) == ("busy (attempt 3)", "overloaded", False)
        assert len(backend.asked) == 3

    with timeless() as runner:
        runner.run(scenario())


def test_a_stream_that_ends_without_its_end_is_an_error_that_is_tried_again() -> None:
    async def scenario() -> None:
        events = await heard(Persistent(Acting([[Started("a")], answer()]), Patience(), clock(), longest))
        assert isinstance(events[1], Retrying)
        assert events[1].error.kind == "protocol"
        assert isinstance(events[-1], Finished)

    with timeless() as runner:
        runner.run(scenario())


def test_a_reply_that_broke_after_words_is_tried_again_because_nothing_of_it_was_kept() -> None:
    async def scenario() -> None:
        broken: list[StreamEvent | Exception] = [Started("a"), TextDelta("Half a"), ProviderError("network", "cut")]
        again = await heard(Persistent(Acting([broken, answer("Whole.")]), Patience(), clock(), longest))
        assert [type(event).__name__ for event in again] == [
            "Started", "TextDelta", "Retrying", "Started", "TextDelta", "Finished",
        ]  # fmt: skip
        once = await heard(Persistent(Acting([broken, answer()]), Patience(after_words=False), clock(), longest))
        assert isinstance(once[-1], GaveUp)
        silent: list[StreamEvent | Exception] = [Started("a"), ProviderError("network", "cut")]
        careful = Persistent(Acting([silent, answer()]), Patience(after_words=False), clock(), longest)
        assert isinstance((await heard(careful))[-1], Finished)

    with timeless() as runner:
        runner.run(scenario())


def test_it_comes_back_no_sooner_than_it_was_asked_to() -> None:
    async def scenario() -> None:
        backend = Acting([ProviderError("rate_limit", "slow", retry_after=7.0), answer()])
        await heard(Persistent(backend, Patience(), clock(), longest))
        assert backend.at == [0.0, 7.5]

    with timeless() as runner:
        runner.run(scenario())


@pytest.mark.parametrize(("asked", "total"), [(900.0, 600.0), (61.0, 600.0), (30.0, 30.0)])
def test_who_would_have_to_wait_too_long_gives_up_at_once(asked: float, total: float) -> None:
    async def scenario() -> None:
        backend = Acting([ProviderError("rate_limit", "slow", retry_after=asked)])
        request = replace(ASKED, deadlines=Deadlines(total=total))
        events = await heard(Persistent(backend, Patience(), clock(), longest), request)
        assert isinstance(events[-1], GaveUp)
        assert events[-1].retry_after == asked
        assert (len(backend.asked), clock().now()) == (1, 0.0)

    with timeless() as runner:
        runner.run(scenario())


def test_all_attempts_share_one_deadline() -> None:
    async def scenario() -> None:
        backend = Acting([Hang(40.0, BUSY), Hang(40.0, BUSY), answer()])
        request = replace(ASKED, deadlines=Deadlines(total=60.0))
        events = await heard(Persistent(backend, Patience(), clock(), longest), request)
        assert [asked.deadlines.total for asked in backend.asked] == [60.0, 19.5]
        assert isinstance(events[-1], GaveUp)

    with timeless() as runner:
        runner.run(scenario())


def test_an_endpoint_that_is_left_alone_is_waited_for_only_where_there_is_no_other() -> None:
    async def scenario() -> None:
        resting = CircuitOpen("overloaded", "it rests", retry_after=10.0)
        alone = Acting([resting, answer()])
        assert isinstance((await heard(Persistent(alone, Patience(), clock(), longest)))[-1], Finished)
        other = Acting([resting, answer()])
        (given_up,) = await heard(Persistent(other, Patience(for_circuit=False), clock(), longest))
        assert isinstance(given_up, GaveUp)
        assert len(other.asked) == 1

    with timeless() as runner:
        runner.run(scenario())


def test_who_waits_for_a_circuit_makes_no_attempt_meanwhile() -> None:
    async def scenario() -> None:
        resting = CircuitOpen("overloaded", "it rests", retry_after=5.0)
        backend = Acting([*[resting] * 8, BUSY, answer()])
        events = await heard(Persistent(backend, Patience(attempts=2), clock(), longest))
        assert isinstance(events[-1], Finished)
        forever = Acting([resting])
        (*_, gave_up) = await heard(Persistent(forever, Patience(attempts=2), clock(), longest))
        assert isinstance(gave_up, GaveUp)
        assert clock().now() < 2 * 600.0  # no longer than the deadline

    with timeless() as runner:
        runner.run(scenario())


def test_whoever_stops_listening_ends_the_request_and_there_is_no_other() -> None:
    async def scenario() -> None:
        backend = Acting([Hang(5.0, BUSY), answer()])
        async with aclosing(Persistent(backend, Patience(), clock(), longest).stream(ASKED)) as events:
            assert isinstance(await anext(events), Retrying)
        assert (backend.open, len(backend.asked)) == (0, 1)
        waiting = asyncio.create_task(heard(Persistent(backend := Acting([Hang(5.0, answer())]), None, clock())))
        await asyncio.sleep(1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert backend.open == 0

    with timeless() as runner:
        runner.run(scenario())


@given(
    attempts=st.integers(1, 8),
    kinds=st.lists(st.sampled_from([*AGAIN, "auth"]), min_size=1, max_size=10),
    asked=st.lists(st.none() | st.floats(0, 100), min_size=1, max_size=10),
    total=st.floats(0.1, 300),
    drawn=st.floats(0, 1),
)
def test_whatever_fails_no_bound_is_passed(
    attempts: int, kinds: list[str], asked: list[float | None], total: float, drawn: float
) -> None:
    """Never more attempts, never past the deadline, never sooner than was asked, and every pause within its bound."""
    patience = Patience(attempts=attempts, base=0.5, most=8.0, longest=60.0)
    errors = [
        ProviderError(kind, "no", retry_after=asked[at % len(asked)])  # type: ignore[arg-type]
        for at, kind in enumerate(kinds)
    ]

    async def scenario() -> None:
        backend = Acting(errors)
        request = replace(ASKED, deadlines=Deadlines(total=total))
        events = await heard(
            Persistent(backend, patience, clock(), lambda low, high: low + (high - low) * drawn), request
        )
        retries = [event for event in events if isinstance(event, Retrying)]
        assert len(backend.asked) == len(retries) + 1 <= attempts
        assert clock().now() < total
        assert [retry.attempt for retry in retries] == list(range(2, len(retries) + 2))
        for number, retry in enumerate(retries, 1):
            least = retry.error.retry_after or 0.0
            assert least <= retry.delay <= least + min(8.0, 0.5 * 2 ** (number - 1)) + 1e-9
            assert least <= 60.0
            assert retry.error.kind in AGAIN
            assert backend.at[number] - backend.at[number - 1] >= retry.delay - 1e-9
        assert isinstance(events[-1], ProviderError)
        assert not events[-1].retryable

    with timeless() as runner:
        runner.run(scenario())
