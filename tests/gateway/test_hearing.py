"""What a run hears: a client's session is listened to, a driven run is read off its record."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.call import JsonObject
from gateway.caller import NOBODY, CantAsk, nobody
from gateway.duties import Duties
from gateway.hearing import Listening, OfRun, discreet, overheard
from gateway.run import fold
from gateway.verbatim import Verbatim, read
from tests.builders import QUEUED, STARTED, a_call, admitted, recorded, returned, wanted
from tests.gateway.test_sources import answered

CALL = a_call("web/fetch")


class Telling:
    """A caller who hears everything."""

    key, modern, wants_progress, log_level, spared = "k", False, True, "info", False

    def __init__(self) -> None:
        self.capabilities: JsonObject = {"elicitation": {}}
        self.heard: list[str] = []
        self.said: list[JsonObject] = []

    def hear(self, method: str, params: JsonObject) -> None:
        self.heard.append(method)
        self.said.append(params)

    async def ask(self, method: str, params: JsonObject) -> JsonObject:
        return {"asked": method}


def test_what_an_untrusted_server_says_taints_and_is_remembered_if_the_policy_asks() -> None:
    async def play() -> None:
        ear = Listening(tainted=False)
        ear.hear(CALL, answered("eve@evil.example"), traces=True)
        assert ear.tainted
        assert ear.sources.from_untrusted("bob@acme.example") is None  # as long as nobody has read it
        await ear.listen()
        assert ear.sources.from_untrusted("eve@evil.example") is True
        assert ear.sources.from_untrusted("bob@acme.example") is False

    asyncio.run(play())


def test_what_nobody_looked_at_leaves_everything_open() -> None:
    ear = Listening(tainted=False)
    ear.hear(CALL, answered("eve@evil.example"), traces=False)
    assert ear.sources.from_untrusted("bob@acme.example") is None
    assert Listening(tainted=True).sources.from_untrusted("bob@acme.example") is None


def test_while_a_long_result_is_read_others_are_served() -> None:
    async def play() -> None:
        ear, turns = Listening(tainted=False), 0
        ear.hear(CALL, answered(" ".join(f"word{number}" for number in range(20_000))), traces=True)
        reading = asyncio.create_task(ear.listen())
        while not reading.done():
            turns += 1
            assert reading.done() or ear.sources.from_untrusted("bob@acme.example") is None
            await asyncio.sleep(0)
        assert turns > 2
        assert ear.sources.from_untrusted("bob@acme.example") is False
        assert ear.sources.from_untrusted("word19999") is True

    asyncio.run(play())


def test_what_is_missed_while_a_result_is_read_stays_missed() -> None:
    async def play() -> None:
        ear = Listening(tainted=False)
        ear.hear(CALL, answered("one " * 20_000), traces=True)
        reading = asyncio.create_task(ear.listen())
        await asyncio.sleep(0)
        ear.miss()
        await reading
        assert ear.sources.from_untrusted("one") is True
        assert ear.sources.from_untrusted("bob@acme.example") is None

    asyncio.run(play())


def test_who_is_called_off_while_a_result_is_read_leaves_it_to_the_next() -> None:
    async def play() -> None:
        ear = Listening(tainted=False)
        ear.hear(CALL, answered("one " * 20_000), traces=True)
        reading = asyncio.create_task(ear.listen())
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(reading, ear.listen(), ear.listen(), return_exceptions=True)
        assert [heard.key for heard in ear.sources.heard] == [CALL.key]
        assert ear.sources.from_untrusted("bob@acme.example") is False

    asyncio.run(play())


def test_of_a_client_nobody_knows_the_users_words() -> None:
    assert Listening(tainted=False).sources.from_user("Go.") is None


def test_words_before_the_answer_taint_at_once_and_bare_progress_does_not() -> None:
    ear, telling = Listening(tainted=False), Telling()
    caller = overheard(telling, ear, CALL)
    caller.hear("notifications/progress", {"progress": 1})
    assert (ear.tainted, ear.spoke(CALL)) == (False, False)
    caller.hear("notifications/progress", {"progress": 2, "message": "write to eve"})
    assert (ear.tainted, ear.spoke(CALL)) == (True, True)
    assert ear.sources.from_untrusted("bob") is None
    assert telling.heard == ["notifications/progress"] * 2
    ear.hear(CALL, answered("done"), traces=True)
    assert not ear.spoke(CALL)


def test_a_question_taints_before_it_is_answered() -> None:
    ear = Listening(tainted=False)
    assert asyncio.run(overheard(Telling(), ear, CALL).ask("elicitation/create", {"message": "?"})) == {
        "asked": "elicitation/create"
    }
    assert ear.tainted


def test_a_caller_to_whom_nothing_can_be_said_is_himself() -> None:
    ear, quiet = Listening(tainted=False), nobody({})
    assert overheard(NOBODY, ear, CALL) is NOBODY
    assert overheard(quiet, ear, CALL) is quiet
    telling: Any = Telling()
    assert overheard(telling, None, CALL) is telling
    wrapped = overheard(telling, ear, CALL)
    assert (wrapped.key, wrapped.modern, wrapped.wants_progress, wrapped.log_level) == ("k", False, True, "info")
    assert wrapped.capabilities == telling.capabilities


def test_a_driven_run_hears_what_its_record_says() -> None:
    said = replace(returned(1), outcome=answered("eve@evil.example"), tainting=True)
    run = fold("r-1", recorded([QUEUED, STARTED, *wanted(1, "web/fetch"), admitted(1), said]))
    ear = OfRun(lambda: run)
    found = ear.sources.origin("eve@evil.example")
    assert found is not None
    assert (found.server, found.key) == ("web", "t1/call/1")
    assert ear.sources.from_user(run.input) is True
    assert ear.sources.heard[0] is ear.sources.heard[0]
    ear.hear(CALL, answered("x"), traces=True)
    ear.overhear(CALL, "notifications/message", {})
    assert len(ear.sources.heard) == 1
    assert not ear.spoke(CALL)


def test_a_driven_run_that_has_heard_more_than_is_known_denies_nothing_for_sure() -> None:
    said = replace(returned(1), outcome=answered("eve@evil.example"), tainting=True)
    run = fold("r-1", recorded([QUEUED, STARTED, *wanted(1, "web/fetch"), admitted(1), said]))
    for each, sure in ((run, False), (replace(run, whole=False), None)):
        ear = OfRun(lambda each=each: each)  # type: ignore[misc] # mypy does not see its default
        assert ear.sources.from_untrusted("bob@good.example") is sure
        assert ear.sources.from_untrusted("eve@evil.example") is True
        listening = OfRun(lambda each=each: each)  # type: ignore[misc] # as above
        asyncio.run(listening.listen())
        assert listening.sources.from_untrusted("bob@good.example") is sure


def test_a_driven_run_reads_its_record_once_whoever_asks() -> None:
    async def play() -> None:
        said = replace(returned(1), outcome=answered("eve@evil.example"), tainting=True)
        run = fold("r-1", recorded([QUEUED, STARTED, *wanted(1, "web/fetch"), admitted(1), said]))
        ear = OfRun(lambda: run)
        await asyncio.gather(ear.listen(), ear.listen())
        heard = ear.sources.heard
        await ear.listen()
        assert [each.key for each in heard] == ["t1/call/1"]
        assert ear.sources.heard == heard
        assert ear.sources.heard[0] is heard[0]

    asyncio.run(play())


def test_while_results_are_redacted_a_caller_hears_how_far_it_is_and_no_words() -> None:
    telling = Telling()
    caller = discreet(telling, Duties(("ssn",)))
    caller.hear("notifications/progress", {"progress": 1, "message": "at 123"})
    caller.hear("notifications/message", {"data": "123"})
    assert telling.said == [{"progress": 1}]
    assert (caller.key, caller.modern, caller.wants_progress, caller.log_level) == ("k", False, True, None)
    assert caller.spared
    assert not telling.spared
    assert caller.capabilities == telling.capabilities
    with pytest.raises(CantAsk):
        asyncio.run(caller.ask("elicitation/create", {"message": "123?"}))


def test_bare_progress_is_nothing_but_numbers() -> None:
    telling = Telling()
    told = {"progressToken": "t", "progress": 1, "total": 2}
    discreet(telling, Duties(("ssn",))).hear("notifications/progress", {**told, "data": {"ssn": "123"}})
    discreet(telling, Duties(("ssn",))).hear("notifications/progress", {"progress": "123-45-6789", "total": None})
    assert telling.said == [told, {}]


def test_its_numbers_are_those_that_the_server_wrote() -> None:
    telling = Telling()
    told = read(b'{"progress":1.10,"message":"123","total": 1E5}')
    discreet(telling, Duties(("ssn",))).hear("notifications/progress", told)
    (said,) = telling.said
    assert isinstance(said, Verbatim)
    assert said.text == b'{"progress":1.10,"total":1E5}'


def test_its_size_is_that_of_its_text() -> None:
    telling = Telling()
    caller = discreet(telling, Duties(max_result_bytes=1024))
    caller.hear("notifications/message", read(b'{"data":[%b]}' % (b" " * 2000)))
    assert telling.said == []


def test_what_is_said_before_the_answer_may_not_be_larger_than_the_answer() -> None:
    telling = Telling()
    caller = discreet(telling, Duties(max_result_bytes=1024))
    for count in range(100):
        caller.hear("notifications/progress", {"progress": count, "message": "x" * 100})
        caller.hear("notifications/message", {"data": "y" * 100})
    assert 0 < len(json.dumps(telling.said)) <= 1124
    with pytest.raises(CantAsk):
        asyncio.run(caller.ask("elicitation/create", {"message": "?"}))
    assert (caller.key, caller.modern, caller.wants_progress, caller.log_level) == ("k", False, True, "info")


def test_a_question_that_is_small_enough_is_put() -> None:
    caller = discreet(Telling(), Duties(max_result_bytes=100))
    assert asyncio.run(caller.ask("elicitation/create", {"message": "?"})) == {"asked": "elicitation/create"}
    with pytest.raises(CantAsk):
        asyncio.run(caller.ask("elicitation/create", {"message": "?" * 100}))


@pytest.mark.parametrize("duties", [None, Duties(seconds=1.0), Duties(max_result_bytes=5)])
def test_without_a_redaction_the_caller_is_himself(duties: Duties | None) -> None:
    assert discreet(NOBODY, duties) is NOBODY
