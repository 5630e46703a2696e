"""A second fake that we did not write says the same: aimock (npm), over the same sockets, in the same three formats.

What our providers make of it must be what they make of our fake; and the two fakes must send events of the same kinds
in the same order. (Where aimock is less exact than the APIs: it ends a reply of Responses that the limit cut with
`response.completed`; it knows no seals and no signatures that would be refused.)
"""

import asyncio
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx2
import pytest

from providers import Message, Part, Provider, Reply, Request, Text, ToolCall, ToolResult
from tests.fixtures.fake import BODIES
from tests.fixtures.members import LOOK, TALK, WIRES, heard, plain_reply, reply_of, words
from tests.fixtures.node import aimock

_CALLS = [
    {"id": "call_c1_1", "name": "shop__look", "arguments": '{"sku": "A"}'},
    {"id": "call_c1_2", "name": "shop__talk", "arguments": "{}"},
]
_USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "input_tokens": 100, "output_tokens": 20}


def _when(text: str, response: Any, **more: Any) -> dict[str, Any]:
    return {"match": {"userMessage": text}, "response": response, **more}


def _fails(text: str, kind: str, status: int) -> dict[str, Any]:
    return _when(text, {"error": {"message": text, "type": kind}, "status": status})


_FIXTURES = [
    {
        "match": {"userMessage": "go", "turnIndex": 0},
        "response": {"content": "Let me look.", "usage": _USAGE, "toolCalls": _CALLS},
    },
    {"match": {"userMessage": "go", "turnIndex": 1, "toolResultContains": "seven"}, "response": {"content": "Seven."}},
    _when("talk", {"content": "Good  morning!\n\nü", "usage": _USAGE}),
    _when("limit", {"content": "And so we", "finishReason": "length", "usage": _USAGE}),
    _when("cut", {"content": "many words " * 99}, truncateAfterChunks=5),
    _fails("busy", "rate_limit_error", 429),
    _fails("full", "overloaded_error", 529),
    _fails("broken", "api_error", 500),
]
_SCRIPT = """
  - branch: [{when: {said: talk}, goto: talk}, {when: {said: limit}, goto: limit}]
  - say: Let me look.
    calls: [{tool: shop/look, args: {sku: A}}, {tool: shop/talk, args: {}}]
    usage: {input: 100, output: 20}
  - {expect: {contains: seven}, say: Seven., goto: end}
  - {label: talk, say: "Good  morning!\\n\\nü", usage: {input: 100, output: 20}}
  - {label: limit, say: And so we, finish: length, usage: {input: 100, output: 20}}
"""


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where aimock listens."""
    fixtures: Path = tmp_path_factory.mktemp("aimock") / "fixtures.json"
    fixtures.write_text(json.dumps({"fixtures": _FIXTURES}))
    command = aimock("--port", "0", "--fixtures", str(fixtures), "--strict")
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield _url(process)
        finally:
            process.kill()


def _url(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if found := re.search(r"listening on (http://\S+)", line):
            return found[1]
    pytest.fail(f"aimock did not start: {''.join(lines)}")


def _asked(text: str, *more: Message) -> Request:
    return Request("gpt-4o", "You help.", (Message("user", (Text(text),)), *more), (LOOK, TALK))


def _answer(reply: Reply) -> Message:
    seven = [{"type": "text", "text": "seven"}]
    return Message("tool", tuple(ToolResult(call.id, seven) for call in reply.message.tool_calls))


def _compact(reply: Reply) -> Reply:
    """Arguments without spaces: aimock writes them anew."""

    def written(part: Part) -> Part:
        if not isinstance(part, ToolCall):
            return part
        return replace(part, arguments=json.dumps(json.loads(part.arguments), separators=(",", ":")))

    return replace(reply, message=Message("assistant", tuple(written(part) for part in reply.message.parts)))


async def _conversation(provider: Provider, text: str) -> list[Any]:
    """A reply, and if it makes calls the one that follows; the words of a reply as one."""
    events, error = await heard(provider, _asked(text))
    assert error is None
    reply = reply_of(events)
    told: list[Any] = [words(events), _compact(plain_reply(reply))]
    if reply.message.tool_calls:
        events, error = await heard(provider, _asked(text, reply.message, _answer(reply)))
        assert error is None
        told += [words(events), reply_of(events).finish]
    return told


_ALIKE = [(member, text) for member in WIRES for text in ("go", "talk", "limit")]
_ALIKE.remove(("openai_responses", "limit"))


@pytest.mark.parametrize(("member", "text"), _ALIKE)
def test_two_fakes_that_know_nothing_of_each_other_are_heard_alike(member: str, text: str, oracle: str) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(60), WIRES[member].playing(_SCRIPT) as scene, WIRES[member].at(oracle) as there:
            ours, theirs = await _conversation(scene.provider, text), await _conversation(there, text)
        assert theirs == ours
        assert ours[0] == {"go": "Let me look.", "talk": "Good  morning!\n\nü", "limit": "And so we"}[text]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("text", "kind", "status"),
    [("busy", "rate_limit", 429), ("full", "overloaded", 529), ("broken", "server", 500), ("cut", "network", None)],
)
@pytest.mark.parametrize("member", WIRES)
def test_what_the_other_fake_breaks_is_an_error_of_a_known_kind(
    member: str, text: str, kind: str, status: int | None, oracle: str
) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(60), WIRES[member].at(oracle) as there:
            _, error = await heard(there, _asked(text))
        assert error is not None
        assert (error.kind, error.status, error.retryable) == (kind, status, True)
        assert (error.retry_after is not None) == (status == 429)

    asyncio.run(scenario())


_PATHS = {"anthropic": "/v1/messages", "responses": "/v1/responses", "chat": "/v1/chat/completions"}
_HEADERS = {"authorization": "Bearer k", "x-api-key": "k", "anthropic-version": "2026-10-21"}


def _kinds(stream: str, form: str) -> list[str]:
    """The kinds of events, each once where it repeats. In Chat Completions, what a chunk's delta says."""
    events = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: {")]
    kinds = [_said(event) if form == "chat" else str(event["type"]) for event in events]
    return [kind for kind, _ in groupby(kind for kind in kinds if kind != "ping")]


def _said(chunk: Any) -> str:
    if not chunk["choices"]:
        return "usage"
    choice = chunk["choices"][0]
    said = [name for name in ("tool_calls", "content") if choice["delta"].get(name)]
    return choice["finish_reason"] or (said[0] if said else "role")


@pytest.mark.parametrize("form", _PATHS)
def test_two_fakes_send_events_of_the_same_kinds_in_the_same_order(form: str, oracle: str) -> None:
    body = {**BODIES[form], "model": "gpt-4o", "stream": True}
    first = body["input" if form == "responses" else "messages"]
    spoken = [item for item in first if item.get("role") in ("system", "user")][: 2 if form == "chat" else 1]
    body["input" if form == "responses" else "messages"] = spoken
    if form == "chat":
        body["stream_options"] = {"include_usage": True}

    async def scenario() -> None:
        async with asyncio.timeout(60), WIRES["openai_chat"].playing(_SCRIPT) as scene, httpx2.AsyncClient() as client:
            streams = [
                (await client.post(f"{url}{_PATHS[form]}", json=body, headers=_HEADERS, timeout=30)).text
                for url in (scene.asked.url, oracle)
            ]
        ours, theirs = (_kinds(stream, form) for stream in streams)
        assert ours == theirs
        assert len(ours) > 3

    asyncio.run(scenario())
