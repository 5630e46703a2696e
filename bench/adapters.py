"""What an adapter costs beyond its SDK: for each event of a reply, and for each request. No network, no model."""

import asyncio
import gc
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2

from bench.scale import Scale
from bench.table import Column, Row, Table
from providers import Endpoint, Message, Provider, Request, Text, ToolCall, ToolResult, ToolSpec
from providers.anthropic.connecting import AnthropicBackend
from providers.fake.anthropic import ANTHROPIC
from providers.fake.chat import CHAT
from providers.fake.responses import RESPONSES
from providers.fake.wire import Ask, Format, Told, frame
from providers.openai_chat.connecting import ChatBackend
from providers.openai_responses.connecting import ResponsesBackend
from providers.reply import Reply, Usage

__all__ = ["adapters"]

EVENTS = 1_000  # of the long reply; the short one has a dozen
TOOLS, TURNS = 30, 20
MOST_PER_EVENT, MOST_PER_CALL = 20.0, 2.0  # microseconds, milliseconds beyond the SDK

_COLUMNS = (
    Column("sdk_event", "SDK us/event", 1),
    Column("event", "ours us/event", 1),
    Column("event_added", "added us", 1),
    Column("event_limit", "limit us", 0),
    Column("event_ratio", "ours / SDK", 2),
    Column("sdk_call", "SDK ms/call", 2),
    Column("call", "ours ms/call", 2),
    Column("call_added", "added ms", 2),
    Column("call_limit", "limit ms", 0),
    Column("call_ratio", "ours / SDK", 2),
)
_NOTES = (
    f"CPU. Events: a reply of {EVENTS:,} words less one of a dozen. Calls: that one, {TURNS} turns, {TOOLS} tools.",
    "the SDK: its client's `create(stream=True)`, given the body that ours writes, its events read and thrown away.",
    "ours: the same client, from a Request to a Reply: the body is written, the events are ours, and none of its own.",
    "each the least of its rounds.",
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A wire format: its SDK's client, our backend on it, and the SDK's own way."""

    form: Format
    client: Callable[[httpx2.AsyncClient], Any]
    backend: Callable[[Any], Provider]
    create: Callable[[Any], Callable[..., Awaitable[Any]]]


def adapters(scale: Scale) -> Table:
    """One row for each wire format."""
    rounds, words = 2 * scale.rounds - 1, EVENTS if scale.slowest else EVENTS // 10
    rows = [asyncio.run(_row(name, kind, rounds, words)) for name, kind in _kinds().items()]
    return Table("An adapter beyond its SDK", _COLUMNS, rows, _NOTES)


def _kinds() -> Mapping[str, _Kind]:
    import anthropic
    import openai

    def of_openai(http: httpx2.AsyncClient) -> Any:
        return openai.AsyncOpenAI(api_key="none", base_url="http://model/v1", max_retries=0, http_client=http)

    def of_anthropic(http: httpx2.AsyncClient) -> Any:
        return anthropic.AsyncAnthropic(
            api_key="none", base_url="http://model", max_retries=0, http_client=http, open_telemetry=False
        )

    endpoint = Endpoint("bench", profile="openai")
    return {
        "Messages": _Kind(
            ANTHROPIC, of_anthropic, lambda client: AnthropicBackend(endpoint, client), lambda c: c.messages.create
        ),
        "Responses": _Kind(
            RESPONSES, of_openai, lambda client: ResponsesBackend(endpoint, client), lambda c: c.responses.create
        ),
        "Chat Completions": _Kind(
            CHAT, of_openai, lambda client: ChatBackend(endpoint, client), lambda c: c.chat.completions.create
        ),
    }


async def _row(label: str, kind: _Kind, rounds: int, words: int) -> Row:
    long, short = _chunks(kind.form, words), _chunks(kind.form, 12)
    found: dict[str, list[float]] = {}
    for _ in range(rounds):  # one after the other, so that a busy minute befalls both
        for name, chunks in (("long", long), ("short", short)):
            times = 1 if name == "long" else 2 + rounds
            found.setdefault(f"sdk_{name}", []).append(await _cpu(_sdk(kind, chunks), times))
            found.setdefault(name, []).append(await _cpu(_ours(kind, chunks), times))
    best = {name: min(values) for name, values in found.items()}  # CPU: what is more is the machine
    more = len(long) - len(short)
    sdk_event, event = ((best[f"{who}long"] - best[f"{who}short"]) / more * 1e6 for who in ("sdk_", ""))
    sdk_call, call = best["sdk_short"] * 1e3, best["short"] * 1e3
    return Row(
        label,
        {
            "sdk_event": sdk_event,
            "event": event,
            "event_added": event - sdk_event,
            "event_limit": MOST_PER_EVENT,
            "event_ratio": event / sdk_event,
            "sdk_call": sdk_call,
            "call": call,
            "call_added": call - sdk_call,
            "call_limit": MOST_PER_CALL,
            "call_ratio": call / sdk_call,
        },
    )


async def _cpu(ask: Callable[[], Awaitable[None]], times: int) -> float:
    """Seconds of CPU that one takes."""
    await ask()
    gc.collect()
    begin = time.process_time()
    for _ in range(times):
        await ask()
    return (time.process_time() - begin) / times


def _ours(kind: _Kind, chunks: Sequence[bytes]) -> Callable[[], Awaitable[None]]:
    provider, request = kind.backend(kind.client(_http(chunks, []))), _request()

    async def ask() -> None:
        async for _ in provider.stream(request):
            pass

    return ask


def _sdk(kind: _Kind, chunks: Sequence[bytes]) -> Callable[[], Awaitable[None]]:
    bodies: list[bytes] = []
    client = kind.client(_http(chunks, bodies))
    provider = kind.backend(client)

    async def ask() -> None:
        if not bodies:  # what ours writes, once
            async for _ in provider.stream(_request()):
                pass
        async for _ in await kind.create(client)(**json.loads(bodies[0])):
            pass

    return ask


def _http(chunks: Sequence[bytes], bodies: list[bytes]) -> httpx2.AsyncClient:
    """A client whose network is a list of chunks."""

    async def stream() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def answer(request: httpx2.Request) -> httpx2.Response:
        bodies[:] = [request.content]
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream())

    return httpx2.AsyncClient(transport=httpx2.MockTransport(answer))


def _chunks(form: Format, words: int) -> list[bytes]:
    message = Message("assistant", (Text("word " * words),))
    reply = Reply(message, "stop", Usage(input=10, output=10), "bench")
    told = Told(Ask(Request("bench", "", []), stream=True, wants=frozenset({"usage"})), reply, 1)
    return [frame(event) for event in form.events(told)]


def _request() -> Request:
    return Request("bench", "You are an assistant.", _MESSAGES, _SPECS)


def _turn(number: int) -> Sequence[Message]:
    call = ToolCall(f"call_{number}", "shop__get_stock", json.dumps({"sku": f"SKU-{number}"}))
    result = ToolResult(call.id, [{"type": "text", "text": f"There are {number} of SKU-{number} in stock."}])
    return (
        Message("user", (Text(f"How many of SKU-{number} are there?"),)),
        Message("assistant", (Text("Let me look."), call)),
        Message("tool", (result,)),
        Message("assistant", (Text(f"There are {number}."),)),
    )


_MESSAGES = (*(message for number in range(TURNS) for message in _turn(number)), Message("user", (Text("And now?"),)))
_SPECS = tuple(
    ToolSpec(
        f"shop__tool_{number}",
        "Looks up what is in stock, by its number.",
        {"type": "object", "properties": {"sku": {"type": "string"}, "n": {"type": "integer"}}, "required": ["sku"]},
    )
    for number in range(TOOLS)
)
