"""The fake model: a server on loopback that plays a script in three wire formats.

POST /v1/messages                 Anthropic Messages        POST /v1/messages/count_tokens
POST /v1/responses                OpenAI Responses          POST /v1/responses/input_tokens
POST /v1/chat/completions         Chat Completions
GET  /v1/models                   in the form that the client's headers ask for
GET  /fake/requests               what was asked, as JSON; DELETE forgets it
PUT  /fake/fault                  a fault for all requests from now on (the body is its text; empty: none)
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from providers.fake.answering import Answer, Answering, broken
from providers.fake.line import Line, Received
from providers.fake.models import listed, one
from providers.fake.plan import Action, End, Head, Send
from providers.fake.record import Heard, Record, masked
from providers.fake.routes import Route, lacks_key, routed
from providers.fake.wire import Complaint, body, headers_of
from providers.scripted import ScriptedProvider
from providers.scripted.faults import Fault, parsed
from providers.scripted.script import parsed as parsed_script

__all__ = ["HEADER", "FakeModel", "greeting"]

HEADER = "x-fake-fault"  # of a request: the fault that its answer has

_GREETING = "steps: [{label: again, say: Hello from a fake model., goto: again}]"


def greeting() -> ScriptedProvider:
    """What is played without a script: one sentence, whatever is asked."""
    return ScriptedProvider(parsed_script(_GREETING, "greeting"))


class FakeModel:
    """Plays `provider`'s script to whoever asks. `fault` befalls every request; a script and a header say more."""

    def __init__(
        self, provider: ScriptedProvider, *, fault: Fault | None = None, models: Sequence[str] = ("fake-model",)
    ) -> None:
        self.fault, self.models = fault, tuple(models)
        self.record = Record()
        self.url = ""
        self._answering = Answering(provider)
        self._numbers, self._befell = 0, Counter[str]()
        self._lines: set[Line] = set()
        self.connections = 0  # ever made

    @classmethod
    def from_file(cls, path: str | Path) -> "FakeModel":
        """Raises ScriptError."""
        return cls(ScriptedProvider.from_file(path))

    @property
    def heard(self) -> tuple[Heard, ...]:
        """Everything that models were asked, in order."""
        return self.record.heard

    @asynccontextmanager
    async def listening(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator["FakeModel"]:
        """Serves meanwhile; `url` says where. Raises OSError if the port is taken."""
        server = await asyncio.get_running_loop().create_server(self._line, host, port)
        place = server.sockets[0].getsockname()
        self.url = f"http://{f'[{place[0]}]' if ':' in place[0] else place[0]}:{place[1]}"
        try:
            yield self
        finally:
            server.close()
            for line in tuple(self._lines):
                await line.close()
            await server.wait_closed()

    def _line(self) -> Line:
        line = Line(self._handle, self._lines.discard)
        self._lines.add(line)
        self.connections += 1
        return line

    async def _handle(self, received: Received, line: Line) -> None:
        if received.path.startswith("/fake/"):
            await line.play(self._own(received))
            return
        self._numbers += 1
        number = self._numbers
        route = routed(received)
        headers = masked(received.headers)
        heard = Heard(number, route.form.name, received.method, received.path, headers, _shown(received))
        await self.record.put(heard)
        answer = await line.unless_left(self._answer(received, route, number))
        if answer is None:  # while the script took its time
            await self.record.put(replace(heard, ended="left"))
            return
        heard = replace(heard, status=answer.status, fault=answer.fault, error=answer.error)
        sent = await line.play(answer.actions)
        await self.record.put(replace(heard, ended=sent.ended, events=sent.events))

    async def _answer(self, received: Received, route: Route, number: int) -> Answer:
        headers = headers_of(route.form, number)
        if complaint := route.complaint or lacks_key(received, route):
            return broken(route.form, complaint, headers)
        if route.models:
            return self._models(received, route, headers)
        try:
            fault = self._fault(received)
        except ValueError as error:
            return broken(route.form, Complaint(400, "invalid", f"{HEADER}: {error}"), headers)
        return await self._answering.answer(received, route, number, fault)

    def _models(self, received: Received, route: Route, headers: Mapping[str, str]) -> Answer:
        name = received.path.removeprefix("/v1/models").removeprefix("/")
        if name and name not in self.models:
            return broken(route.form, Complaint(404, "not_found", f"model: {name}"), headers)
        return Answer(_json(one(route.form, name) if name else listed(route.form, self.models), headers), 200)

    def _fault(self, received: Received) -> Fault | None:
        """The fault of this request, by its header or the server's. Raises ValueError."""
        named = received.headers.get(HEADER)
        fault = self.fault if named is None else parsed(named) if named else None
        if fault is None or fault.times == 0:
            return fault
        key = f"{fault.kind}{hashlib.sha256(received.body).hexdigest()}"
        self._befell[key] += 1
        return fault if self._befell[key] <= fault.times else None

    def _own(self, received: Received) -> Sequence[Action]:
        match received.method, received.path:
            case "GET", "/fake/requests":
                return _json({"requests": [heard.to_json() for heard in self.heard]}, {})
            case "DELETE", "/fake/requests":
                self.record.clear()
                return _json({}, {})
            case "PUT", "/fake/fault":
                text = received.body.decode("utf-8", "replace").strip()
                try:
                    self.fault = parsed(text) if text else None
                except ValueError as error:
                    return _json({"error": str(error)}, {}, 400)
                return _json({"fault": text}, {})
        return _json({"error": "there is no such thing here"}, {}, 404)


def _json(value: Mapping[str, Any], headers: Mapping[str, str], status: int = 200) -> Sequence[Action]:
    sent = body(value)
    return [Head(status, {"content-type": "application/json", **headers}, len(sent)), Send(sent), End()]


def _shown(received: Received) -> Any:
    try:
        return received.json()
    except ValueError:
        return received.body.decode("utf-8", "replace")
