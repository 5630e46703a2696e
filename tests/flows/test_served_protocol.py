"""What the protocol demands of a server, and what it must not be talked into: both eras, both transports."""

import contextlib
import gzip
import http.client
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest

from gateway.events import Admitted
from tests.fixtures.served import (
    ECHO,
    EVERYTHING,
    INITIALIZE,
    INITIALIZED,
    LEGACY,
    MODERN,
    Gateway,
    Place,
    answer_of,
    hostile,
    request,
    text_of,
)

eras = pytest.mark.parametrize("era", ["modern", "legacy"])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.policy(EVERYTHING)
    return made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for tests that leave nothing behind."""
    made = Place(tmp_path_factory.mktemp("shared"))
    made.policy(EVERYTHING)
    with made.serve({"echo": ECHO}) as gateway:
        yield gateway


@eras
def test_discovery_and_handshake_name_the_gateway(shared: Gateway, era: str) -> None:
    with shared.client(era) as client:
        if era == "modern":
            result = client.ask("server/discover")["result"]
            assert MODERN in result["supportedVersions"]
            info = result["_meta"][types.SERVER_INFO_META_KEY]
        else:
            result = answer_of(client.post(request("initialize", INITIALIZE), headers={"mcp-session-id": None}))[
                "result"
            ]
            assert result["protocolVersion"] == LEGACY
            info = result["serverInfo"]
            assert client.ask("ping")["result"] == {}
    assert info["name"] == "toolgate"
    offered = result["capabilities"]
    own = {"extensions"} if era == "modern" else set()
    assert offered.keys() == {"tools", "resources", "prompts", "completions", "logging"} | own
    assert offered["resources"] == {"listChanged": True, "subscribe": True}
    assert (offered["tools"], offered["prompts"]) == ({"listChanged": True}, {"listChanged": True})
    assert result["instructions"].startswith("Tools, resources and prompts behind the Toolgate gateway.")


@eras
@pytest.mark.parametrize("method", ["x", "tasks/list", "tools"])
def test_a_method_that_is_not_served_is_not_found(shared: Gateway, era: str, method: str) -> None:
    params = {"name": "x", "ref": {"type": "ref/prompt", "name": "x"}, "argument": {"name": "a", "value": "b"}}
    with shared.client(era) as client:
        answer = client.post(request(method, params, era), headers={"mcp-name": "x"} if era == "modern" else {})
    assert answer_of(answer)["error"]["code"] == types.METHOD_NOT_FOUND


@eras
@pytest.mark.parametrize("params", [{}, {"name": 5}, {"name": "echo__echo", "arguments": []}, {"name": "x" * 600}])
def test_parameters_that_do_not_fit_are_refused_without_a_look_inside(
    shared: Gateway, era: str, params: dict[str, Any]
) -> None:
    with shared.client(era) as client:
        error = client.ask("tools/call", params)["error"]
    assert error["code"] in (types.INVALID_PARAMS, types.HEADER_MISMATCH)
    assert "pydantic" not in json.dumps(error)


@pytest.mark.parametrize(
    "headers",
    [
        {"mcp-method": "tools/list"},
        {"mcp-method": None},
        {"mcp-name": "echo__count"},
        {"mcp-name": None},
        {"mcp-name": "echo__echo, echo__echo"},
    ],
)
def test_a_header_that_does_not_say_what_the_body_says_is_refused(
    shared: Gateway, headers: Mapping[str, str | None]
) -> None:
    message = request("tools/call", {"name": "echo__echo", "arguments": {"text": "x"}}, "modern")
    with shared.client("modern") as client:
        answer = client.post(message, headers=headers)
    assert (answer.status_code, answer_of(answer)["error"]["code"]) == (400, types.HEADER_MISMATCH)


def test_white_space_around_a_header_does_not_count(shared: Gateway) -> None:
    message = request("tools/call", {"name": "echo__echo", "arguments": {"text": "x"}}, "modern")
    with shared.client("modern") as client:
        headers = client.headers(message) | {"mcp-name": "  echo__echo\t "}
    connection = http.client.HTTPConnection(shared.url.split("/")[2])
    with contextlib.closing(connection):
        connection.request("POST", "/mcp", json.dumps(message), headers)
        assert text_of(json.load(connection.getresponse())["result"]) == "x"


def test_a_modern_request_without_its_envelope_is_refused(shared: Gateway) -> None:
    with shared.client("modern") as client:
        answer = client.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}})
    assert (answer.status_code, "error" in answer_of(answer)) == (400, True)


def test_a_protocol_version_that_nobody_knows_is_refused_with_those_that_are_served(shared: Gateway) -> None:
    with shared.client("modern") as client:
        message = request("tools/list", {"_meta": {types.PROTOCOL_VERSION_META_KEY: "2099-01-01"}}, "modern")
        answer = client.post(message, headers={"mcp-protocol-version": "2099-01-01"})
    assert answer.status_code == 400
    assert MODERN in json.dumps(answer_of(answer)["error"])


def test_a_call_before_the_handshake_is_refused(shared: Gateway, place: Place) -> None:
    message = request("tools/call", {"name": "echo__count", "arguments": {}})
    with shared.client("legacy") as client:
        assert client.post(message, headers={"mcp-session-id": None}).status_code == 400
    with place.pipe({"echo": ECHO}) as pipe:
        assert "error" in pipe.ask("tools/call", message["params"])
        assert "error" in pipe.ask("tools/list")
        assert pipe.ask("initialize", INITIALIZE, number=2)["result"]["serverInfo"]["name"] == "toolgate"
    assert not any(isinstance(fact, Admitted) for fact in place.facts())


def test_a_session_that_does_not_exist_or_has_ended_is_not_found(shared: Gateway) -> None:
    with shared.client("legacy") as client:
        message = request("tools/list")
        assert client.post(message, headers={"mcp-session-id": "0" * 32}).status_code == 404
        assert client.http.delete(client.url, headers={"mcp-session-id": client.session or ""}).status_code == 200
        assert client.post(message).status_code == 404


def test_sessions_can_not_be_guessed(shared: Gateway) -> None:
    with shared.client("legacy") as one, shared.client("legacy") as two:
        assert one.session != two.session
        assert len(one.session or "") >= 32


UNREADABLE = {
    "twice": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo__count","name":"echo__env"}}',
    "nan": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo__add","arguments":{"a":NaN,"b":1}}}',
    "huge": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo__add","arguments":{"a":1e999}}}',
    "surrogate": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\\ud800"}}',
    "not utf-8": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\xff"}}',
    "batch": b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]',
    "scalar": b"5",
    "deep": b'{"jsonrpc":"2.0","id":1,"method":"ping","params":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    "cut": b'{"jsonrpc":"2.0","id":1,"method":"ping"',
    "null id": b'{"jsonrpc":"2.0","id":null,"method":"tools/list"}',
}


@eras
@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_what_can_be_read_in_two_ways_or_none_is_not_read_over_http(shared: Gateway, era: str, body: bytes) -> None:
    with shared.client(era) as client:
        answer = client.post({}, body=body)
        assert answer.status_code == 400
        assert answer_of(answer)["error"]["code"] in (types.PARSE_ERROR, types.INVALID_REQUEST)
        assert client.call("echo__echo", {"text": "still there"})


def test_what_can_be_read_in_two_ways_or_none_is_not_read_over_stdio(place: Place) -> None:
    with place.pipe({"echo": ECHO}) as pipe:
        pipe.open("legacy")
        for body in UNREADABLE.values():
            pipe.send_line(body.replace(b"\n", b" "))
            assert pipe.receive()["error"]["code"] in (types.PARSE_ERROR, types.INVALID_REQUEST)
        assert text_of(pipe.ask("tools/call", {"name": "echo__count"})["result"]) == "0"


OLD = {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}}


def test_the_version_that_has_batches_is_agreed_to_and_a_batch_is_told_to_come_one_by_one(place: Place) -> None:
    """Its official clients know no later version, and send no batches."""
    calls = [request("tools/call", {"name": "echo__count", "arguments": {}}, number=number) for number in (7, 8)]
    with place.pipe({"echo": ECHO}) as pipe:
        assert pipe.ask("initialize", OLD)["result"]["protocolVersion"] == "2025-03-26"
        pipe.send(INITIALIZED)
        pipe.send(calls)
        error = pipe.receive()["error"]
        assert (error["code"], "send each message by itself" in error["message"]) == (types.INVALID_REQUEST, True)
        assert text_of(pipe.ask("tools/call", {"name": "echo__count"})["result"]) == "0"


@eras
@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "evil.example#127.0.0.1"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost.evil.example"},
    ],
)
def test_a_page_from_elsewhere_can_not_reach_it(shared: Gateway, era: str, headers: dict[str, str]) -> None:
    with shared.client(era) as client:
        answer = client.post(request("tools/call", {"name": "echo__count"}, era), headers=headers)
    assert answer.status_code in (403, 421)


@eras
def test_a_page_from_loopback_may(shared: Gateway, era: str) -> None:
    with shared.client(era) as client:
        answer = client.post(request("tools/list", era=era), headers={"origin": "http://localhost:6274"})
    assert "result" in answer_of(answer)


@eras
def test_a_body_of_more_than_four_megabytes_is_refused(shared: Gateway, era: str) -> None:
    with shared.client(era) as client:
        assert client.post({}, body=b" " * (4 * 1024 * 1024 + 1)).status_code == 413
        assert client.call("echo__echo", {"text": "still there"})


@eras
def test_only_a_post_is_a_call(shared: Gateway, era: str) -> None:
    """Whatever body other methods have, and whatever they say that they are."""
    message = request("tools/call", {"name": "echo__count"}, era)
    with shared.client(era) as client:
        before = text_of(client.call("echo__count"))
        headers = client.headers(message) | {"x-http-method-override": "POST", "accept": "application/json"}
        for method in ("GET", "HEAD", "PUT", "PATCH", "OPTIONS", "TRACE", "QUERY"):
            answer = client.http.request(method, client.url, content=json.dumps(message), headers=headers)
            assert answer.status_code in (400, 405, 406), method
        assert int(text_of(client.call("echo__count"))) == int(before) + 1


@eras
def test_a_packed_body_is_not_unpacked(shared: Gateway, era: str) -> None:
    packed = gzip.compress(json.dumps(request("tools/list", era=era)).encode())
    with shared.client(era) as client:
        assert client.post({}, body=packed, headers={"content-encoding": "gzip"}).status_code == 415


def test_nothing_of_a_clients_token_reaches_a_server(place: Place) -> None:
    place.policy(EVERYTHING)
    with place.serve({"mirror": hostile("mirror")}) as gateway, gateway.client("modern") as client:
        message = request("tools/call", {"name": "mirror__act", "arguments": {}}, "modern")
        answer = client.post(message, headers={"authorization": "Bearer canary-7f3a"})
    assert "canary" not in answer.text
    assert "canary" not in place.log


@eras
def test_stdio_has_the_same_list_and_results_as_http(place: Place, era: str) -> None:
    text = "x" * 3_000_000
    with place.pipe({"echo": ECHO}) as pipe:
        pipe.open(era)
        listed = pipe.ask("tools/list", era=era)["result"]["tools"]
        rich = pipe.ask("tools/call", {"name": "echo__rich"}, era, 2)["result"]
        large = pipe.ask("tools/call", {"name": "echo__echo", "arguments": {"text": text}}, era, 3)["result"]
        assert pipe.close() == 0
    assert text_of(large) == text
    with place.serve({"echo": ECHO}) as gateway, gateway.client(era) as client:
        assert client.ask("tools/list")["result"]["tools"] == listed
        assert client.call("echo__rich") == rich
