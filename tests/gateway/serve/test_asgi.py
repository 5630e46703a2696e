"""What several layers say in ASGI's words."""

import asyncio
import json

import pytest

from gateway.serve.asgi import answer_json, dumped, first, message_of, with_message
from tests.fixtures.asgi import Peer, scope


def test_an_answer_has_its_length_and_its_type() -> None:
    peer = Peer()
    asyncio.run(answer_json(peer.send, 404, dumped({"a": "né ☃"}), (b"connection", b"close")))
    assert (peer.answer.status, peer.answer.message) == (404, {"a": "né ☃"})
    length = str(len(peer.answer.body))
    assert peer.answer.headers == {"content-type": "application/json", "content-length": length, "connection": "close"}


def test_what_was_posted_is_read_once() -> None:
    asked = scope([])
    assert message_of(asked) == {}
    assert message_of(with_message(asked, {"id": 1})) == {"id": 1}


def test_of_a_header_that_stands_there_twice_the_first_counts_as_for_the_sdk() -> None:
    asked = scope([(b"a", b"1"), (b"b", b"\xe9"), (b"a", b"2")])
    assert (first(asked, b"a"), first(asked, b"b"), first(asked, b"c")) == ("1", "é", None)


@pytest.mark.parametrize("value", [{"a": [1, None, "né ☃ \u2028"]}, 12345678901234567890, 1e-07, "\x00"])
def test_json_is_compact_and_loses_nothing(value: object) -> None:
    data = dumped(value)
    assert json.loads(data) == value
    assert b": " not in data
    assert b"\n" not in data
