"""What the SDK's server is left to do, and what it is not. Its answers to plain calls are compared in `test_direct`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest

from gateway.serve.application import application
from gateway.serve.asgi import App as AsgiApp
from gateway.serve.asgi import Receive, Scope, Send, dumped
from gateway.serve.asking import ASKER, Asker
from gateway.serve.server import build_server
from tests.fixtures.asgi import Answer, ask
from tests.fixtures.gateway_app import App, Setup, opened
from tests.fixtures.served import EVERYTHING, INITIALIZE, INITIALIZED, LEGACY, MODERN, request

eras = pytest.mark.parametrize("era", ["modern", "legacy"])
COMMON = {"content-type": "application/json", "accept": "application/json, text/event-stream", "host": "127.0.0.1:80"}


class Wire:
    """A client of the SDK's application alone."""

    def __init__(self, app: AsgiApp, era: str) -> None:
        self._app, self._era, self._session = app, era, ""

    async def open(self) -> None:
        if self._era == "legacy":
            self._session = (await self.post(request("initialize", INITIALIZE))).headers["mcp-session-id"]
            await self.post(INITIALIZED)

    async def ask(self, method: str, params: Mapping[str, Any]) -> Answer:
        return await self.post(request(method, params, self._era))

    async def post(self, message: Mapping[str, Any]) -> Answer:
        headers = dict(COMMON)
        if self._era == "modern":
            name = message.get("params", {}).get("name")
            headers |= {"mcp-protocol-version": MODERN, "mcp-method": message["method"]}
            headers |= {"mcp-name": str(name)} if name is not None else {}
        elif self._session:
            headers |= {"mcp-session-id": self._session, "mcp-protocol-version": LEGACY}
        return await ask(self._app, [(k.encode(), v.encode()) for k, v in headers.items()], dumped(message))


def within(tmp_path: Path, era: str, scenario: Callable[[App, Wire], Awaitable[None]]) -> None:
    setup = Setup(tmp_path)
    setup.write_policy(EVERYTHING)

    async def work() -> None:
        async with opened(setup, http=True) as app:
            inner = application(app.server, 1_000_000)

            async def behind_the_door(scope: Scope, receive: Receive, send: Send) -> None:
                scope["state"] = {ASKER: Asker(setup.subject)}
                await inner(scope, receive, send)

            async with inner.router.lifespan_context(inner):
                await scenario(app, Wire(behind_the_door, era))

    asyncio.run(work())


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the tools that the front is asked to call; it answers each with more than the SDK knows."""
    names: list[str] = []

    async def answer(_front: Any, _method: str, request: Any) -> Any:
        names.append(request.params["name"])
        return {"content": [{"type": "vendor/hologram", "depth": None}], "unknownField": {"a": [None]}}

    monkeypatch.setattr("gateway.serve.front.Front.ask", answer)
    return names


def test_no_other_middleware_looks_at_the_messages(tmp_path: Path) -> None:
    """The SDK's own would make spans with the arguments' names, and pass baggage on."""

    async def scenario(app: App, _wire: Wire) -> None:
        assert len(build_server(app.front, "0", None).middleware) == 1

    within(tmp_path, "modern", scenario)


@eras
def test_an_answer_is_not_reduced_to_what_the_sdk_knows(tmp_path: Path, era: str, asked: list[str]) -> None:
    async def scenario(_app: App, wire: Wire) -> None:
        await wire.open()
        result = (await wire.ask("tools/call", {"name": "a"})).message["result"]
        assert result["unknownField"] == {"a": [None]}
        assert result["content"] == [{"type": "vendor/hologram", "depth": None}]
        assert ("resultType" in result) == (era == "modern")

    within(tmp_path, era, scenario)
    assert asked == ["a"]


@eras
def test_what_the_gateway_does_not_answer_is_refused(tmp_path: Path, era: str) -> None:
    async def scenario(_app: App, wire: Wire) -> None:
        await wire.open()
        codes = [(await wire.ask(method, {})).code for method in ("tools/run", "tools/call/x", "x")]
        assert codes == [types.METHOD_NOT_FOUND] * 3

    within(tmp_path, era, scenario)


@eras
def test_params_that_do_not_fit_are_refused_before_the_front_is_asked(
    tmp_path: Path, era: str, asked: list[str]
) -> None:
    odd: Sequence[Mapping[str, Any]] = (
        {},
        {"name": 5},
        {"name": "a", "arguments": [1]},
        {"name": "a", "_meta": {"progressToken": []}},
    )

    async def scenario(_app: App, wire: Wire) -> None:
        await wire.open()
        for params in odd:
            assert (await wire.ask("tools/call", params)).code in (types.INVALID_PARAMS, types.HEADER_MISMATCH)

    within(tmp_path, era, scenario)
    assert asked == []


def test_a_clients_answers_to_questions_go_on_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Any] = []

    async def answer(_front: Any, _method: str, request: Any) -> Any:
        heard.append(request.params["inputResponses"])
        return {"content": []}

    monkeypatch.setattr("gateway.serve.front.Front.ask", answer)
    odd: Sequence[Mapping[str, Any]] = (
        {"role": "critic", "content": {"type": "hologram", "z": 1}},
        {"role": "assistant", "content": [{"type": "text", "text": "yo"}, {"type": "new"}], "model": "m", "zz": 1},
        {"action": "snooze", "until": 5},
        {"action": "accept", "content": {"x": {"deep": [None]}}},
        {"roots": [{"uri": "https://w", "zz": None}]},
        {},
    )

    async def scenario(_app: App, wire: Wire) -> None:
        for answers in ({"k": said} for said in odd):
            reply = await wire.ask("tools/call", {"name": "a", "requestState": "s", "inputResponses": answers})
            assert reply.message["result"]["content"] == []
            assert heard.pop() == answers

    within(tmp_path, "modern", scenario)


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([], "`inputResponses` must be an object: the answers by the keys of `inputRequests`"),
        ({"a": {}, "k\n": "yes"}, "The answer to `k\\n` in `inputResponses` must be an object"),
    ],
)
def test_an_answer_that_is_no_object_is_refused_by_its_name(
    tmp_path: Path, asked: list[str], answers: Any, why: str
) -> None:
    async def scenario(_app: App, wire: Wire) -> None:
        reply = await wire.ask("tools/call", {"name": "a", "requestState": "s", "inputResponses": answers})
        assert (reply.code, reply.message["error"]["message"]) == (types.INVALID_PARAMS, why)

    within(tmp_path, "modern", scenario)
    assert asked == []


def test_before_the_handshake_nothing_is_called(tmp_path: Path, asked: list[str]) -> None:
    async def scenario(_app: App, wire: Wire) -> None:
        assert (await wire.ask("tools/call", {"name": "a"})).status == 400

    within(tmp_path, "legacy", scenario)
    assert asked == []


def test_after_a_handshake_that_was_refused_nothing_is_called(tmp_path: Path, asked: list[str]) -> None:
    async def scenario(_app: App, wire: Wire) -> None:
        refused = await wire.post(request("initialize", {"capabilities": 5}))
        assert refused.code == types.INVALID_PARAMS
        wire._session = refused.headers["mcp-session-id"]  # noqa: SLF001
        await wire.post(INITIALIZED)
        assert (await wire.ask("tools/call", {"name": "a"})).code == types.INVALID_REQUEST

    within(tmp_path, "legacy", scenario)
    assert asked == []
