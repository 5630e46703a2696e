"""Many that ask one endpoint: what may go in a minute goes, and the others wait in their order."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers import (
    Deadlines,
    Finished,
    Image,
    Message,
    ProviderError,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    ToolSpec,
    Usage,
)
from providers.limiter import LONGEST_REST, Limiter, OverOurLimit, Paced, Rates, weight
from tests.fixtures.acting import ASKED, Acting, answer, clock, heard, timeless


def never(_low: float, _high: float) -> float:
    return 0.0


def limiter(requests: float | None = None, tokens: float | None = None) -> Limiter:
    return Limiter("openai", Rates(requests, tokens), clock(), never)


def test_without_a_limit_nobody_waits() -> None:
    async def scenario() -> None:
        backend = Acting([answer()])
        await asyncio.gather(*(heard(Paced(backend, limiter())) for _ in range(50)))
        assert backend.at == [0.0] * 50

    with timeless() as runner:
        runner.run(scenario())


def test_requests_above_the_limit_wait_in_their_order_and_all_runs_share_it() -> None:
    async def scenario() -> None:
        backend, shared = Acting([answer()]), limiter(requests=6)
        await asyncio.gather(*(heard(Paced(backend, shared)) for _ in range(9)))
        assert backend.at == pytest.approx([0.0] * 6 + [10.0, 20.0, 30.0])

    with timeless() as runner:
        runner.run(scenario())


def test_tokens_are_taken_as_estimated_and_settled_as_used() -> None:
    async def scenario() -> None:
        request = replace(ASKED, max_output_tokens=900)
        backend, shared = Acting([answer(usage=Usage(10, 20))]), limiter(tokens=1000)
        for _ in range(3):
            await heard(Paced(backend, shared), request)
        assert backend.at == [0.0, 0.0, 0.0]  # each took 900 and more, and gave back all but 30
        backend, shared = Acting([answer(usage=Usage(1000, 1000))]), limiter(tokens=1000)
        for _ in range(2):
            await heard(Paced(backend, shared, 1000), request)
        assert backend.at[1] > 60.0  # the first one took twice a minute's worth

    with timeless() as runner:
        runner.run(scenario())


def test_after_a_refusal_nobody_asks_before_the_time_that_was_named() -> None:
    async def scenario() -> None:
        backend, shared = Acting([ProviderError("rate_limit", "slow", retry_after=20.0), answer()]), limiter()
        assert isinstance((await heard(Paced(backend, shared)))[-1], ProviderError)
        assert shared.held == 20.0
        await asyncio.gather(*(heard(Paced(backend, shared)) for _ in range(3)))
        assert backend.at == [0.0, 20.0, 20.0, 20.0]

    with timeless() as runner:
        runner.run(scenario())


def test_who_is_refused_while_others_wait_holds_them_up_too() -> None:
    async def scenario() -> None:
        shared = limiter(requests=1)
        first, second = Acting([answer()]), Acting([answer()])
        await heard(Paced(first, shared))
        waiting = asyncio.create_task(heard(Paced(second, shared, patience=1000)))
        await asyncio.sleep(59)
        shared.refused(100.0)
        await waiting
        assert second.at == [159.0]

    with timeless() as runner:
        runner.run(scenario())


def test_a_refusal_that_names_no_time_holds_for_a_moment() -> None:
    async def scenario() -> None:
        shared = limiter()
        shared.refused(None)
        assert 0 < shared.held <= 10

    with timeless() as runner:
        runner.run(scenario())


def test_an_endpoint_that_wants_to_be_left_alone_for_years_is_asked_again_in_minutes() -> None:
    async def scenario() -> None:
        refusing = ProviderError("rate_limit", "slow", retry_after=999_999_999.0)
        backend, shared = Acting([refusing, answer()]), limiter()
        await heard(Paced(backend, shared))
        assert shared.held == LONGEST_REST
        await heard(Paced(backend, shared, 1e9), replace(ASKED, deadlines=Deadlines(total=1e9)))
        assert backend.at == [0.0, LONGEST_REST]

    with timeless() as runner:
        runner.run(scenario())


def test_whose_deadline_is_before_the_end_of_a_rest_does_not_wait_for_it() -> None:
    async def scenario() -> None:
        shared = limiter()
        shared.refused(999_999_999.0)
        (late,) = await heard(Paced(Acting([answer()]), shared, 1e9), replace(ASKED, deadlines=Deadlines(total=30)))
        assert isinstance(late, OverOurLimit)
        assert (late.retry_after, clock().now()) == (LONGEST_REST, 0.0)

    with timeless() as runner:
        runner.run(scenario())


@pytest.mark.parametrize("reset", ["365d", "1" * 400 + "d", "9999-12-31T23:59:59Z", "1e12"])
@pytest.mark.parametrize("limit", ["1", "5e-324"])
def test_a_header_that_says_all_comes_back_in_years_holds_nobody_for_longer_than_a_rest(limit: str, reset: str) -> None:
    async def scenario() -> None:
        backend, shared = Acting([answer()]), limiter()
        names = [f"x-ratelimit-{part}-requests" for part in ("limit", "remaining", "reset")]
        shared.heard(dict(zip(names, (limit, "0", reset), strict=True)))
        await heard(Paced(backend, shared, 1e9), replace(ASKED, deadlines=Deadlines(total=1e9)))
        assert backend.at[0] <= LONGEST_REST

    with timeless() as runner:
        runner.run(scenario())


@pytest.mark.parametrize("what", ["requests", "tokens"])
def test_what_a_header_says_is_forgotten_after_a_rest_also_if_nobody_waits_for_it(what: str) -> None:
    async def scenario() -> None:
        backend, shared = Acting([answer()]), limiter()
        shared.heard(limits(0, reset="1e12", what=what))
        for waited in (0, 100, 139):  # each is told at once, and for how long it holds still
            await asyncio.sleep(waited)
            (late,) = await heard(Paced(backend, shared))
            assert isinstance(late, OverOurLimit)
            assert late.retry_after == pytest.approx(LONGEST_REST - clock().now())
        await asyncio.sleep(1)
        assert isinstance((await heard(Paced(backend, shared)))[-1], Finished)  # in the last minute it is waited for
        await heard(Paced(backend, shared))  # and then it has said nothing
        assert backend.at == [LONGEST_REST, LONGEST_REST]

    with timeless() as runner:
        runner.run(scenario())


def test_what_is_heard_anew_holds_anew() -> None:
    async def scenario() -> None:
        shared = limiter()
        shared.heard(limits(0, reset="1e12"))
        await asyncio.sleep(200)
        shared.heard(limits(0, reset="1e12"))
        await asyncio.sleep(200)
        (late,) = await heard(Paced(Acting([answer()]), shared))
        assert isinstance(late, OverOurLimit)
        assert late.retry_after == pytest.approx(100)

    with timeless() as runner:
        runner.run(scenario())


_HEADERS = [f"x-ratelimit-{part}-{what}" for part in ("limit", "remaining", "reset") for what in ("requests", "tokens")]
_HEADERS += [
    f"anthropic-ratelimit-{of}-{part}" for of in ("requests", "tokens") for part in ("limit", "remaining", "reset")
]
_SAID = st.one_of(
    st.text(max_size=12),
    st.floats().map(str),
    st.integers().map(str),
    st.sampled_from(["0", "1", "5e-324", "1e12"]),
    st.from_regex(r"[0-9]{1,400}(d|h|m|s|ms)", fullmatch=True),
    st.datetimes().map(lambda then: f"{then.isoformat()}+14:00"),
)


@settings(max_examples=100)
@given(st.lists(st.dictionaries(st.sampled_from(_HEADERS), _SAID), max_size=3), st.one_of(st.none(), st.floats(0)))
def test_whatever_an_endpoint_says_nothing_breaks_and_nobody_waits_for_ever(
    answers: list[dict[str, str]], retry_after: float | None
) -> None:
    async def scenario() -> None:
        backend, shared = Acting([answer()]), limiter()
        for headers in answers:
            shared.heard(headers)
        shared.refused(retry_after)
        await heard(Paced(backend, shared, 1e9), replace(ASKED, deadlines=Deadlines(total=1e9)))
        assert backend.at[0] <= LONGEST_REST

    with timeless() as runner:
        runner.run(scenario())


def test_those_who_were_held_up_together_do_not_come_back_together() -> None:
    async def scenario() -> None:
        drawn = iter([0.1, 0.7, 0.4])
        shared, backend = Limiter("x", None, clock(), lambda _low, _high: next(drawn)), Acting([answer()])
        shared.refused(10.0)
        await asyncio.gather(*(heard(Paced(backend, shared)) for _ in range(3)))
        assert backend.at == pytest.approx([10.1, 10.4, 10.7])

    with timeless() as runner:
        runner.run(scenario())


@pytest.mark.parametrize(("patience", "total"), [(5.0, 600.0), (600.0, 5.0)])
def test_whose_turn_comes_too_late_is_told_at_once_and_takes_nothing(patience: float, total: float) -> None:
    async def scenario() -> None:
        backend, shared = Acting([answer()]), limiter(requests=1)
        request = replace(ASKED, deadlines=Deadlines(total=total))
        await heard(Paced(backend, shared))
        for _ in range(3):  # each would wait for as long: none has taken the place of another
            (late,) = await heard(Paced(backend, shared, patience), request)
            assert isinstance(late, OverOurLimit)
            assert late.kind == "rate_limit"
            assert late.retry_after == pytest.approx(60.0)
            assert str(late) == "`openai` may be asked again in 60 s, which is too late"
        assert clock().now() == 0.0

    with timeless() as runner:
        runner.run(scenario())


def test_whoever_goes_away_while_he_waits_gives_his_place_back() -> None:
    async def scenario() -> None:
        backend, shared = Acting([answer()]), limiter(requests=1)
        await heard(Paced(backend, shared))
        waiting = asyncio.create_task(heard(Paced(backend, shared, 1000)))
        await asyncio.sleep(1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await heard(Paced(backend, shared, 1000))
        assert backend.at == pytest.approx([0.0, 60.0])

    with timeless() as runner:
        runner.run(scenario())


@settings(max_examples=40)
@given(st.lists(st.floats(0, 30), min_size=1, max_size=30), st.integers(1, 30))
def test_however_they_come_no_minute_has_more_than_a_bucket_and_its_refill(gaps: list[float], per_minute: int) -> None:
    async def scenario() -> None:
        backend, shared = Acting([answer()]), limiter(requests=per_minute)
        async with asyncio.TaskGroup() as group:
            for gap in gaps:
                await asyncio.sleep(gap)
                group.create_task(heard(Paced(backend, shared, 1e9), replace(ASKED, deadlines=Deadlines(total=1e9))))
        assert len(backend.at) == len(gaps)
        for start in backend.at:
            within = sum(start <= at <= start + 59.999 for at in backend.at)
            assert within <= 2 * per_minute

    with timeless() as runner:
        runner.run(scenario())


def test_what_a_request_weighs_is_all_that_is_read_and_the_longest_reply() -> None:
    assert weight(ASKED) == pytest.approx((len("Be brief.") + len("Go.")) / 3 + 100)
    parts = (
        Text("x" * 300),
        Thinking("x" * 300),
        ToolCall("c", "t", "x" * 300),
        ToolResult("c", [{"type": "text", "text": "x" * 300}]),
        Image("image/png", "AAAA"),
    )
    request = replace(ASKED, system="", messages=[Message("user", parts)], tools=[ToolSpec("t", "d" * 297, {})])
    assert weight(request) == pytest.approx(100 * 4 + 1000 + 100 + 100, abs=2)


def test_a_reply_without_usage_leaves_the_estimate() -> None:
    async def scenario() -> None:
        backend, shared = Acting([answer(usage=Usage())]), limiter(tokens=1000)
        for _ in range(2):
            events = await heard(Paced(backend, shared, 1000), replace(ASKED, max_output_tokens=900))
            assert isinstance(events[-1], Finished)
        assert backend.at[1] > 0.0

    with timeless() as runner:
        runner.run(scenario())


def limits(left: int, *, limit: int = 60, reset: str = "60s", what: str = "requests") -> dict[str, str]:
    return {
        f"x-ratelimit-limit-{what}": str(limit),
        f"x-ratelimit-remaining-{what}": str(left),
        f"x-ratelimit-reset-{what}": reset,
    }


def test_what_the_endpoint_says_that_it_takes_is_kept_to() -> None:
    async def scenario() -> None:
        backend, shared = Acting([answer()]), limiter()
        shared.heard(limits(2))
        await asyncio.gather(*(heard(Paced(backend, shared)) for _ in range(4)))
        assert backend.at == pytest.approx([0.0, 0.0, 60 / 58, 2 * 60 / 58])
        shared.heard(limits(60))  # nothing is missing: it says nothing about how fast it fills up
        shared.heard({"x-ratelimit-limit-requests": "nonsense"})
        await heard(Paced(backend, shared))
        assert backend.at[-1] == pytest.approx(3 * 60 / 58)

    with timeless() as runner:
        runner.run(scenario())


def test_of_the_endpoints_tokens_only_their_end_is_waited_for() -> None:
    """How it counts them we do not know: whom it would let through is not held up."""

    async def scenario() -> None:
        backend, shared = Acting([answer(usage=Usage(10, 10))]), limiter()
        request = replace(ASKED, max_output_tokens=50_000)
        shared.heard(limits(40_000, limit=80_000, what="tokens"))
        await heard(Paced(backend, shared), request)
        shared.heard(limits(0, limit=80_000, reset="20s", what="tokens"))
        await heard(Paced(backend, shared), request)
        assert backend.at == pytest.approx([0.0, 20 / 80_000])

    with timeless() as runner:
        runner.run(scenario())
