"""What can be known of the SDK's sessions from outside."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from gateway.call import Subject
from gateway.serve import handshakes as under_test
from gateway.serve.asgi import Message
from gateway.serve.asking import Asker
from gateway.serve.handshakes import FRESH, Handshake, Handshakes, Posted
from gateway.serve.sessions import IDLE_SECONDS
from tests.fixtures.served import INITIALIZE, INITIALIZED, request

ANN, BOB = Asker(Subject("user:ann", "acme")), Asker(Subject("user:bob", "acme"))
RESULT = {"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": "2025-11-25"}}
ERROR = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "no"}}
PING = request("ping")


def event(message: Any) -> bytes:
    return b"event: message\r\ndata: " + json.dumps(message).encode() + b"\r\n\r\n"


class Table:
    """The handshakes, a clock, and requests that the SDK answers."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.known = Handshakes(lambda: self.now)
        self.passed: list[Message] = []

    def goes_by(
        self, message: Mapping[str, Any], session: str | None = None, status: int = 202, *, method: str = "POST",
        gives: str = "", body: tuple[bytes, ...] = (b"",),
    ) -> None:  # fmt: skip
        headers = [(b"mcp-session-id", gives.encode())] if gives else []
        answers = [{"type": "http.response.start", "status": status, "headers": headers}]
        answers += [{"type": "http.response.body", "body": part, "more_body": True} for part in body]

        async def work() -> None:
            send = self.known.learning(Posted(ANN, method, session, message), self.pass_on)
            for answer in answers:
                await send(answer)

        self.passed = []
        asyncio.run(work())
        assert self.passed == answers  # nothing of it is changed

    async def pass_on(self, answer: Message) -> None:
        self.passed.append(answer)

    def opened(self, session: str = "s1", body: tuple[bytes, ...] = (event(RESULT),), params: Any = INITIALIZE) -> None:
        self.goes_by(request("initialize", params), None, 200, gives=session, body=body)

    def introduced(self, session: str = "s1") -> None:
        self.opened(session)
        self.goes_by(INITIALIZED, session)

    def fresh(self, session: str = "s1") -> bool:
        return self.known.fresh(ANN, session) is not None


@pytest.fixture
def table() -> Table:
    return Table()


def test_a_session_is_known_once_it_was_opened_and_introduced(table: Table) -> None:
    assert not table.fresh()
    table.opened()
    assert not table.fresh()
    table.goes_by(PING, "s1", 200)
    assert not table.fresh()
    table.goes_by(INITIALIZED, "s1")
    known = table.known.fresh(ANN, "s1")
    assert known is not None
    assert (known.client.name, known.client.session, known.asked) == ("wire", "s1", False)


@pytest.mark.parametrize(
    "body",
    [(event(RESULT)[:30], event(RESULT)[30:]), (b": ping\r\n\r\n", event(RESULT)), (json.dumps(RESULT).encode(),)],
    ids=["in pieces", "after a ping", "as plain JSON"],
)
def test_an_answer_is_understood_in_every_form(table: Table, body: tuple[bytes, ...]) -> None:
    table.opened(body=body)
    table.goes_by(INITIALIZED, "s1")
    assert table.fresh()


@pytest.mark.parametrize("body", [(event(ERROR),), (b"",), (b"data: result\r\n\r\n",), (b'data: ["result"]\r\n\r\n',)])
def test_a_handshake_that_was_refused_within_a_good_response_opens_nothing(
    table: Table, body: tuple[bytes, ...]
) -> None:
    table.opened(body=body)
    table.goes_by(INITIALIZED, "s1")
    assert not table.fresh()


def test_nobody_introduces_himself_to_a_session_that_was_not_seen_to_open(table: Table) -> None:
    table.goes_by(INITIALIZED, "s1")
    table.opened("s2")
    table.goes_by(INITIALIZED, "s2", 400)
    assert (table.fresh("s1"), table.fresh("s2")) == (False, False)


def test_a_second_handshake_within_a_session_does_not_open_another(table: Table) -> None:
    table.goes_by(request("initialize", INITIALIZE), "s1", 200, gives="s1", body=(event(RESULT),))
    table.goes_by(INITIALIZED, "s1")
    assert not table.fresh()


def test_a_session_that_the_sdk_has_not_answered_for_lately_is_asked_about(table: Table) -> None:
    table.introduced()
    table.now += FRESH
    assert table.fresh()
    table.now += 0.001
    assert not table.fresh()
    table.goes_by(PING, "s1", 500)
    assert not table.fresh()
    table.goes_by(PING, "s1", 200)
    assert table.fresh()


def test_a_session_that_is_closed_or_forgotten_is_forgotten_here_too(table: Table) -> None:
    table.introduced("closed")
    table.introduced("lost")
    table.introduced("kept")
    table.goes_by({}, "closed", 200, method="DELETE")
    table.goes_by(PING, "lost", 404)
    table.goes_by({}, "kept", 405, method="DELETE")
    assert [table.fresh(name) for name in ("closed", "lost", "kept")] == [False, False, True]
    table.goes_by(INITIALIZED, "closed")
    assert not table.fresh("closed")


def test_of_too_many_sessions_the_one_that_was_seen_longest_ago_goes(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "MAX_RUNS", 3)
    for number in range(3):
        table.introduced(f"s{number}")
    table.goes_by(PING, "s0", 200)
    table.introduced("s3")
    assert [table.fresh(f"s{number}") for number in range(4)] == [True, False, True, True]


def test_a_session_is_somebodys_until_it_is_closed_forgotten_or_idle_for_too_long(table: Table) -> None:
    for name in ("idle", "busy", "closed", "forgotten"):
        table.introduced(name)
    table.goes_by({}, "closed", 200, method="DELETE")
    (mine,) = table.known.by_person().values()
    assert [one.client.session for one in mine] == ["idle", "busy", "forgotten"]
    table.known.forget(mine[2])
    with table.known.at_work(Posted(ANN, "GET", "busy", {})):
        table.now += IDLE_SECONDS + 1
        assert [one.client.session for one in table.known.by_person()[ANN.person]] == ["busy"]
    assert (table.known.knows("busy"), table.known.knows("idle")) == (True, False)


def test_whatever_is_at_work_was_not_idle_and_a_strangers_request_says_nothing(table: Table) -> None:
    for name in ("s1", "s2", "s3"):
        table.introduced(name)
    table.now += 1
    with table.known.at_work(Posted(ANN, "POST", "s1", PING)):
        table.now += 1
    with table.known.at_work(Posted(BOB, "POST", "s3", PING)):
        table.now += 1
    with table.known.at_work(Posted(ANN, "GET", "s2", {})):
        assert [one.client.session for one in in_order(table)] == ["s3", "s1", "s2"]


@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_a_stranger_does_not_keep_a_session_alive(table: Table, verb: str) -> None:
    table.introduced()
    with table.known.at_work(Posted(BOB, verb, "s1", PING)):
        (mine,) = table.known.by_person()[ANN.person]
        assert (mine.busy, mine.streams) == (0, 0)
        table.now += IDLE_SECONDS + 1
        assert table.known.by_person() == {}


def test_a_call_under_way_is_missed_more_than_a_stream_that_is_open(table: Table) -> None:
    for name in ("calls", "listens"):
        table.introduced(name)
        table.now += 1
    with table.known.at_work(Posted(ANN, "GET", "calls", {})), table.known.at_work(Posted(ANN, "GET", "listens", {})):
        with table.known.at_work(Posted(ANN, "POST", "calls", PING)):
            assert [one.client.session for one in in_order(table)] == ["listens", "calls"]
        table.now += 1
        with table.known.at_work(Posted(ANN, "POST", "listens", PING)):
            pass
        assert [one.client.session for one in in_order(table)] == ["calls", "listens"]


def in_order(table: Table) -> list[Handshake]:
    return sorted(table.known.by_person()[ANN.person], key=lambda one: one.idle_order)


@pytest.mark.parametrize("params", [{}, {"clientInfo": "x", "capabilities": 5}, {"clientInfo": {"name": ["x"]}}])
def test_whatever_a_client_says_of_itself_breaks_nothing(table: Table, params: Any) -> None:
    table.opened(params=params)
    table.goes_by(INITIALIZED, "s1")
    known = table.known.fresh(ANN, "s1")
    assert known is not None
    assert not known.asked


@pytest.mark.parametrize(("declared", "asked"), [({"roots": {}}, True), ({"roots": 5, "experimental": {}}, False)])
def test_of_what_a_client_declares_is_kept_whether_it_can_be_asked(table: Table, declared: Any, asked: bool) -> None:
    table.opened(params={**INITIALIZE, "capabilities": declared})
    table.goes_by(INITIALIZED, "s1")
    known = table.known.fresh(ANN, "s1")
    assert known is not None
    assert known.asked is asked


def test_a_session_is_its_owners_alone_and_a_stranger_cannot_end_it(table: Table) -> None:
    table.introduced()
    assert table.known.fresh(BOB, "s1") is None

    async def work() -> None:
        for verb, status in (("POST", 404), ("DELETE", 200)):
            send = table.known.learning(Posted(BOB, verb, "s1", PING), table.pass_on)
            await send({"type": "http.response.start", "status": status, "headers": []})

    asyncio.run(work())
    assert table.fresh()
