"""The table of failures, row by row, for each provider: a typed error, the right retry, nothing lost of what came.

The faults are on the wire (`providers.fake`), and the embedded model fails as an adapter does that meets them there.
What a run makes of it (nothing is executed that was not complete) is in `test_runs.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import pytest

from providers import Deadlines, Finished, ProviderErrorKind, Started, TextDelta
from providers.discreet import Discreet
from providers.fake import HEADER
from providers.sound import Sound
from tests.fixtures.members import KEY, MEMBERS, WIRES, Scene, heard, plain, reply_of, words

_SAYS = "say: one two three four five six seven"
_CALLS = "call: {tool: shop/look, args: {sku: a long name, count: 12}}"

# fault -> (kind, status, seconds to wait)
_ROWS: dict[str, tuple[ProviderErrorKind, int | None, float | None]] = {
    "cut after=0": ("protocol", None, None),
    "cut": ("protocol", None, None),
    "drop": ("network", None, None),
    "reset after=0": ("network", None, None),
    "reset": ("network", None, None),
    "garbled after=0": ("protocol", None, None),
    "garbled": ("protocol", None, None),
    "html": ("protocol", None, None),
    "error": ("overloaded", None, None),
    "error type=api_error status=500": ("server", None, None),
    "error type=rate_limit_error status=429": ("rate_limit", None, None),
    "400": ("bad_request", 400, None),
    "401": ("auth", 401, None),
    "403": ("permission", 403, None),
    "404": ("not_found", 404, None),
    "413": ("too_large", 413, None),
    "429": ("rate_limit", 429, None),
    "429 retry_after=2.5": ("rate_limit", 429, 2.5),
    "429 retry_after=900": ("rate_limit", 429, 900.0),
    "429 retry_after=soon": ("rate_limit", 429, None),
    "429 type=strange_error": ("rate_limit", 429, None),
    "401 type=strange_error": ("auth", 401, None),
    "529 type=strange_error": ("overloaded", 529, None),
    "500": ("server", 500, None),
    "502": ("server", 502, None),
    "503": ("overloaded", 503, None),
    "529": ("overloaded", 529, None),
}
_AGAIN = frozenset({"rate_limit", "overloaded", "server", "timeout", "network", "protocol"})


def _with(member: str, steps: str, scenario: Callable[[Scene], Awaitable[None]], *, fault: str | None = None) -> None:
    async def whole() -> None:
        async with asyncio.timeout(60), MEMBERS[member].playing(steps, fault=fault) as scene:
            await scenario(scene)

    asyncio.run(whole())


@pytest.mark.parametrize("fault", _ROWS)
@pytest.mark.parametrize("member", MEMBERS)
def test_a_fault_is_an_error_of_a_known_kind_and_the_next_attempt_is_answered(member: str, fault: str) -> None:
    async def scenario(scene: Scene) -> None:
        events, error = await heard(scene.provider, scene.request())
        kind, status, wait = _ROWS[fault]
        assert error is not None
        assert (error.kind, error.retry_after) == (kind, wait)
        assert status in (None, error.status)
        assert error.retryable == (kind in _AGAIN)
        assert not any(isinstance(event, Finished) for event in events)
        again, error = await heard(scene.provider, scene.request())
        assert error is None
        assert reply_of(again).message.text == words(again) == "one two three four five six seven"
        assert words(again).startswith(words(events))

    _with(member, f"  - {{{_SAYS}, fault: '{fault}'}}", scenario)


@pytest.mark.parametrize("member", MEMBERS)
def test_a_date_to_come_back_is_so_many_seconds(member: str) -> None:
    async def scenario(scene: Scene) -> None:
        _, error = await heard(scene.provider, scene.request())
        assert error is not None
        assert error.retry_after is not None
        assert 0 < error.retry_after <= 600

    _with(member, f"  - {{{_SAYS}, fault: '429 retry_after=date:600'}}", scenario)


@pytest.mark.parametrize("member", WIRES)
def test_what_came_before_the_fault_was_told(member: str) -> None:
    """Whoever looks on has seen the words by the time the stream breaks; only the reply is missing."""

    async def scenario(scene: Scene) -> None:
        events, error = await heard(scene.provider, scene.request())
        assert error is not None
        assert isinstance(events[0], Started)
        assert words(events) == "one two "

    until_two = {"anthropic": 5, "openai_responses": 6, "openai_chat": 3}[member]
    _with(member, f"  - {{{_SAYS}, fault: cut after={until_two}}}", scenario)


@pytest.mark.parametrize(("member", "before"), [("anthropic", -1), ("openai_responses", -1), ("openai_chat", -3)])
def test_a_stream_that_lacks_only_its_last_event_is_no_reply(member: str, before: int) -> None:
    """After the last word and the last argument, before the event that says that all came."""

    async def scenario(scene: Scene) -> None:
        events, error = await heard(scene.provider, scene.request())
        assert error is not None
        assert error.kind == "protocol"
        assert words(events) == "one two three four five six seven"

    _with(member, f"  - {{{_SAYS}, {_CALLS}, fault: cut after={before}}}", scenario)


@pytest.mark.parametrize("fault", ["cut after=-1", "drop after=-1", "cut after=-2", "drop after=-2"])
def test_in_chat_completions_a_reply_is_whole_once_it_says_why_it_ended(fault: str) -> None:
    """`[DONE]` and the usage may be missing, as they are at compatible servers."""

    async def scenario(scene: Scene) -> None:
        events, error = await heard(scene.provider, scene.request())
        assert error is None
        reply = reply_of(events)
        assert (reply.message.text, reply.finish) == ("one two three four five six seven", "stop")
        assert reply.usage.estimated == fault.endswith("-2")

    _with("openai_chat", f"  - {{{_SAYS}, fault: {fault}}}", scenario)


@pytest.mark.parametrize("member", WIRES)
def test_an_error_says_which_request_it_was(member: str) -> None:
    async def scenario(scene: Scene) -> None:
        for fault in ("500", "error", "html", "cut"):
            async with MEMBERS[member].at(scene.asked.url, **{HEADER: fault}) as provider:
                _, error = await heard(provider, scene.request())
            assert error is not None
            assert error.request_id == f"req_fake_{len(scene.asked.heard):06d}"

    _with(member, f"  - {{{_SAYS}}}", scenario)


@pytest.mark.parametrize("member", WIRES)
def test_who_is_answered_with_a_web_page_is_told_so(member: str) -> None:
    async def scenario(scene: Scene) -> None:
        _, error = await heard(scene.provider, scene.request())
        assert "`text/html`" in str(error)

    _with(member, f"  - {{{_SAYS}}}", scenario, fault="html")


def test_in_responses_a_response_that_failed_is_an_error() -> None:
    async def scenario(scene: Scene) -> None:
        events, error = await heard(scene.provider, scene.request())
        assert error is not None
        assert (error.kind, any(isinstance(event, Finished) for event in events)) == ("server", False)

    _with("openai_responses", f"  - {{{_SAYS}, fault: error type=response.failed status=500}}", scenario)


@pytest.mark.parametrize("after", [0, 3, -3])
@pytest.mark.parametrize("member", MEMBERS)
def test_a_value_of_another_type_is_a_failure_wherever_it_stands(member: str, after: int) -> None:
    async def scenario(scene: Scene) -> None:
        provider = Sound(scene.provider)
        events, error = await heard(provider, scene.request())
        assert error is not None
        assert (error.kind, error.retryable) == ("protocol", True)
        assert not any(isinstance(event, Finished) for event in events)
        again, error = await heard(provider, scene.request())
        assert error is None
        assert words(again) == "one two three four five six seven"
        assert words(again).startswith(words(events))

    _with(member, f"  - {{{_SAYS}, {_CALLS}, fault: wrong-type after={after}}}", scenario)


_UNCLOSED = [*((member, "unclosed") for member in WIRES), ("openai_responses", "incomplete-item")]


@pytest.mark.parametrize(("member", "fault"), _UNCLOSED)
def test_a_call_that_has_no_end_when_the_reply_has_one_is_a_failure(member: str, fault: str) -> None:
    async def scenario(scene: Scene) -> None:
        events, error = await heard(scene.provider, scene.request())
        assert error is not None
        assert (error.kind, error.retryable) == ("protocol", True)
        assert not any(isinstance(event, Finished) for event in events)
        again, error = await heard(scene.provider, scene.request())
        assert error is None
        assert len(reply_of(again).message.tool_calls) == 2

    calls = f"calls: [{_CALLS.removeprefix('call: ')}, {{tool: shop/talk, args: {{}}}}]"
    _with(member, f"  - {{{_SAYS}, {calls}, fault: {fault}}}", scenario)


@pytest.mark.parametrize("member", WIRES)
def test_a_key_that_an_error_repeats_is_not_told(member: str) -> None:
    async def scenario(scene: Scene) -> None:
        _, error = await heard(scene.provider, scene.request())
        assert error is not None
        assert (error.kind, error.status, error.retryable) == ("auth", 401, False)
        assert "Incorrect API key provided: ***" in str(error)
        assert KEY not in str(error)
        _, error = await heard(Discreet(scene.provider, (KEY,)), scene.request())
        assert error is not None
        assert KEY not in f"{error!r} {error} {error.__cause__} {error.__context__}"

    _with(member, f"  - {{{_SAYS}, fault: repeat-key status=401 times=2}}", scenario)


@pytest.mark.parametrize("member", WIRES)
def test_a_key_that_a_reply_repeats_is_not_told(member: str) -> None:
    """In whatever pieces it comes. What is told is what is recorded."""

    async def scenario(scene: Scene) -> None:
        repeated, _ = await heard(scene.provider, scene.request())
        assert KEY in words(repeated)
        events, error = await heard(Discreet(Sound(scene.provider), (KEY,)), scene.request())
        assert error is None
        assert KEY not in repr(events)
        said = reply_of(events).message.text
        assert said == words(events) == "Incorrect API key provided: ***. one two three four five six seven"

    _with(member, f"  - {{{_SAYS}, fault: repeat-key times=2}}", scenario)


# ---- what only sounds strange


@pytest.mark.parametrize("fault", ["unclosed", "incomplete-item"])
@pytest.mark.parametrize("member", MEMBERS)
def test_words_that_have_no_end_are_words(member: str, fault: str) -> None:
    async def scenario(scene: Scene) -> None:
        strange, error = await heard(scene.provider, scene.request())
        assert error is None
        usual, _ = await heard(scene.provider, scene.request())
        assert plain(strange) == plain(usual)

    _with(member, f"  - {{{_SAYS}, fault: {fault}, usage: {{input: 9, output: 2}}}}", scenario)


@pytest.mark.parametrize("fault", ["unknown-event after=0", "unknown-event", "unknown-event after=-1", "slow ms=0"])
@pytest.mark.parametrize("member", MEMBERS)
def test_what_nobody_knows_and_what_is_slow_changes_nothing(member: str, fault: str) -> None:
    async def scenario(scene: Scene) -> None:
        strange, error = await heard(scene.provider, scene.request())
        assert error is None
        usual, _ = await heard(scene.provider, scene.request())
        assert plain(strange) == plain(usual)

    _with(member, f"  - {{{_SAYS}, {_CALLS}, fault: {fault}, usage: {{input: 9, output: 2}}}}", scenario)


@pytest.mark.parametrize("member", WIRES)
def test_a_reason_for_the_end_that_nobody_knows_is_no_reason_to_call_a_tool(member: str) -> None:
    async def scenario(scene: Scene) -> None:
        events, error = await heard(scene.provider, scene.request())
        assert error is None
        reply = reply_of(events)
        assert (reply.finish, "brand_new_reason" in reply.reason) == ("error", True)

    _with(member, f"  - {{{_SAYS}, {_CALLS}, fault: unknown-stop}}", scenario)


@pytest.mark.parametrize("member", MEMBERS)
def test_arguments_that_are_not_json_come_as_they_were_written(member: str) -> None:
    async def scenario(scene: Scene) -> None:
        events, error = await heard(scene.provider, scene.request())
        assert error is None
        (call,) = reply_of(events).message.tool_calls
        assert call.arguments == "{'sku': 'a long name', 'count': 12}"
        assert reply_of(events).finish == "tool_calls"

    _with(member, f"  - {{{_CALLS}, fault: bad-arguments}}", scenario)


@pytest.mark.parametrize("member", MEMBERS)
def test_arguments_that_the_limit_cut_come_with_the_reason(member: str) -> None:
    """The SDKs make an empty object of them, and say nothing."""

    async def scenario(scene: Scene) -> None:
        events, error = await heard(scene.provider, scene.request())
        assert error is None
        (call,) = reply_of(events).message.tool_calls
        assert call.arguments == '{"sku": "a long n'
        assert reply_of(events).finish == "length"

    _with(member, f"  - {{{_CALLS}, fault: cut-arguments}}", scenario)


@pytest.mark.parametrize(
    "fault", ["no-index", "no-id", "bare-calls", "same-index", "dict-arguments", "stop-with-calls", "no-usage"]
)
def test_the_ways_of_compatible_servers_make_no_difference(fault: str) -> None:
    steps = "calls: [{tool: shop/look, args: {sku: A}}, {tool: shop/talk, args: {}}, {tool: shop/look, args: {sku: B}}]"

    async def scenario(scene: Scene) -> None:
        odd, error = await heard(scene.provider, scene.request())
        assert error is None
        reply = reply_of(odd)
        assert [(call.name, call.arguments) for call in reply.message.tool_calls] == [
            ("shop__look", '{"sku": "A"}'),
            ("shop__talk", "{}"),
            ("shop__look", '{"sku": "B"}'),
        ]
        assert len({call.id for call in reply.message.tool_calls if call.id}) == 3
        assert (reply.finish, reply.usage.estimated) == ("tool_calls", fault == "no-usage")
        assert reply.usage.input > 0

    _with("openai_chat", f"  - {{{steps}, fault: {fault}}}", scenario)


# ---- time


_SILENCES = {
    "silent": Deadlines(first=0.2),
    "hang after=1": Deadlines(between=0.2),
    "hang": Deadlines(between=0.2),
    "slow ms=1000": Deadlines(first=60, between=60, total=0.4),
}


@pytest.mark.parametrize("fault", _SILENCES)
@pytest.mark.parametrize("member", WIRES)
def test_a_deadline_is_an_error_and_hangs_up(member: str, fault: str) -> None:
    async def scenario(scene: Scene) -> None:
        events, error = await heard(scene.provider, scene.request(deadlines=_SILENCES[fault]))
        assert error is not None
        assert (error.kind, error.retryable) == ("timeout", True)
        assert not any(isinstance(event, Finished) for event in events)
        (asked,) = await scene.asked.record.until(1)
        assert asked.ended == "left"
        again, error = await heard(scene.provider, scene.request())
        assert error is None
        assert words(again) == "one two three four five six seven"

    _with(member, f"  - {{{_SAYS}, fault: {fault}}}", scenario)


@pytest.mark.parametrize("member", WIRES)
def test_a_stream_that_lives_is_not_given_up_for_being_long(member: str) -> None:
    """Each event has its own time: many that come within it may take longer together."""

    async def scenario(scene: Scene) -> None:
        request = scene.request(deadlines=Deadlines(first=30, between=30, total=60))
        events, error = await heard(scene.provider, request)
        assert error is None
        assert isinstance(events[-1], Finished)

    _with(member, "  - {say: one two, fault: slow ms=0}", scenario)


@pytest.mark.parametrize("member", WIRES)
def test_who_closes_a_reply_hangs_up(member: str) -> None:
    async def scenario(scene: Scene) -> None:
        async with aclosing(scene.provider.stream(scene.request())) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    break
        (asked,) = await scene.asked.record.until(1)
        assert asked.ended == "left"

    _with(member, f"  - {{{_SAYS}}}", scenario, fault="hang after=-2")


@pytest.mark.parametrize("fault", ["silent", "hang"])
@pytest.mark.parametrize("member", WIRES)
def test_who_is_cancelled_hangs_up(member: str, fault: str) -> None:
    async def scenario(scene: Scene) -> None:
        asking = asyncio.create_task(heard(scene.provider, scene.request()))
        await scene.asked.record.begun(1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        (asked,) = await scene.asked.record.until(1)
        assert asked.ended == "left"

    _with(member, f"  - {{{_SAYS}}}", scenario, fault=fault)


@pytest.mark.parametrize("member", WIRES)
def test_nobody_there_is_an_error_of_the_network(member: str) -> None:
    async def scenario(scene: Scene) -> None:
        async with MEMBERS[member].at("http://127.0.0.1:9") as nowhere:
            _, error = await heard(nowhere, scene.request())
        assert error is not None
        assert (error.kind, error.retryable) == ("network", True)

    _with(member, f"  - {{{_SAYS}}}", scenario)
