"""One endpoint, many that ask it: who is not let through is told, and one at a time finds out whether it is well."""

import asyncio
from contextlib import aclosing

import pytest

from providers import Finished, ProviderError, Retrying, Started
from providers.breaker import Breaker, CircuitOpen, Guarded
from providers.circuit import Closed, Open, Rule
from providers.own_errors import Unsent
from tests.fixtures.acting import ASKED, Acting, Hang, answer, clock, heard, timeless

RULE = Rule(failures=2, rest=10.0, most=60.0)
BROKEN = ProviderError("server", "broken")


def test_an_endpoint_that_fails_in_a_row_is_left_alone_then_tried_and_then_well_again() -> None:
    async def scenario() -> None:
        told: list[str] = []
        breaker = Breaker("anthropic", RULE, clock(), told=lambda changed: told.append(changed.name))
        backend = Acting([BROKEN, BROKEN, BROKEN, answer()])
        guarded = Guarded(backend, breaker)
        for _ in range(2):
            assert await heard(guarded) == [BROKEN]
        (refused,) = await heard(guarded)
        assert isinstance(refused, CircuitOpen)
        assert (refused.kind, refused.retry_after) == ("overloaded", 10.0)
        assert str(refused) == "`anthropic` failed too often and is left alone for 10 s (server)"
        assert (len(backend.asked), breaker.name, breaker.rests) == (2, "open", 10.0)
        await asyncio.sleep(10)
        assert await heard(guarded) == [BROKEN]  # it was tried, and is not well: twice the rest
        assert breaker.rests == 20.0
        await asyncio.sleep(20)
        assert isinstance((await heard(guarded))[-1], Finished)
        assert breaker.name == "closed"
        assert told == ["open", "half-open", "open", "half-open", "closed"]

    with timeless() as runner:
        runner.run(scenario())


def test_while_one_tries_the_others_are_refused() -> None:
    async def scenario() -> None:
        breaker = Breaker("x", RULE, clock())
        breaker.state = Open(0.0, 1, "server")
        backend = Acting([Hang(5.0, answer())])
        found = await asyncio.gather(*(heard(Guarded(backend, breaker)) for _ in range(10)))
        assert len(backend.asked) == 1
        assert sum(isinstance(events[-1], CircuitOpen) for events in found) == 9
        assert breaker.name == "closed"

    with timeless() as runner:
        runner.run(scenario())


def test_the_first_word_lets_the_others_in_again_and_a_reply_that_breaks_shuts_them_out_for_longer() -> None:
    async def scenario() -> None:
        breaker = Breaker("x", RULE, clock())
        breaker.state = Open(0.0, 1, "server")
        async with aclosing(Guarded(Acting([[Started("a"), BROKEN]]), breaker).stream(ASKED)) as events:
            await anext(events)
            assert breaker.name == "closed"
            breaker.admit()  # another one
            with pytest.raises(ProviderError):
                await anext(events)
        assert (breaker.name, breaker.rests) == ("open", 20.0)

    with timeless() as runner:
        runner.run(scenario())


def test_whoever_goes_away_while_he_tries_leaves_it_to_the_next() -> None:
    async def scenario() -> None:
        breaker = Breaker("x", RULE, clock())
        breaker.state = Open(0.0, 1, "server")
        trying = asyncio.create_task(heard(Guarded(Acting([Hang(60.0, answer())]), breaker)))
        await asyncio.sleep(1)
        assert breaker.name == "half-open"
        trying.cancel()
        await asyncio.gather(trying, return_exceptions=True)
        assert isinstance(breaker.state, Open)
        assert breaker.rests == 0.0
        assert isinstance((await heard(Guarded(Acting([answer()]), breaker)))[-1], Finished)

    with timeless() as runner:
        runner.run(scenario())


@pytest.mark.parametrize("kind", ["auth", "permission", "quota", "bad_request", "too_large", "rate_limit", "refused"])
def test_an_endpoint_that_refuses_is_well(kind: str) -> None:
    async def scenario() -> None:
        breaker = Breaker("x", RULE, clock())
        refusing = Guarded(Acting([BROKEN, ProviderError(kind, "no"), BROKEN]), breaker)  # type: ignore[arg-type]
        for _ in range(3):
            await heard(refusing)
        assert breaker.state == Closed(1)

    with timeless() as runner:
        runner.run(scenario())


def test_what_was_not_sent_says_nothing_about_the_endpoint() -> None:
    async def scenario() -> None:
        breaker = Breaker("x", RULE, clock())
        unsent = Unsent("rate_limit", "later", retry_after=1.0)
        for _ in range(5):
            assert await heard(Guarded(Acting([unsent]), breaker)) == [unsent]
        breaker.state = Open(0.0, 1, "server")
        await heard(Guarded(Acting([unsent]), breaker))
        assert breaker.rests == 0.0
        assert isinstance(breaker.state, Open)  # the next one may try

    with timeless() as runner:
        runner.run(scenario())


def test_what_is_remembered_from_before_holds_as_long_as_was_said() -> None:
    async def scenario() -> None:
        breaker = Breaker("x", RULE, clock())
        breaker.recall(30.0, 2, BROKEN)
        assert (breaker.name, breaker.rests) == ("open", 30.0)
        await asyncio.sleep(30)
        await heard(Guarded(Acting([BROKEN]), breaker))
        assert breaker.rests == 40.0

    with timeless() as runner:
        runner.run(scenario())


def test_events_go_through_as_they_are() -> None:
    async def scenario() -> None:
        backend = Acting([[Started("a"), Retrying(2, 1.0, BROKEN), Finished(answer())]])
        assert await heard(Guarded(backend, Breaker("x", RULE, clock()))) == list(backend.acts[0])  # type: ignore[arg-type]

    with timeless() as runner:
        runner.run(scenario())
