"""One contract, whoever makes the model: the same script gives the same events and the same reply to everybody."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from providers import (
    Effort,
    Endpoint,
    Finished,
    Image,
    Message,
    Request,
    Started,
    StreamEvent,
    Text,
    TextDelta,
    Thinking,
    ToolCall,
    ToolCallArgumentsDelta,
    ToolCallDone,
    ToolCallStarted,
    ToolResult,
    Usage,
    UsageUpdate,
    message_from_json,
    message_to_json,
)
from providers.openai_chat import connect
from providers.openai_chat.profiles import PROFILES
from providers.replay import Recording, ReplayProvider, Step
from providers.scripted import ScriptedProvider
from providers.scripted.script import parsed
from tests.fixtures.members import GO, LOOK, MEMBERS, WIRES, Member, Scene, heard, plain, plain_reply, reply_of

_USAGE = "usage: {input: 100, output: 20, cache_read: 60, reasoning: 5}"
SCRIPTS = {
    "words": "  - {say: 'Good  morning!\n\n How are you?', " + _USAGE + "}",
    "one call": "  - {say: Let me look., call: {tool: shop/look, args: {sku: Öl, n: [1, {a: null}]}}, " + _USAGE + "}",
    "only a call": "  - {call: {tool: shop/look, args: {}}, " + _USAGE + "}",
    "calls side by side": "  - calls:\n      - {tool: shop/look, args: {sku: A}}\n      - {tool: shop/talk, args: {}}\n"
    "      - {tool: shop/look, args: {sku: B}}\n    " + _USAGE,
    "thoughts": "  - {think: Hm. Let me see., say: So., call: {tool: shop/look, args: {sku: A}}, " + _USAGE + "}",
    "a tool that is not offered": "  - {call: {tool: bank/rob, args: {sum: 900}}, " + _USAGE + "}",
    "a long reply": "  - {say: '" + "many words " * 500 + "', " + _USAGE + "}",
    "odd characters": "  - {say: '\U0001f600 \u2028 \\ \" data: x', call: {tool: shop/look, args: {sku: '\U0001f600'}},"
    + _USAGE + "}",
    "cut by the limit": "  - {say: And so we, finish: length, " + _USAGE + "}",
    "a refusal": "  - {say: I won't., finish: refusal, " + _USAGE + "}",
}  # fmt: skip


def _with(member: str, steps: str, scenario: Callable[[Scene], Awaitable[None]], *, fault: str | None = None) -> None:
    async def whole() -> None:
        async with asyncio.timeout(60), MEMBERS[member].playing(steps, fault=fault) as scene:
            await scenario(scene)

    asyncio.run(whole())


def _embedded(steps: str, request: Request) -> list[object]:
    """What the embedded model says, which is what the script says."""
    events, error = asyncio.run(heard(ScriptedProvider(parsed(f"steps:\n{steps}", "s.yaml")), request))
    assert error is None
    return plain(events)


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("member", MEMBERS)
def test_the_same_script_is_the_same_events_and_the_same_reply(member: str, script: str) -> None:
    async def scenario(scene: Scene) -> None:
        events, error = await heard(scene.provider, scene.request())
        assert error is None
        told.extend(plain(events))

    told: list[object] = []
    _with(member, SCRIPTS[script], scenario)
    assert told == _embedded(SCRIPTS[script], Request("fake-model", "You help.", GO))


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_recorded_reply_is_the_same_events_and_the_same_reply(script: str) -> None:
    """Whoever plays a recording tells what was told then."""
    request = Request("fake-model", "You help.", GO)
    reply = reply_of(asyncio.run(heard(ScriptedProvider(parsed(f"steps:\n{SCRIPTS[script]}", "s.yaml")), request))[0])

    async def load() -> Recording:
        return Recording("r-1", (*GO, reply.message), (Step(len(GO), reply=reply),))

    events, error = asyncio.run(heard(ReplayProvider(load), request))
    assert error is None
    assert plain(events) == _embedded(SCRIPTS[script], request)


@pytest.mark.parametrize("member", MEMBERS)
def test_a_reply_begins_once_and_ends_once_and_so_does_each_of_its_calls(member: str) -> None:
    async def scenario(scene: Scene) -> None:
        events, _ = await heard(scene.provider, scene.request())
        assert isinstance(events[0], Started)
        assert isinstance(events[-1], Finished)
        assert sum(isinstance(event, Started | Finished) for event in events) == 2
        for index, call in enumerate(reply_of(events).message.tool_calls):
            of_call = (ToolCallStarted, ToolCallArgumentsDelta, ToolCallDone)
            begun, *pieces, done = [event for event in events if isinstance(event, of_call) and event.index == index]
            assert begun == ToolCallStarted(index, call.id, call.name)
            assert done == ToolCallDone(index)
            assert (
                "".join(event.text for event in pieces if isinstance(event, ToolCallArgumentsDelta)) == call.arguments
            )

    _with(member, SCRIPTS["calls side by side"], scenario)


@pytest.mark.parametrize("member", WIRES)
def test_tokens_are_told_before_the_end_as_they_are_in_it(member: str) -> None:
    async def scenario(scene: Scene) -> None:
        events, _ = await heard(scene.provider, scene.request())
        updates = [event.usage for event in events if isinstance(event, UsageUpdate)]
        assert updates[-1] == reply_of(events).usage == Usage(100, 20, 60, 0, 5)

    _with(member, SCRIPTS["words"], scenario)


@pytest.mark.parametrize("member", MEMBERS)
def test_a_reply_is_kept_as_json_and_goes_back_as_it_came(member: str) -> None:
    """What belongs to a backend alone (signatures, sealed reasoning) is refused by it if a byte of it is changed."""

    async def scenario(scene: Scene) -> None:
        events, _ = await heard(scene.provider, scene.request())
        message = reply_of(events).message
        kept = message_from_json(json.loads(json.dumps(message_to_json(message))))
        assert kept == message
        results = tuple(ToolResult(call.id, [{"type": "text", "text": "7"}]) for call in kept.tool_calls)
        events, error = await heard(scene.provider, scene.request((*GO, kept, Message("tool", results))))
        assert error is None
        assert reply_of(events).message.text == "There are 7."

    steps = SCRIPTS["thoughts"] + '\n  - {expect: {contains: "7"}, say: There are 7.}'
    _with(member, steps, scenario)


@pytest.mark.parametrize("member", MEMBERS)
def test_a_conversation_of_several_turns_is_heard_as_it_was_held(member: str) -> None:
    """Errors, calls side by side, words between, and what was asked in between reach the model."""

    async def scenario(scene: Scene) -> None:
        messages: tuple[Message, ...] = GO
        for answer in (_shows("1"), _shows("broke", is_error=True), _shows("Denied: no.", is_error=True)):
            events, error = await heard(scene.provider, scene.request(messages))
            assert error is None
            reply = reply_of(events).message
            results = tuple(answer(call) for call in reply.tool_calls)
            messages = (*messages, reply, Message("tool", results))
        messages = (*messages, Message("user", (Text("and please be quick"),)))
        events, error = await heard(scene.provider, scene.request(messages))
        assert error is None
        assert reply_of(events).message.text == "1, broke, refused."

    _with(
        member,
        """
  - calls: [{tool: shop/look, args: {sku: A}, as: first}, {tool: shop/talk, args: {}}]
  - expect: [{is_error: false}, {call: 1, contains: "1"}]
    say: And now?
    call: {tool: shop/look, args: {sku: B}, as: second}
  - expect: [{is_error: true}, {contains: broke}, {denied: false}]
    call: {tool: shop/talk, args: {}}
  - expect: [{denied: true}, {said: be quick}]
    say: "${calls.first}, ${calls.second}, refused."
""",
        scenario,
    )


def _shows(text: str, *, is_error: bool = False) -> Callable[[ToolCall], ToolResult]:
    return lambda call: ToolResult(call.id, [{"type": "text", "text": text}], is_error)


@pytest.mark.parametrize("member", MEMBERS)
def test_a_conversation_whose_beginning_was_left_out_goes_on(member: str) -> None:
    """As a run does that has outgrown its model's window."""

    async def scenario(scene: Scene) -> None:
        messages: tuple[Message, ...] = GO
        for _ in range(2):
            events, _ = await heard(scene.provider, scene.request(messages))
            reply = reply_of(events).message
            results = tuple(_shows("7")(call) for call in reply.tool_calls)
            messages = (*messages, reply, Message("tool", results))
        shorter = (Message("user", (Text("(What was said before was left out.)"),)), *messages[-2:])
        events, error = await heard(scene.provider, scene.request(shorter))
        assert error is None
        assert reply_of(events).message.text == "the third"

    call = "{tool: shop/look, args: {}}"
    _with(
        member,
        f"  - {{say: the first, call: {call}}}\n  - {{say: the second, call: {call}}}\n  - say: the third",
        scenario,
    )


@pytest.mark.parametrize("member", WIRES)
def test_pictures_reach_a_model_that_can_see(member: str) -> None:
    picture = Image("image/png", "iVBORw0KGgo=")
    returned = [{"type": "text", "text": "see"}, {"type": "image", "data": picture.data, "mimeType": "image/png"}]

    async def scenario(scene: Scene) -> None:
        events, _ = await heard(scene.provider, scene.request((Message("user", (Text("look"), picture)),)))
        reply = reply_of(events).message
        results = (ToolResult(reply.tool_calls[0].id, returned),)
        messages = (Message("user", (Text("look"), picture)), reply, Message("tool", results))
        _, error = await heard(scene.provider, scene.request(messages))
        assert error is None
        first, second = (json.dumps(asked.body) for asked in scene.asked.heard)
        assert (first.count(picture.data), second.count(picture.data)) == (1, 2)

    _with(member, "  - {call: {tool: shop/look, args: {}}}\n  - {expect: {contains: see}, say: x}", scenario)


@pytest.mark.parametrize("member", WIRES)
def test_a_whole_request_is_one_that_the_api_takes(member: str) -> None:
    """The fake is as strict as the API; what it takes is asked here with all that a request can say."""
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }

    async def scenario(scene: Scene) -> None:
        for choice in ("auto", "any", "none", "shop__look"):
            for effort in (None, "none", "low", "max"):
                request = scene.request(
                    tool_choice=choice, effort=effort, parallel=False, output_schema=schema, cache_key="run-1"
                )
                _, error = await heard(scene.provider, request)
                assert error is None, f"{choice}, {effort}: {error}"
        bare = Request("fake-model", "", GO)
        assert (await heard(scene.provider, bare))[1] is None

    _with(member, "  - {say: x}", scenario)


_MODELS = {"openai": "gpt-6-fake", "gemini": "gemini-fake", "mistral": "mistral-fake"}  # the fake knows their ways


@pytest.mark.parametrize("profile", PROFILES)
def test_each_compatible_endpoint_is_told_only_what_it_takes(profile: str) -> None:
    """A conversation with a thought, calls side by side and an error, at each of the profiles."""
    steps = SCRIPTS["thoughts"] + "\n" + SCRIPTS["calls side by side"] + "\n  - {expect: {is_error: true}, say: So.}"

    async def scenario(scene: Scene) -> None:
        endpoint = Endpoint(profile or "any", "hunter2hunter2", f"{scene.asked.url}/v1", profile=profile)
        messages: tuple[Message, ...] = GO
        provider = connect(endpoint)
        asked = replace(scene, model=_MODELS.get(profile, "fake-model"))
        effort: Effort | None = None if profile == "openai" else "low"
        try:
            for text in ("7", "Denied: no."):
                events, error = await heard(provider, asked.request(messages, effort=effort, parallel=False))
                assert error is None, error
                reply = reply_of(events).message
                results = tuple(_shows(text, is_error=text != "7")(call) for call in reply.tool_calls)
                messages = (*messages, reply, Message("tool", results))
            for choice in ("auto", "any", "none", "shop__look"):
                request = asked.request(messages, tool_choice=choice, effort=effort, output_schema=LOOK.input_schema)
                events, error = await heard(provider, request)
                assert error is None, f"{choice}: {error}"
                assert reply_of(events).message.text == "So."
        finally:
            await provider.aclose()

    _with("openai_chat", steps, scenario)


@pytest.mark.parametrize("member", MEMBERS)
def test_a_request_is_counted_where_the_backend_counts(member: str) -> None:
    async def scenario(scene: Scene) -> None:
        counting: Any = scene.provider
        assert hasattr(counting, "count") == (member != "openai_chat")
        if member == "openai_chat":
            return
        small, large = scene.request(), scene.request((Message("user", (Text("word " * 400),)),))
        assert 400 < await counting.count(large) - await counting.count(small) < 600
        assert (await counting.count(small)) > 10

    _with(member, "  - {say: x}", scenario)


@pytest.mark.parametrize("member", WIRES)
def test_a_conversation_that_goes_on_is_read_from_the_cache(member: str) -> None:
    """Tools and messages keep their order and their bytes, so that what was read once is not paid for twice."""
    long = Message("user", (Text("a long question " * 600),))

    async def scenario(scene: Scene) -> None:
        events, _ = await heard(scene.provider, scene.request((long,)))
        reply = reply_of(events)
        assert reply.usage.cache_read == 0
        results = Message("tool", (ToolResult(reply.message.tool_calls[0].id, [{"type": "text", "text": "7"}]),))
        events, _ = await heard(scene.provider, scene.request((long, reply.message, results)))
        assert reply_of(events).usage.cache_read > 2000

    _with(member, "  - {say: So., call: {tool: shop/look, args: {}}}\n  - {say: x}", scenario)


@pytest.mark.parametrize("member", WIRES)
def test_no_key_is_shown_where_a_provider_is(member: str) -> None:
    async def scenario(scene: Scene) -> None:
        _, error = await heard(scene.provider, scene.request())
        assert error is not None
        assert "hunter2hunter2" not in f"{error}{error!r}{scene.provider!r}"

    _with(member, "  - {say: x}", scenario, fault='401 message="Incorrect API key provided: hunter2hunter2."')


@pytest.mark.parametrize("member", WIRES)
def test_a_connection_is_used_again(member: str) -> None:
    """A reply is read to its end, so that the next question need not connect anew."""

    async def scenario(scene: Scene) -> None:
        for _ in range(5):
            await heard(scene.provider, scene.request())
        assert scene.asked.connections < 5  # one would do, but for a machine that stands still between two events

    _with(member, "  - {say: x, repeat: 5}", scenario)


def test_what_everybody_must_do_alike_is_compared_with_care() -> None:
    """The comparison sees a difference where there is one."""
    member: Member = MEMBERS["anthropic"]
    assert member.form == "anthropic"
    one: list[StreamEvent] = [Started("m", "a"), TextDelta("x"), UsageUpdate(Usage(1))]
    assert plain(one) == [Started("m"), TextDelta("x")]
    assert plain([ToolCallStarted(0, "toolu_c1_1", "a")]) == plain([ToolCallStarted(0, "call_c1_1", "a")])
    assert plain([ToolCallStarted(0, "c1_1", "a")]) != plain([ToolCallStarted(0, "c1_2", "a")])
    pieces = [ToolCallArgumentsDelta(0, "a"), ToolCallArgumentsDelta(0, "b"), ToolCallArgumentsDelta(1, "c")]
    assert plain(pieces) == [ToolCallArgumentsDelta(0, "ab"), ToolCallArgumentsDelta(1, "c")]
    reply = asyncio.run(heard(ScriptedProvider(parsed("steps: [{think: a, say: b}]", "s.yaml")), Request("m", "", GO)))
    assert plain_reply(reply_of(reply[0])).message.parts == (Thinking("a"), Text("b"))


@pytest.mark.parametrize(("member", "sealed"), [("anthropic", '"signature"'), ("openai_responses", '"gAAA')])
def test_what_was_signed_elsewhere_does_not_go_to_who_has_the_same_name(member: str, sealed: str) -> None:
    """As when the endpoint's URL is edited in the midst of a run."""

    async def scenario() -> None:
        playing = MEMBERS[member].playing
        async with asyncio.timeout(60), playing(steps) as here, playing(steps) as elsewhere:
            events, _ = await heard(here.provider, here.request())
            reply = reply_of(events).message
            results = tuple(_shows("7")(call) for call in reply.tool_calls)
            for scene in (here, elsewhere):
                _, error = await heard(scene.provider, scene.request((*GO, reply, Message("tool", results))))
                assert error is None
                assert (sealed in json.dumps(scene.asked.heard[-1].body)) == (scene is here)

    steps = SCRIPTS["thoughts"] + "\n  - {say: There are 7.}"
    asyncio.run(scenario())
