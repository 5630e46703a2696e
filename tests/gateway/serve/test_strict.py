"""One reading, or none."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.serve.strict import INVALID_REQUEST, MAX_DEPTH, MAX_VALUES, PARSE_ERROR, SHORT, Malformed, read, read_any

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**39), 10**39)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
MESSAGES = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0"), "method": TEXT},
    optional={"id": TEXT | st.integers(-(10**9), 10**9), "params": st.dictionaries(TEXT, JSON, max_size=4)},
)


@given(MESSAGES, st.booleans())
def test_every_message_is_read_as_it_was_written(message: dict[str, Any], escaped: bool) -> None:
    assert read(json.dumps(message, ensure_ascii=escaped).encode()) == message


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused_with_an_answer(body: bytes) -> None:
    answer: Any = None
    try:
        message = read(body)
    except Malformed as error:
        answer = json.loads(json.dumps(error.answer))
    assert answer["error"]["code"] in (PARSE_ERROR, INVALID_REQUEST) if answer else message["jsonrpc"] == "2.0"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e400}',
        b'{"a":' + b"1" * 41 + b"}",
        b'{"a":"\\ud800"}',
        b'{"a":"\\uDFFF x"}',
        b'{"\\ud800":1}',
        b'{"a":"\xff"}',
        b"\xef\xbb\xbf{}",
        '{"jsonrpc":"2.0"}'.encode("utf-16"),
        b'{"a":' * 100_000,
    ],
)
def test_what_readers_disagree_about_is_no_json(body: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        read(body)
    assert caught.value.answer["error"]["code"] == PARSE_ERROR


def test_what_is_no_json_is_said_in_our_own_words() -> None:
    with pytest.raises(Malformed, match=r"^Parse error: not JSON: at character 33$"):
        read(b'{"jsonrpc":"2.0","id":1,"method":}')


@pytest.mark.parametrize(
    ("message", "request_id"),
    [
        ([], None),
        ([{"jsonrpc": "2.0", "id": 1, "method": "ping"}], None),
        ("ping", None),
        (None, None),
        ({"id": 1, "method": "ping"}, 1),
        ({"jsonrpc": "1.0", "id": "a", "method": "ping"}, "a"),
        ({"jsonrpc": "2.0", "id": None, "method": "ping"}, None),
        ({"jsonrpc": "2.0", "id": True, "method": "ping"}, None),
        ({"jsonrpc": "2.0", "id": 1.5, "method": "ping"}, None),
        ({"jsonrpc": "2.0", "id": [1], "method": "ping"}, None),
        ({"jsonrpc": "2.0", "id": 1}, 1),
        ({"jsonrpc": "2.0", "id": 1, "method": 5}, 1),
        ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]}, 1),
        ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": None}, 1),
    ],
)
def test_what_is_no_message_is_refused_with_its_id_where_it_has_one(message: Any, request_id: Any) -> None:
    with pytest.raises(Malformed) as caught:
        read(json.dumps(message).encode())
    assert (caught.value.answer["error"]["code"], caught.value.answer["id"]) == (INVALID_REQUEST, request_id)


@pytest.mark.parametrize(
    "message",
    [
        {"jsonrpc": "2.0", "id": 1, "result": {}},
        {"jsonrpc": "2.0", "id": None, "error": {"code": 1, "message": "x"}},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 0, "method": "ping", "params": {"a": "\U0001f600"}},
    ],
)
def test_responses_and_notifications_are_messages_too(message: dict[str, Any]) -> None:
    assert read(json.dumps(message).encode()) == message


def a_call(arguments: str) -> bytes:
    return b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"arguments":{%s}}}' % arguments.encode()


def test_a_message_has_only_so_many_values_and_any_number_of_commas() -> None:
    many = MAX_VALUES + 1
    for arguments in (
        ",".join(f'"k{number}":0' for number in range(many)),
        f'"a":[{",".join(["0"] * many)}]',
        f'"a":[{",".join(["[]"] * many)}]',
        f'"a":[{",".join(["[1,2,3]"] * (many // 4))}],"b":0,"c":{{}}',
    ):
        with pytest.raises(Malformed, match=f"at most {MAX_VALUES} values") as caught:
            read_any(a_call(arguments))
        assert caught.value.answer["id"] == 7
    assert read_any(a_call(f'"a":"{"," * 4 * many}"'))["id"] == 7
    assert read_any(a_call(f'"a":[{",".join(["0"] * (MAX_VALUES - 10))}]'))["id"] == 7


def test_what_is_short_has_no_room_for_more() -> None:
    assert len(a_call(f'"a":[{",".join(["0"] * MAX_VALUES)}]')) > SHORT


def deep(levels: int) -> bytes:
    meta = b'{"a":' * levels + b"1" + b"}" * levels
    return b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x","_meta":%b}}' % meta


def test_a_message_is_no_deeper_than_servers_can_read() -> None:
    assert read_any(deep(MAX_DEPTH - 2))["id"] == 7
    flat = b'{"jsonrpc":"2.0","id":7,"method":"m","params":{"a":[%b]}}' % b",".join([b"{}"] * 1000)
    assert read_any(flat)["id"] == 7
    for levels in (MAX_DEPTH - 1, 500):
        with pytest.raises(Malformed) as refused:
            read_any(deep(levels))
        assert refused.value.answer["id"] == 7
        assert "128 levels deep at the most" in refused.value.answer["error"]["message"]
