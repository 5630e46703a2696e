"""The body is not touched; what stands around it is as the era wants it."""

import json
from typing import Any

import mcp_types as types
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp_types import methods
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from gateway.serve.envelope import _seen, enveloped, in_shape, passed_on, response, traced
from gateway.verbatim import read

OLDER = HANDSHAKE_PROTOCOL_VERSIONS[-1]
INFO = {"name": "toolgate", "version": "1"}
ENVELOPE = {"resultType", "ttlMs", "cacheScope", "_meta"}
BODIES = st.dictionaries(st.text(max_size=9).filter(lambda key: key not in ENVELOPE), st.none() | st.lists(st.none()))
METAS = st.none() | st.dictionaries(st.text(max_size=9), st.none() | st.integers())


def around(result: dict[str, Any], version: str, method: str = "tools/call") -> dict[str, Any]:
    return enveloped(result, method, version, INFO)


@given(BODIES, METAS, st.sampled_from([*HANDSHAKE_PROTOCOL_VERSIONS, *MODERN_PROTOCOL_VERSIONS]))
def test_the_body_and_its_meta_are_untouched_in_every_version(body: dict[str, Any], meta: Any, version: str) -> None:
    given_result = body if meta is None else {**body, "_meta": meta}
    whole = around(given_result, version)
    assert {key: value for key, value in whole.items() if key not in ENVELOPE} == body
    kept = {key: value for key, value in whole.get("_meta", {}).items() if key != types.SERVER_INFO_META_KEY}
    assert kept == (meta or {})


SERVER = {types.SERVER_INFO_META_KEY: {"name": "behind", "é": '","resultType":"complete"}'}}
MORE = {"_meta": METAS | st.just(SERVER), "resultType": st.sampled_from(["complete", 'a"}', 1.0]), "ttlMs": st.just(5)}


@given(
    BODIES,
    st.fixed_dictionaries({}, optional=MORE).flatmap(lambda more: st.permutations(list(more.items()))),
    st.integers(0, 3),
    st.sampled_from([*HANDSHAKE_PROTOCOL_VERSIONS, *MODERN_PROTOCOL_VERSIONS]),
    st.sampled_from([("", ", ", ": "), (" ", ",", ":"), ("\n", ",", ":"), ("", ",", ":"), ("", ",", ": ")]),
)
def test_what_is_written_of_a_text_is_what_the_envelope_makes_of_its_value(
    body: dict[str, Any], more: list[tuple[str, Any]], first: int, version: str, spelled: tuple[str, str, str]
) -> None:
    """Wherever what is taken out stands, before the body or behind it, and however it is written."""
    value = {**dict(more[:first]), **body, **dict(more[first:])}
    text = f"{spelled[0]}{json.dumps(value, separators=spelled[1:])}{spelled[0]}".encode()
    for result in (read(text), value):
        whole = json.loads(response("r/1", result, "tools/call", version, INFO))
        assert whole == {"jsonrpc": "2.0", "id": "r/1", "result": around(value, version)}


BEHIND = '"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"behind","v":1e2}}'


@pytest.mark.parametrize("result_type", ['"resultType":"complete",', ""])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("blank", ["", " ", "\n  "])
def test_what_an_older_client_does_not_know_is_cut_out_of_a_text_that_stays(
    result_type: str, first: bool, blank: str
) -> None:
    body = '"content":[],  "n": 1e2'
    cut = result_type.replace(":", f":{blank[:1].strip(chr(10))}") + blank + BEHIND.replace("1e2", "100.0")
    text = f"{{{cut}{blank},{blank}{body}}}" if first else f"{{{body}{blank},{blank}{cut}}}"
    older = response(7, read(text.encode()), "tools/call", OLDER, INFO).decode()
    assert older.partition('"result":{')[2][:-2].strip() == body
    modern = response(7, read(text.encode()), "tools/call", MODERN_PROTOCOL_VERSIONS[-1], INFO)
    assert body in modern.decode()
    assert json.loads(modern)["result"]["_meta"] == {types.SERVER_INFO_META_KEY: INFO}


@pytest.mark.parametrize("number", ["1.00", "5e-1", "0.1000000000000000055", "100", "1.0"])
@pytest.mark.parametrize(
    "text", ['{"ttlMs":%s,"content":[]}', '{"_meta":%s,"content":[]}', '{"_meta": %s}', '{"n":1,"_meta":%s}']
)
def test_a_number_is_cut_out_whole_or_not_at_all(text: str, number: str) -> None:
    result = (text % number).encode()
    for version in (OLDER, MODERN_PROTOCOL_VERSIONS[-1]):
        whole = json.loads(response(7, read(result), "tools/call", version, INFO))["result"]
        assert whole == around(json.loads(result), version)


def test_the_same_words_within_a_name_stay_there() -> None:
    value = {"b": 1, "resultType": "complete", "c": 2, 'a"resultType': "complete"}
    text = json.dumps(value, separators=(",", ":")).encode()
    whole = json.loads(response(7, read(text), "tools/call", OLDER, INFO))["result"]
    assert whole == {"b": 1, "c": 2, 'a"resultType': "complete"}


def test_the_same_words_within_a_string_stay_there() -> None:
    said = {"resultType": "complete", "text": '","resultType":"complete"', "more": [{"resultType": "complete"}]}
    for value in (said, dict(reversed(said.items())), {"text": said["text"], "more": 1, "resultType": "complete"}):
        text = json.dumps(value, separators=(",", ":")).encode()
        whole = json.loads(response(7, read(text), "tools/call", OLDER, INFO))["result"]
        assert whole == {name: item for name, item in value.items() if name != "resultType"}


@pytest.mark.parametrize("version", [HANDSHAKE_PROTOCOL_VERSIONS[-1], *MODERN_PROTOCOL_VERSIONS])
def test_a_result_of_which_nothing_has_to_be_changed_keeps_its_text(version: str) -> None:
    text = b'{"content": [],  "n": 1e2}'
    assert response(7, read(text), "tools/call", version, INFO).partition(b'"result":')[2].startswith(text[:-1])


@pytest.mark.parametrize("version", MODERN_PROTOCOL_VERSIONS)
def test_a_modern_result_says_that_it_is_complete_and_whose_it_is(version: str) -> None:
    whole = around({"content": [], "_meta": {types.SERVER_INFO_META_KEY: {"name": "behind"}}}, version)
    assert whole == {"content": [], "resultType": "complete", "_meta": {types.SERVER_INFO_META_KEY: INFO}}


@pytest.mark.parametrize("version", MODERN_PROTOCOL_VERSIONS)
def test_what_is_read_is_private_whatever_a_server_says_and_a_list_is_what_we_say(version: str) -> None:
    whole = around({"tools": [], "cacheScope": "public", "ttlMs": 9}, version, "tools/list")
    assert (whole["cacheScope"], whole["ttlMs"]) == ("public", 9)
    whole = around({"tools": []}, version, "tools/list")
    assert (whole["cacheScope"], whole["ttlMs"]) == ("private", 0)
    whole = around({"contents": [], "cacheScope": "public", "ttlMs": 9}, version, "resources/read")
    assert (whole["cacheScope"], whole["ttlMs"]) == ("private", 9)
    whole = around({"resultType": "input_required"}, version, "resources/read")
    assert "cacheScope" not in whole


@pytest.mark.parametrize("version", HANDSHAKE_PROTOCOL_VERSIONS)
def test_an_older_result_has_nothing_that_its_version_does_not_know(version: str) -> None:
    modern = {"content": [], "resultType": "complete", "_meta": {types.SERVER_INFO_META_KEY: {}, "x": 1}}
    assert around(modern, version) == {"content": [], "_meta": {"x": 1}}
    assert around({"content": [], "_meta": {types.SERVER_INFO_META_KEY: {}}}, version) == {"content": []}
    assert around({"content": [], "_meta": {}}, version) == {"content": [], "_meta": {}}


@pytest.mark.parametrize("odd", [1.5, True, "x", ["x"], [], 0])
@pytest.mark.parametrize("version", [*HANDSHAKE_PROTOCOL_VERSIONS, *MODERN_PROTOCOL_VERSIONS])
def test_a_meta_that_is_no_object_is_left_out(odd: Any, version: str) -> None:
    assert around({"content": [], "_meta": odd}, version) == around({"content": []}, version)


def test_a_result_is_never_changed_in_place() -> None:
    result = {"content": [], "_meta": {"x": 1}}
    around(result, MODERN_PROTOCOL_VERSIONS[0])
    assert result == {"content": [], "_meta": {"x": 1}}


def test_what_is_of_this_hop_goes_no_further() -> None:
    meta = {
        types.PROTOCOL_VERSION_META_KEY: "2026-07-28",
        types.CLIENT_INFO_META_KEY: {},
        types.CLIENT_CAPABILITIES_META_KEY: {},
        "io.modelcontextprotocol/logLevel": "debug",
        "io.modelcontextprotocol/unheard-of": 1,
        "toolgate/idempotency-key": "forged",
        "progressToken": 1,
        "traceparent": "00",
        "tracestate": "x",
        "baggage": "secret",
        "vendor.example/x": {"kept": None},
    }
    assert passed_on(meta) == {"vendor.example/x": {"kept": None}, "traceparent": "00"}  # which our own replaces
    assert passed_on(None) == {}


OWN = "io.modelcontextprotocol/"
SAID = {
    f"{OWN}protocolVersion": "2026-07-28",
    f"{OWN}clientCapabilities": {},
    f"{OWN}clientInfo": {"name": "x", "version": "1"},
}


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"other": [1], f"{OWN}other": 5}, True),
        ({f"{OWN}logLevel": "debug"}, True),
        ({f"{OWN}logLevel": "loud"}, False),
        ({f"{OWN}clientInfo": {"name": "x"}}, False),
        ({f"{OWN}clientInfo": {"name": "x" * 5000, "version": "1"}}, True),
        ({f"{OWN}clientInfo": {"name": "x" * 5000, "version": 1}}, False),
        ({f"{OWN}clientCapabilities": True}, False),
        ({f"{OWN}protocolVersion": 5}, False),
    ],
)
def test_what_a_modern_client_says_of_itself_has_the_protocols_shape(changes: dict[str, object], fits: bool) -> None:
    for _ in range(2):  # it is remembered
        assert in_shape(SAID | changes, "2026-07-28") == fits


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3), lambda more: st.lists(more, max_size=2)
)
INFOS = st.dictionaries(st.sampled_from(["name", "version", "title", "icons", "x"]), JSON, max_size=4)
DECLARED: st.SearchStrategy[Any] = st.dictionaries(
    st.sampled_from(["elicitation", "roots", "sampling", "experimental", "x"]), st.just({}) | JSON, max_size=3
)


@given(INFOS | JSON, DECLARED | JSON, st.sampled_from(["2026-07-28", "2025-11-25", 7]))
def test_what_is_taken_at_a_glance_the_protocols_models_take_too(info: Any, declared: Any, said: Any) -> None:
    meta = {f"{OWN}protocolVersion": said, f"{OWN}clientInfo": info, f"{OWN}clientCapabilities": declared}
    try:
        methods.validate_client_request("tools/call", "2026-07-28", {"name": "", "_meta": meta})
        fits = True
    except ValidationError:
        fits = False
    assert in_shape(meta, "2026-07-28") == fits


def test_what_is_remembered_of_what_clients_say_is_bounded() -> None:
    before = _seen.cache_info().currsize
    assert in_shape(SAID | {f"{OWN}clientInfo": {"name": "y" * 5000, "version": "1"}}, "2026-07-28")
    assert _seen.cache_info().currsize == before
    assert _seen.cache_info().maxsize == 1000


@pytest.mark.parametrize(
    ("params", "header", "meta"),
    [
        ({"name": "x"}, "00-a", {"traceparent": "00-a"}),
        ({"name": "x"}, b"00-\xff", {"traceparent": "00-\xff"}),
        ({"name": "x", "_meta": {"y": 1}}, "00-a", {"y": 1, "traceparent": "00-a"}),
        ({"name": "x", "_meta": {"traceparent": "00-b"}}, "00-a", {"traceparent": "00-b"}),
        ({"name": "x", "_meta": 3}, "00-a", {"traceparent": "00-a"}),
        ({"name": "x"}, None, None),
    ],
)
def test_a_trace_in_the_header_counts_where_the_request_names_none(params: Any, header: Any, meta: Any) -> None:
    before = dict(params)
    assert traced(params, header).get("_meta") == meta
    assert params == before


@pytest.mark.parametrize("version", [HANDSHAKE_PROTOCOL_VERSIONS[-1], *MODERN_PROTOCOL_VERSIONS])
def test_what_a_server_says_in_meta_keeps_its_text(version: str) -> None:
    meta = b'{"v": {"n":1.10},"%b":{"name":"behind"}}' % types.SERVER_INFO_META_KEY.encode()
    written = response(7, read(b'{"content":[ ],"_meta":%b}' % meta), "tools/call", version, INFO)
    assert b'"content":[ ],' in written
    assert b'"_meta":{"v":{"n":1.10}' in written
    assert b"behind" not in written
