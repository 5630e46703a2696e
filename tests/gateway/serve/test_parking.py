"""Calls that wait for their client: taken up where they stand, and given up when nobody comes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.caller import Caller, CantAsk
from gateway.serve.callers import Quiet
from gateway.serve.parking import MOST_OWNED, Asked, Gone, Parking

ANN = Quiet("ann", True, {"elicitation": {}})
BOB = Quiet("bob", True, {"elicitation": {}})
FORM = {"message": "Who?"}
PATIENCE = 20.0


def within(scenario: Callable[[], Awaitable[None]]) -> None:
    async def work() -> None:
        async with asyncio.timeout(PATIENCE):
            await scenario()

    asyncio.run(work())


async def named(caller: Caller) -> Any:
    """A call whose server asks once."""
    return (await caller.ask("elicitation/create", FORM))["content"]["name"]


async def begun(parking: Parking, caller: Caller = ANN, work: Callable[[Caller], Awaitable[Any]] = named) -> Asked:
    asked = await parking.begin(caller, work)
    assert isinstance(asked, Asked)
    return asked


def answers(asked: Asked, name: str) -> dict[str, Any]:
    return {key: {"action": "accept", "content": {"name": name}} for key in asked.questions}


def test_a_call_without_questions_is_simply_made() -> None:
    async def scenario() -> None:
        async def plain(_caller: Caller) -> int:
            return 3

        assert await Parking().begin(ANN, plain) == 3

    within(scenario)


def test_a_client_comes_back_with_the_answer_and_gets_the_result() -> None:
    async def scenario() -> None:
        parking = Parking()
        asked = await begun(parking)
        assert list(asked.questions.values()) == [{"method": "elicitation/create", "params": FORM}]
        assert await parking.resume(asked.id, ANN, answers(asked, "Ann")) == "Ann"
        with pytest.raises(Gone):  # what is over is over
            await parking.resume(asked.id, ANN, {})

    within(scenario)


def test_without_the_answer_the_same_is_asked_again() -> None:
    async def scenario() -> None:
        parking = Parking()
        asked = await begun(parking)
        again = await parking.resume(asked.id, ANN, {"another": {"action": "accept"}, next(iter(asked.questions)): 7})
        assert (again.id, again.questions) == (asked.id, asked.questions)
        assert await parking.resume(again.id, ANN, answers(again, "Ann")) == "Ann"

    within(scenario)


def test_a_call_may_ask_several_times() -> None:
    async def scenario() -> None:
        async def twice(caller: Caller) -> tuple[Any, Any]:
            return await named(caller), await named(caller)

        parking = Parking()
        first = await begun(parking, work=twice)
        second = await parking.resume(first.id, ANN, answers(first, "one"))
        assert isinstance(second, Asked)
        assert second.questions.keys() != first.questions.keys()
        assert await parking.resume(second.id, ANN, answers(second, "two")) == ("one", "two")

    within(scenario)


def test_what_the_server_says_goes_to_whoever_waits_now() -> None:
    async def scenario() -> None:
        heard: list[str] = []

        class Listening(Quiet):
            def hear(self, method: str, params: Any) -> None:
                heard.append(f"{self.log_level} {params['n']}")

        async def telling(caller: Caller) -> None:
            caller.hear("notifications/message", {"n": 1})
            await named(caller)
            caller.hear("notifications/message", {"n": 2})

        parking = Parking()
        one, two = (Listening("ann", True, ANN.capabilities, log_level=level) for level in ("debug", "info"))
        asked = await begun(parking, one, telling)
        await parking.resume(asked.id, two, answers(asked, "Ann"))
        assert heard == ["debug 1", "info 2"]

    within(scenario)


def test_a_client_is_not_asked_for_what_he_did_not_declare() -> None:
    async def scenario() -> None:
        async def roots(caller: Caller) -> Any:
            return await caller.ask("roots/list", {})

        with pytest.raises(CantAsk, match="did not declare `roots`"):
            await Parking().begin(ANN, roots)

    within(scenario)


class Endless:
    """A call that asks and is cancelled, and takes its time to record it."""

    def __init__(self) -> None:
        self.recorded = asyncio.Event()

    async def __call__(self, caller: Caller) -> None:
        try:
            await named(caller)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            self.recorded.set()
            raise


def test_a_call_to_which_nobody_comes_back_is_cancelled_when_its_time_is_over() -> None:
    async def scenario() -> None:
        parking, endless = Parking(seconds=0.01), Endless()
        asked = await begun(parking, work=endless)
        await endless.recorded.wait()
        with pytest.raises(Gone):
            await parking.resume(asked.id, ANN, answers(asked, "Ann"))

    within(scenario)


def test_a_client_who_gives_up_a_live_round_gives_up_the_call() -> None:
    async def scenario() -> None:
        began, ended = asyncio.Event(), asyncio.Event()

        async def slow(caller: Caller) -> None:
            await named(caller)
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                ended.set()

        parking = Parking()
        asked = await begun(parking, work=slow)
        waiting = asyncio.create_task(parking.resume(asked.id, ANN, answers(asked, "Ann")))
        await began.wait()
        waiting.cancel()
        await asyncio.wait({waiting})
        assert (waiting.cancelled(), ended.is_set()) == (True, True)
        with pytest.raises(Gone):
            await parking.resume(asked.id, ANN, {})

    within(scenario)


def test_while_one_waits_for_a_call_no_other_can_take_it() -> None:
    async def scenario() -> None:
        parking, going = Parking(), asyncio.Event()

        async def slow(caller: Caller) -> Any:
            name = await named(caller)
            await going.wait()
            return name

        asked = await begun(parking, work=slow)
        first = asyncio.create_task(parking.resume(asked.id, ANN, answers(asked, "Ann")))
        await asyncio.sleep(0)
        with pytest.raises(Gone):
            await parking.resume(asked.id, ANN, answers(asked, "Eve"))
        going.set()
        assert await first == "Ann"

    within(scenario)


def test_at_the_end_all_that_waits_is_cancelled_and_recorded() -> None:
    async def scenario() -> None:
        parking, calls = Parking(), [Endless(), Endless()]
        for call in calls:
            await begun(parking, work=call)
        await parking.close()
        assert all(call.recorded.is_set() for call in calls)

    within(scenario)


@pytest.mark.parametrize(("most", "most_each"), [(2, 9), (9, 2)])
def test_only_so_many_calls_wait(most: int, most_each: int) -> None:
    async def scenario() -> None:
        parking = Parking(most=most, most_each=most_each)
        asked = [await begun(parking) for _ in range(2)]
        with pytest.raises(CantAsk, match="too many calls wait"):
            await parking.begin(ANN, named)
        if most_each == 2:
            await begun(parking, BOB)  # his own are counted for each
        await parking.resume(asked[0].id, ANN, answers(asked[0], "Ann"))
        await begun(parking)
        await parking.close()

    within(scenario)


def test_whoever_takes_many_names_leaves_room_for_others() -> None:
    async def scenario() -> None:
        parking = Parking()
        names = [Quiet(f"ann as {number % 10}", True, {"elicitation": {}}) for number in range(MOST_OWNED)]
        for one in names:
            assert isinstance(await parking.begin(one, named, "user:ann"), Asked)
        with pytest.raises(CantAsk, match="too many calls wait"):
            await parking.begin(Quiet("ann as nobody yet", True, {"elicitation": {}}), named, "user:ann")
        assert isinstance(await parking.begin(BOB, named, "user:bob"), Asked)
        await parking.close()

    within(scenario)
