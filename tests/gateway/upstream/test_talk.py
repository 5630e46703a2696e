"""What a server says, and whom it is for: the client that caused it, and nobody else."""

import asyncio
from dataclasses import replace
from typing import Any

import mcp_types as types
import pytest

from gateway.call import JsonObject, Subject
from gateway.caller import CantAsk
from gateway.upstream.talk import MOST_ABANDONED, MOST_QUESTIONS, Talk


class Client:
    """A caller that keeps what it heard."""

    def __init__(
        self,
        key: str = "a",
        *,
        asks: bool = True,
        level: str | None = "info",
        modern: bool = False,
        spared: bool = False,
    ) -> None:
        self.key, self.modern, self.log_level, self.wants_progress, self.spared = key, modern, level, True, spared
        self.capabilities: JsonObject = {"elicitation": {}} if asks else {}
        self.heard: list[tuple[str, Any]] = []
        self.asked: list[str] = []
        self.answer: JsonObject | CantAsk | None = {"action": "accept", "x": None}

    def hear(self, method: str, params: JsonObject) -> None:
        self.heard.append((method, params))

    async def ask(self, method: str, params: JsonObject) -> JsonObject:
        self.asked.append(method)
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, CantAsk):
            raise self.answer
        return self.answer or {}


def progress(token: object) -> dict[str, Any]:
    return {"method": "notifications/progress", "params": {"progressToken": token, "progress": 1}}


def said(level: object) -> dict[str, Any]:
    return {"method": "notifications/message", "params": {"level": level, "data": "x"}}


def quiet() -> Talk:
    return Talk("shop", lambda _kind: None, lambda _uri: None, may_ask=True)


def question(number: int = 1) -> types.JSONRPCRequest:
    return types.JSONRPCRequest(jsonrpc="2.0", id=number, method="elicitation/create", params={"message": "?"})


class Sent:
    """What went back to the server."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.one = asyncio.Event()

    async def __call__(self, message: Any) -> None:
        self.messages.append(message)
        self.one.set()


async def settled() -> None:
    """Whatever was set going has come to where it waits or ends: nothing here takes more turns of the loop."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_progress_goes_to_the_one_whose_token_it_is() -> None:
    talk, ann, bob = quiet(), Client("a"), Client("b")
    with talk.serving("t-1", ann), talk.serving("t-2", bob):
        for token in ("t-2", "t-3", 1, None, True, ["t-1"]):
            talk.hear(progress(token))
    talk.hear(progress("t-1"))
    assert ann.heard == []
    assert [params["progressToken"] for _, params in bob.heard] == ["t-2"]


ANN, ANNS_AGENT, BOB = Subject("user:ann", "acme"), Subject("user:ann", "acme", "agent:a"), Subject("user:bob", "acme")


def levels(client: Client) -> list[Any]:
    return [params["level"] for method, params in client.heard if method == "notifications/message"]


def test_a_log_message_is_heard_by_whoever_is_served_and_at_his_level() -> None:
    talk, ann = quiet(), Client("a")
    with talk.serving(1, ann, None, ANN):
        for level in ("debug", "info", "emergency", "loud", None):
            talk.hear(said(level))
    talk.hear(said("error"))
    assert levels(ann) == ["info", "emergency", "loud", None]


def test_of_several_clients_of_one_subject_each_hears_what_he_wants_to_and_once() -> None:
    talk, one, two, deaf = quiet(), Client("a"), Client("b", level="error"), Client("c", level=None)
    with (
        talk.serving(1, one, None, ANN),
        talk.serving(2, Client("a"), None, ANN),  # an older request of the same client
        talk.serving(3, two, None, ANN),
        talk.serving(4, newest := Client("a"), None, ANN),
        talk.serving(5, deaf, None, ANN),
        talk.serving(6, Client("a", level=None), None, ANN),
    ):
        talk.hear(said("info"))
        talk.hear(said("error"))
    assert (levels(one), levels(newest), levels(two), levels(deaf)) == ([], ["info", "error"], ["error"], [])


def test_a_modern_client_hears_it_on_each_request_on_which_it_asked() -> None:
    talk, one, two, deaf = quiet(), Client(modern=True), Client(modern=True), Client(modern=True, level=None)
    with talk.serving(1, one, None, ANN), talk.serving(2, two, None, ANN), talk.serving(3, deaf, None, ANN):
        talk.hear(said("info"))
    assert (levels(one), levels(two), levels(deaf)) == (["info"], ["info"], [])


@pytest.mark.parametrize("other", [BOB, ANNS_AGENT, replace(ANN, tenant="other"), None])
@pytest.mark.parametrize("level", ["info", None])
def test_what_a_server_says_of_one_subjects_call_no_other_subject_hears(
    other: Subject | None, level: str | None
) -> None:
    talk, ann, bob = quiet(), Client("a"), Client("b", level=level)
    with talk.serving(1, ann, None, ANN):
        with talk.serving(2, bob, None, other):
            talk.hear(said("error"))
        assert (levels(ann), levels(bob)) == ([], [])
        talk.hear(said("error"))
    assert levels(ann) == ["error"]


def test_while_a_call_is_under_way_whose_words_are_redacted_nobody_hears_any() -> None:
    talk, ann = quiet(), Client("a")
    with talk.serving(1, ann, None, ANN):
        with talk.serving(2, Client("a", spared=True), None, ANN):
            talk.hear(said("error"))
        assert levels(ann) == []
        talk.hear(said("error"))
    assert levels(ann) == ["error"]


def test_what_is_said_late_of_a_call_that_was_given_up_no_other_subject_hears() -> None:
    talk, ann, bob = quiet(), Client("a"), Client("b")
    talk.abandoned("t-1", ANN, spared=False)
    with talk.serving(2, bob, None, BOB):
        talk.hear(said("error"))
        assert not talk.at_rest
        talk.answered("t-2")
        talk.hear(said("error"))
        assert levels(bob) == []
        with talk.serving(3, ann, None, ANN):
            talk.hear(said("error"))
        talk.answered("t-1")
        talk.hear(said("warning"))
    assert (levels(ann), levels(bob), talk.at_rest) == ([], ["warning"], True)


def test_what_is_said_late_of_a_call_that_was_given_up_its_own_subject_hears_unless_it_is_redacted() -> None:
    talk, ann = quiet(), Client("a")
    with talk.serving(1, ann, None, ANN):
        talk.abandoned("t-1", ANN, spared=False)
        talk.hear(said("error"))
        talk.abandoned("t-2", ANN, spared=True)
        talk.hear(said("critical"))
        talk.answered("t-2")
        talk.hear(said("alert"))
    assert levels(ann) == ["error", "alert"]


def test_of_more_calls_given_up_than_are_told_apart_nothing_is_forgotten() -> None:
    talk, ann = quiet(), Client("a")
    for number in range(MOST_ABANDONED + 2):
        talk.abandoned(f"t-{number}", ANN, spared=False)
    for number in range(MOST_ABANDONED + 2):
        talk.answered(f"t-{number}")
    with talk.serving(1, ann, None, ANN):
        talk.hear(said("error"))
    assert (levels(ann), talk.at_rest) == ([], False)


def test_where_nobody_was_declared_to_be_there_nobody_is_asked() -> None:
    async def scenario() -> None:
        talk, ann, sent = Talk("shop", lambda _kind: None, lambda _uri: None), Client("a"), Sent()
        with talk.serving(1, ann):
            assert not talk.asked(question(), sent)
        assert (ann.asked, sent.messages) == ([], [])

    asyncio.run(scenario())


def test_where_the_transport_knows_the_caller_nothing_has_to_be_guessed() -> None:
    talk, ann, bob = quiet(), Client("a"), Client("b")
    with talk.serving(1, ann):
        talk.hear(said("error"), bob)
        talk.hear(progress("whatever"), bob)
    assert (len(ann.heard), len(bob.heard)) == (0, 2)


def test_changes_of_lists_and_resources_are_told() -> None:
    told: list[str] = []
    talk = Talk("shop", told.append, told.append)
    for method in ("tools", "prompts", "resources"):
        talk.hear({"method": f"notifications/{method}/list_changed"})
    talk.hear({"method": "notifications/resources/updated", "params": {"uri": "u"}})
    rubbish: list[Any] = [
        {"method": "notifications/resources/updated", "params": {"uri": 7}},
        {"method": 5},
        {"method": ["x"]},
        [],
        None,
    ]
    for message in rubbish:
        talk.hear(message)
    assert told == ["tools", "prompts", "resources", "u"]


def test_a_question_is_put_to_the_one_who_is_served_and_his_answer_goes_back_as_it_is() -> None:
    async def scenario() -> None:
        talk, ann, sent = quiet(), Client(), Sent()
        with talk.serving(1, ann):
            assert talk.asked(question(), sent)
            await asyncio.wait_for(sent.one.wait(), 60)
        (message,) = sent.messages
        assert (message.id, message.result) == (1, {"action": "accept", "x": None})

    asyncio.run(scenario())


def test_a_client_that_cannot_answer_is_told_to_the_server() -> None:
    async def scenario() -> None:
        talk, ann, sent = quiet(), Client(), Sent()
        ann.answer = CantAsk(-1, "no", {"d": 1})
        with talk.serving(1, ann):
            assert talk.asked(question(), sent)
            await asyncio.wait_for(sent.one.wait(), 60)
        assert sent.messages[0].error == types.ErrorData(code=-1, message="no", data={"d": 1})

    asyncio.run(scenario())


def test_nobody_is_asked_who_did_not_say_that_he_can_be_or_when_it_is_not_clear_who_is_meant() -> None:
    async def scenario() -> None:
        talk, sent = quiet(), Sent()
        assert not talk.asked(question(), sent)
        with talk.serving(1, Client(asks=False)):
            assert not talk.asked(question(), sent)
        ann, bob = Client("a"), Client("b")
        with talk.serving(1, ann), talk.serving(2, bob):
            assert not talk.asked(question(), sent)
        with talk.serving(1, ann):
            other = types.JSONRPCRequest(jsonrpc="2.0", id=1, method="ping")
            assert not talk.asked(other, sent)
        assert (ann.asked, bob.asked, sent.messages) == ([], [], [])

    asyncio.run(scenario())


def test_questions_end_when_the_server_withdraws_them_and_when_nobody_is_served_any_more() -> None:
    async def scenario() -> None:
        talk, ann, sent = quiet(), Client(), Sent()
        ann.answer = None
        with talk.serving(1, ann):
            for number in range(1, MOST_QUESTIONS + 1):
                assert talk.asked(question(number), sent)
            assert not talk.asked(question(99), sent)
            await asyncio.sleep(0)
            talk.hear({"method": "notifications/cancelled", "params": {"requestId": 2}})
            await settled()
            assert not talk.asked(question(1), sent)  # one of this name is open: it would be lost sight of
            assert talk.asked(question(2), sent)
            talk.hear({"method": "notifications/cancelled", "params": {"requestId": 1}})
            await settled()
            assert talk.asked(question(99), sent)
        await settled()
        assert talk._questions == {}  # noqa: SLF001
        assert sent.messages == []

    asyncio.run(scenario())


def test_the_time_in_which_people_are_asked_does_not_count() -> None:
    async def scenario() -> None:
        talk, slow, sent = quiet(), Client(), Sent()
        slow.answer = None
        async with asyncio.timeout(3600) as limit:
            with talk.serving(1, slow, limit):
                assert talk.asked(question(1), sent)
                assert talk.asked(question(2), sent)
                assert limit.when() is None
                await asyncio.sleep(0)
                for number in (1, 2):
                    assert limit.when() is None
                    talk.hear({"method": "notifications/cancelled", "params": {"requestId": number}})
                    await settled()
                left = (limit.when() or 0) - asyncio.get_running_loop().time()
                assert 3590 < left <= 3600
                talk._answered(7)  # noqa: SLF001 - it goes on once only
                assert (limit.when() or 0) - asyncio.get_running_loop().time() <= left

    asyncio.run(scenario())


def test_nor_does_it_count_for_those_whose_call_begins_meanwhile() -> None:
    async def scenario() -> None:
        talk, slow, sent = quiet(), Client(), Sent()
        slow.answer = None
        with talk.serving(1, slow):
            assert talk.asked(question(1), sent)
            async with asyncio.timeout(3600) as limit:
                with talk.serving(2, slow, limit):
                    assert limit.when() is None
                    talk.hear({"method": "notifications/cancelled", "params": {"requestId": 1}})
                    await settled()
                    assert limit.when() is not None

    asyncio.run(scenario())


def test_it_is_known_when_nobody_is_asked_anything_any_more() -> None:
    async def scenario() -> None:
        talk, slow, sent = quiet(), Client(), Sent()
        slow.answer = None
        assert not await talk.unasked()  # nobody was
        with talk.serving(1, slow):
            for number in (1, 2):
                assert talk.asked(question(number), sent)
            waiting = asyncio.create_task(talk.unasked())
            talk.hear({"method": "notifications/cancelled", "params": {"requestId": 1}})
            await settled()
            assert not waiting.done()
        assert await waiting
        assert not await talk.unasked()

    asyncio.run(scenario())


def test_that_a_page_was_answered_is_told_once_to_him_to_whom_it_was_shown() -> None:
    async def work() -> None:
        talk, ann, bob, sent = quiet(), Client("a"), Client("b"), Sent()
        page = {"mode": "url", "message": "?", "url": "https://shop.example", "elicitationId": "e-1"}
        asked = types.JSONRPCRequest(jsonrpc="2.0", id=1, method="elicitation/create", params=page)
        done = {"method": "notifications/elicitation/complete", "params": {"elicitationId": "e-1"}}
        with talk.serving(1, ann):
            talk.hear(done)  # nobody was shown such a page
            assert talk.asked(asked, sent)
            await sent.one.wait()
            with talk.serving(2, bob):
                for other in ("e-2", None, ["e-1"]):
                    talk.hear({**done, "params": {"elicitationId": other}})
                talk.hear({**done, "params": {"elicitationId": "e-1", "_meta": {"toolgate/x": 1}}})
                talk.hear(done)
        assert ann.heard == [("notifications/elicitation/complete", {"elicitationId": "e-1"})]
        assert bob.heard == []

    asyncio.run(work())


def test_a_modern_client_and_one_that_is_gone_hear_nothing_of_a_page() -> None:
    async def work() -> None:
        page = {"mode": "url", "message": "?", "url": "https://shop.example", "elicitationId": "e-1"}
        asked = types.JSONRPCRequest(jsonrpc="2.0", id=1, method="elicitation/create", params=page)
        done = {"method": "notifications/elicitation/complete", "params": {"elicitationId": "e-1"}}
        for client, while_served in ((Client("a", modern=True), True), (Client("a"), False)):
            talk, sent = quiet(), Sent()
            with talk.serving(1, client):
                assert talk.asked(asked, sent)
                await sent.one.wait()
                if while_served:
                    talk.hear(done)
            talk.hear(done)
            assert client.heard == []

    asyncio.run(work())


def test_a_page_that_nobody_should_open_is_refused_to_its_server_and_shown_to_nobody() -> None:
    async def work() -> None:
        talk, ann, sent = quiet(), Client("a"), Sent()
        page = {"mode": "url", "message": "?", "url": "javascript:alert(1)", "elicitationId": "e-1"}
        with talk.serving(1, ann):
            assert talk.asked(types.JSONRPCRequest(jsonrpc="2.0", id=1, method="elicitation/create", params=page), sent)
            await sent.one.wait()
        (message,) = sent.messages
        assert (type(message), message.error.code) == (types.JSONRPCError, types.INVALID_PARAMS)
        assert ann.asked == []

    asyncio.run(work())


@pytest.mark.parametrize("flaw", [{"data": float("nan")}, {"data": "\ud800"}])
@pytest.mark.parametrize("method", ["notifications/message", "notifications/progress"])
def test_what_can_not_be_passed_on_is_said_to_nobody(method: str, flaw: JsonObject) -> None:
    talk, ann = quiet(), Client("a")
    with talk.serving("t", ann, None, ANN):
        talk.hear({"method": method, "params": {"level": "error", "progressToken": "t", **flaw}})
        assert ann.heard == []
        talk.hear({"method": method, "params": {"level": "error", "progressToken": "t"}})
        assert len(ann.heard) == 1


def test_a_question_on_the_stream_of_a_request_is_for_whoever_waits_for_that_one() -> None:
    async def scenario() -> None:
        talk, older, newer, sent = quiet(), Client("a"), Client("a"), Sent()
        with talk.serving("t-1", older), talk.serving("t-2", newer):
            assert talk.asked(question(1), sent, "t-1")
            assert talk.asked(question(2), sent, "ours")  # the result of its task
            await settled()
            assert (len(older.asked), len(newer.asked)) == (1, 1)
        assert not talk.asked(question(3), sent, "t-1")

    asyncio.run(scenario())


def test_a_late_question_on_the_stream_of_a_request_that_was_given_up_is_nobodys() -> None:
    async def scenario() -> None:
        talk, client, sent = quiet(), Client("a"), Sent()
        with talk.serving("t-2", client):
            talk.abandoned("t-1", ANN, spared=False)
            assert not talk.asked(question(1), sent, "t-1")
            assert talk.asked(question(2), sent)
            await settled()
            assert client.asked == ["elicitation/create"]

    asyncio.run(scenario())
