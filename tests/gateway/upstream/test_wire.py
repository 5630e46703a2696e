"""JSON in and out without loss."""

import json
from typing import Any

import mcp_types as types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import verbatim
from gateway.call import Arguments
from gateway.upstream import wire
from gateway.verbatim import Verbatim

NUMBERS = st.integers(-(10**38), 10**38) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), VALUES, max_size=4)


@given(OBJECTS)
def test_arguments_that_are_read_again_are_written_as_the_same_bytes(value: dict[str, Any]) -> None:
    text = Arguments.parse(value).text
    params = {"name": "t", "arguments": wire.read(text.encode()), "_meta": {}}
    line = wire.line_of(types.JSONRPCRequest(jsonrpc="2.0", id="1", method="tools/call", params=params))
    assert f'"arguments":{text},'.encode() in line
    assert line.count(b"\n") == 1


@given(OBJECTS)
def test_a_spliced_body_holds_the_arguments_byte_for_byte(value: dict[str, Any]) -> None:
    text = Arguments.parse(value).text
    members = b'"name":"na\\"me","arguments":%s' % text.encode()
    body = wire.request_body(7, "tools/call", members, b'{"k":null}')
    assert f'"arguments":{text},'.encode() in body
    assert json.loads(body) == {
        "jsonrpc": "2.0",
        "id": 7,
        "method": "tools/call",
        "params": {"name": 'na"me', "arguments": json.loads(text), "_meta": {"k": None}},
    }


@given(VALUES)
def test_what_json_can_say_has_no_flaw(value: Any) -> None:
    assert wire.flaw_in(value) == ""
    assert wire.read(wire.dump(value)) == value


@pytest.mark.parametrize(
    ("value", "flaw"),
    [
        ({"x": float("nan")}, "number"),
        ([float("-inf")], "number"),
        ({"\ud800": 1}, "surrogate"),
        (["\udfff"], "surrogate"),
    ],
)
def test_what_json_cannot_say_is_named(value: Any, flaw: str) -> None:
    assert flaw in wire.flaw_in(value)


@given(
    st.recursive(
        st.none() | st.integers() | st.floats() | st.text(st.characters(), max_size=4) | st.just("null"),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(), max_size=2), inner),
        max_leaves=10,
    )
)
def test_whatever_can_not_be_written_has_a_flaw_and_nothing_else_has(value: Any) -> None:
    try:
        wire.dump(value)
    except ValueError:
        assert wire.flaw_in(value) != ""
    else:
        assert wire.flaw_in(value) == ""


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"\xed\xa0\x80", b"[" * 100_000, b"1" * 5000])
def test_what_cannot_be_read_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        wire.read(data)


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (b'{"jsonrpc":"2.0","id":7,"result":oops}', 7),
        (b'{"jsonrpc": "2.0", "id": "toolgate-3", "result": {oops', "toolgate-3"),
        (b'{"result":{"a":' + b"x" * 1000 + b'},"jsonrpc":"2.0","id":8}', 8),
        (b'{"level":"info","id":7}', None),  # a log line, with an id of its own
        (b'12:00 "jsonrpc" "id": 7', None),
        (b"", None),
    ],
)
def test_an_unreadable_answer_gives_away_whose_it_is(data: bytes, hint: object) -> None:
    assert wire.id_hint(data) == hint


@pytest.mark.parametrize(
    ("message", "fits"),
    [
        ({"id": 1, "result": {}}, True),
        ({"id": 1, "error": {}}, True),
        ({"id": None, "error": {}}, True),
        ({"error": {}}, True),
        ({"id": 2, "result": {}}, False),
        ({"id": None, "result": {}}, False),
        ({"id": True, "result": {}}, False),
        ({"id": 1, "method": "ping"}, False),
        ([], False),
    ],
)
def test_only_the_answer_to_a_request_is_its_answer(message: Any, fits: bool) -> None:
    assert wire.is_response(message, 1) is fits


@pytest.mark.parametrize("named", ['"id":null,', ""])
def test_an_error_without_an_id_has_that_of_the_only_request_that_it_can_be_about(named: str) -> None:
    line = f'{{"jsonrpc":"2.0",{named}"error":{{"code":1,"message":"m"}}}}'.encode()
    found = wire.message(line, "r/1")
    assert isinstance(found, types.JSONRPCError)
    assert found.id == "r/1"
    other = wire.message(line.replace(b'"error"', b'"id":7,"error"'), "r/1")
    assert isinstance(other, types.JSONRPCError)
    assert other.id == 7


def test_an_error_is_written_with_the_fields_that_it_has() -> None:
    error = types.JSONRPCError(jsonrpc="2.0", id=None, error=types.ErrorData(code=1, message="m"))
    assert json.loads(wire.line_of(error)) == {"jsonrpc": "2.0", "id": None, "error": {"code": 1, "message": "m"}}


@given(VALUES, st.sampled_from([(",", ":"), (", ", ": ")]), st.booleans())
def test_a_result_is_found_in_the_text_of_its_response(value: Any, separators: Any, ascii_only: bool) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 7, "result": value}, separators=separators, ensure_ascii=ascii_only)
    found = wire.result_in(body.encode(), 7)
    if not isinstance(value, dict):
        assert found is None
        return
    assert found == value
    assert found is not None
    assert json.loads(found.text) == value
    assert wire.flaw_in(found) == ""


@pytest.mark.parametrize(
    "body",
    [
        b'{"jsonrpc":"2.0","id":8,"result":{}}',
        b'{"jsonrpc":"2.0","id":7,"result":{}',
        b'{"jsonrpc":"2.0","id":7,"error":{}}',
        b'{"jsonrpc":"2.0","id":"7","result":{}}',
        b'{"jsonrpc":"2.0","id":7.0,"result":{}}',
        b'{"jsonrpc":"2.0","id":true,"result":{}}',
        b'{"jsonrpc":"2.0","id":7,"result":null}',
        b'{"jsonrpc":"2.0","id":7,"result":{},"error":{}}',
        b"[]",
        b"",
    ],
)
def test_whatever_is_not_plainly_the_response_is_looked_at_more_closely(body: bytes) -> None:
    assert wire.result_in(body, 7) is None


@pytest.mark.parametrize("text", ["[NaN]", "[-Infinity]", "[1e999]", '"\\ud800"', "[" + "9" * 400 + "e1]"])
def test_what_can_not_be_passed_on_is_not_taken_by_its_text(text: str) -> None:
    assert wire.flaw_in(wire.read(text.encode())) != ""
    assert wire.result_in(f'{{"jsonrpc":"2.0","id":7,"result":{{"a":{text}}}}}'.encode(), 7) is None


@pytest.mark.parametrize("flaw", [b'"\xff"', b'"\x01"', b"01", b"[1,]"])
def test_what_is_no_json_is_nobodys_result(flaw: bytes) -> None:
    assert wire.result_in(b'{"jsonrpc":"2.0","id":7,"result":{"a":%s}}' % flaw, 7) is None


def test_a_text_that_is_nested_too_deeply_has_that_flaw_too() -> None:
    text = b'{"a":' + b"[" * 300 + b"]" * 300 + b"}"
    found = wire.result_in(b'{"jsonrpc":"2.0","id":7,"result":%s}' % text, 7)
    assert wire.flaw_in(found) == "it is nested more than 256 levels deep"


def test_of_two_results_the_last_one_counts_as_it_does_for_every_reader() -> None:
    found = wire.result_in(b'{"result":{"a":1},"id":7,"jsonrpc":"2.0","result":{"b":[ 2 ]}}', 7)
    assert found is not None
    assert (found, found.text) == ({"b": [2]}, b'{"b":[ 2 ]}')


LONG = '{"content":[{"type":"text","text":"%s"}],"n":[1,{}]}' % ("pong: {}," * 1000)
TWICE = f'{LONG[:-1]},"n":2}}'
VERSION, ID, RESULT = '"jsonrpc":"2.0"', '"id":7', f'"result":{LONG}'
OTHERS = [
    '"id":8',
    '"id":"7"',
    '"error":{}',
    '"error":null',
    '"result":{"a":1}',
    f'"result":[{LONG}]',
    f'"result":{TWICE}',
    '"more":[]',
]


def read_whole(data: bytes) -> Any:
    """The result by its definition: of what stands twice the last one, unless that is within the result."""
    try:
        message = json.loads(data)
    except ValueError:
        return None
    own = "result" in message and "error" not in message and message.get("id") == 7
    result = message["result"] if own else None
    return result if isinstance(result, dict) and result != json.loads(TWICE) else None


@given(
    st.permutations([VERSION, ID, RESULT]) | st.sampled_from([[VERSION, ID, RESULT], [RESULT, VERSION, ID], [RESULT]]),
    st.lists(st.sampled_from(OTHERS), max_size=2),
    st.integers(0, 3),
    st.sampled_from(
        [("{", "}"), ("{", "} "), ("{", " }"), ("{", "}}"), ("{", ""), (" {", "}"), ("{", ",}"), ("{{", "}}")]
    ),
    st.booleans(),
)
def test_a_long_result_is_what_whoever_reads_the_whole_response_finds(
    members: list[str], others: list[str], place: int, around: tuple[str, str], spaced: bool
) -> None:
    members = [*members[:place], *others, *members[place:]]
    inner = ", ".join(members).replace('":', '": ') if spaced else ",".join(members)
    data = inner.join(around).encode()
    for whole in (data, bytearray(data), memoryview(data)):
        found = wire.result_in(whole, 7)
        assert found == read_whole(data)
        if found is not None:
            assert type(found.text) is bytes
            assert json.loads(found.text) == found
            assert found.text.strip() == found.text


SPELLED = '{"z":1.10,"a":[ 1E5 ],"s":"\\u00e9"}'


def test_the_result_of_a_message_and_the_data_of_an_error_keep_their_text() -> None:
    response = wire.message(f'{{"id":"r/1","result":{SPELLED},"x":1,"jsonrpc":"2.0"}}'.encode())
    assert isinstance(response, types.JSONRPCResponse)
    assert isinstance(response.result, Verbatim)
    assert (response.id, response.result.text) == ("r/1", SPELLED.encode())
    for data in (SPELLED, f"[{SPELLED}]"):
        line = f'{{"jsonrpc":"2.0","id":1,"error":{{"code":1,"message":"m","data":{data}}}}}'.encode()
        error = wire.message(line)
        assert isinstance(error, types.JSONRPCError)
        assert error.error.data.text == wire.answer(line)["error"]["data"].text == data.encode()


@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}',  # which of them is meant?
        b'{"jsonrpc":"2.0","id":1,"result":{"a":1e999}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"a":"\\ud800"}}',
        b'{"jsonrpc":"2.0","method":"m","params":{"a":1}}',
        b'{"jsonrpc":"2.0","id":1,"method":"m","result":{}}',
        b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}',
        b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m","data":1.10}}',
    ],
)
def test_any_other_message_is_what_the_sdk_makes_of_it(line: bytes) -> None:
    assert wire.message(line) == types.jsonrpc_message_adapter.validate_python(wire.read(line), by_name=False)


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"{}",
        b'{"jsonrpc":"1.0","id":1,"result":{}}',
        b'{"jsonrpc":"2.0","id":true,"result":{}}',
        b'{"jsonrpc":"2.0","id":1,"result":[]}',
        b'{"jsonrpc":"2.0","result":{}}',
    ],
)
def test_what_is_no_message_is_none(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        wire.message(line)


def test_an_error_with_any_number_of_members_is_not_read_for_each_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    members = ",".join(f'"m{number}":[]' for number in range(200))
    line = f'{{"jsonrpc":"2.0","id":1,"error":{{"code":1,"message":"m",{members}}}}}'.encode()
    looked: list[int] = []
    texts = verbatim.texts

    def counted(data: bytes) -> Any:
        looked.append(len(data))
        return texts(data)

    monkeypatch.setattr(verbatim, "texts", counted)
    error = wire.answer(line)["error"]
    assert (len(error), error["m7"].text) == (202, b"[]")
    assert len(looked) == 2


def test_an_error_whose_member_can_not_be_kept_is_read_as_values() -> None:
    line = b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m","data":{"a":1,"a":2},"more":{"n":1e999}}}'
    assert wire.answer(line)["error"] == {"code": 1, "message": "m", "data": {"a": 2}, "more": {"n": float("inf")}}


@pytest.mark.parametrize("data", [b"oops", b'{"a":1}{', b'"\xff"'])
def test_what_is_no_json_is_told_in_our_own_words(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^the answer is not JSON in UTF-8$"):
        wire.read(data)
