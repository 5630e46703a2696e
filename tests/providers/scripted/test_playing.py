"""The provider's own details; `tests/providers/test_scripted.py` plays whole conversations."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.names import exposed_names
from providers import (
    Finished,
    Message,
    ProviderError,
    Reply,
    Request,
    Started,
    StreamEvent,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallArgumentsDelta,
    ToolCallDone,
    ToolCallStarted,
    ToolSpec,
)
from providers.scripted import ScriptedProvider, ScriptError
from providers.scripted.faults import parsed as parse
from providers.scripted.script import parsed

GO = (Message("user", (Text("go"),)),)


def _provider(steps: str) -> ScriptedProvider:
    return ScriptedProvider(parsed(f"steps:\n{steps}", "s.yaml"))


def _request(messages: Sequence[Message] = GO, tools: Sequence[ToolSpec] = ()) -> Request:
    return Request("demo", "You help.", messages, tools)


def _events(provider: ScriptedProvider, request: Request) -> list[StreamEvent]:
    async def scenario() -> list[StreamEvent]:
        return [event async for event in provider.stream(request)]

    return asyncio.run(scenario())


def _reply(provider: ScriptedProvider, request: Request) -> Reply:
    last = _events(provider, request)[-1]
    assert isinstance(last, Finished)
    return last.reply


def test_a_reply_is_streamed_in_words_and_ends_once() -> None:
    provider = _provider("  - {think: Hm. Well., say: 'Good  morning!\n\n', call: {tool: a/b, args: {x: ü}}}")
    *events, last = _events(provider, _request())
    mark = {"scripted": {"step": 0, "played": 0, "turn": 1}}
    assert events == [
        Started("demo"),
        ThinkingDelta("Hm. "),
        ThinkingDelta("Well."),
        TextDelta("Good  "),
        TextDelta("morning!\n"),
        ToolCallStarted(0, "c1_1", "a__b"),
        ToolCallArgumentsDelta(0, '{"x": "ü"}'),
        ToolCallDone(0),
    ]
    assert isinstance(last, Finished)
    assert last.reply.message.parts == (
        Thinking("Hm. Well.", mark),
        Text("Good  morning!\n"),
        ToolCall("c1_1", "a__b", '{"x": "ü"}'),
    )
    assert (last.reply.finish, last.reply.model, last.reply.response_id) == ("tool_calls", "demo", "scripted-1")


@pytest.mark.parametrize("text", ["", " ", "one", " one\ttwo\n\n three ", "\n"])
def test_the_words_are_the_text(text: str) -> None:
    deltas = [
        e.text
        for e in _events(_provider(f"  - say: {text!r}".replace("'", '"')), _request())
        if isinstance(e, TextDelta)
    ]
    assert "".join(deltas) == text


def test_a_script_that_has_ended_says_so() -> None:
    reply = _reply(_provider("  - say: bye"), _request((*GO, Message("assistant", (Text("bye"),)))))
    assert (reply.message.text, reply.finish) == ("(the script has ended)", "stop")


def test_usage_is_estimated_or_as_the_script_says() -> None:
    spec = ToolSpec("a__b", "does it", {"type": "object"})
    bare, offered = (_reply(_provider("  - say: abcdefgh"), _request(tools=t)).usage for t in ((), (spec,)))
    assert bare.estimated
    assert bare.output == 2
    assert offered.input > bare.input > 0
    told = _reply(_provider("  - {say: x, usage: {input: 100, output: 7}, cost_usd: 0.25}"), _request())
    assert (told.usage.input, told.usage.output, told.usage.estimated) == (100, 7, False)
    assert told.cost_nanos == 250_000_000
    assert _reply(_provider("  - say: x"), _request()).cost_nanos is None


def test_a_failure_is_played_as_often_as_the_script_says_in_each_conversation() -> None:
    provider = _provider("  - {say: ok, fail: {kind: rate_limit, retry_after: 2, times: 2}}")
    other = _request((Message("user", (Text("another"),)),))
    for request in (_request(), other):
        for _ in range(2):
            with pytest.raises(ProviderError, match="the script fails here with `rate_limit`") as caught:
                _events(provider, request)
            assert (caught.value.kind, caught.value.retry_after, caught.value.retryable) == ("rate_limit", 2, True)
        assert _reply(provider, request).message.text == "ok"


@pytest.mark.parametrize(
    ("fault", "heard", "kind"),
    [("429 retry_after=2", 0, "rate_limit"), ("cut after=2", 2, "protocol"), ("reset after=0", 0, "network"),
     ("hang after=-1", 5, "timeout"), ("silent", 0, "timeout"), ("html", 0, "protocol"), ("error", 3, "overloaded")],
)  # fmt: skip
def test_a_fault_is_the_failure_of_a_provider_that_meets_it_once_in_each_conversation(
    fault: str, heard: int, kind: str
) -> None:
    provider = _provider(f"  - {{say: one two three four, fault: {fault}}}")

    async def scenario() -> tuple[list[StreamEvent], ProviderError]:
        events: list[StreamEvent] = []
        stream = provider.stream(_request())
        while True:
            try:
                events.append(await anext(stream))
            except ProviderError as error:
                return events, error

    (broken, failed), whole = asyncio.run(scenario()), _events(provider, _request())
    assert (broken, len(whole)) == (whole[:heard], 6)
    assert (failed.kind, str(failed)) == (kind, f"the script fails here with `{parse(fault).kind}`")


def test_a_fault_that_only_sounds_strange_changes_the_arguments_or_nothing() -> None:
    call = "call: {tool: a/b, args: {x: 1}}"
    broken = _reply(_provider(f"  - {{{call}, fault: bad-arguments}}"), _request())
    assert (broken.message.tool_calls[0].arguments, broken.finish) == ("{'x': 1}", "tool_calls")
    cut = _reply(_provider(f"  - {{{call}, fault: cut-arguments}}"), _request())
    assert (cut.message.tool_calls[0].arguments, cut.finish) == ('{"x"', "length")
    assert _reply(_provider("  - {say: x, fault: slow}"), _request()).message.text == "x"


def test_a_script_may_say_the_arguments_as_they_are_written_and_why_a_reply_ends() -> None:
    reply = _reply(_provider("  - {call: {tool: a/b, raw: '{oh'}, finish: length}"), _request())
    assert (reply.message.tool_calls[0].arguments, reply.finish) == ("{oh", "length")


def test_a_script_may_say_what_was_cached_and_thought() -> None:
    steps = "  - {say: x, usage: {input: 100, output: 9, cache_read: 60, cache_write: 10, reasoning: 5}}"
    usage = _reply(_provider(steps), _request()).usage
    assert (usage.cache_read, usage.cache_write, usage.reasoning) == (60, 10, 5)


def test_a_request_can_be_counted_before_it_is_played() -> None:
    provider = _provider("  - say: x")
    assert asyncio.run(provider.count(_request())) == _reply(provider, _request()).usage.input


def test_an_expectation_that_is_not_met_is_an_error_with_its_place() -> None:
    provider = _provider("  - say: x\n    expect:\n      - {said: please}")
    with pytest.raises(ProviderError) as caught:
        _events(provider, _request())
    assert caught.value.kind == "script"
    assert str(caught.value) == 's.yaml:4:9: expected the user to say `"please"`, but they said `"go"`'


def test_a_reference_that_can_not_be_filled_is_an_error_with_its_place() -> None:
    with pytest.raises(ProviderError, match=r"s\.yaml:2:5: a reference can't be filled: the last turn made 0 calls"):
        _events(_provider("  - say: '${results[0].x}'"), _request())


LONG = "server/" + "x" * 80
ODD = "my server/do.it"


def _hashed(plain: str, tool: str) -> str:
    return f"{plain[:57]}_{hashlib.sha256(tool.encode()).hexdigest()[:6]}"


@pytest.mark.parametrize(
    ("tool", "offered", "called"),
    [
        ("shop/refund", (), "shop__refund"),
        ("shop/refund", ("shop__refund",), "shop__refund"),
        ("a/b__c", (_hashed("a__b__c", "a/b__c"), _hashed("a__b__c", "a__b/c")), _hashed("a__b__c", "a/b__c")),
        (LONG, (), _hashed("server__" + "x" * 80, LONG)),
        (ODD, (), _hashed("my_server__do_it", ODD)),
        ("9lives/cat", (), _hashed("t9lives__cat", "9lives/cat")),
        ("handoff", (), "handoff"),
    ],
)
def test_a_tool_is_called_by_the_name_that_the_model_sees(tool: str, offered: Sequence[str], called: str) -> None:
    specs = [ToolSpec(name, "", {}) for name in offered]
    (call,) = _reply(_provider(f"  - call: {{tool: '{tool}'}}"), _request(tools=specs)).message.tool_calls
    assert call.name == called
    assert len(call.name) <= 64


_part = st.text("ab_9-. ü", min_size=1, max_size=40)


@given(st.lists(st.tuples(_part, _part).map("/".join), min_size=1, max_size=6, unique=True))
def test_the_rule_for_names_is_the_gateways(tools: list[str]) -> None:
    exposed = exposed_names(tools)
    specs = [ToolSpec(name, "", {}) for name in exposed]
    script = json.dumps({"steps": [{"calls": [{"tool": tool} for tool in tools]}]})
    reply = _reply(ScriptedProvider(parsed(script, "s.json")), _request(tools=specs))
    assert [exposed[call.name] for call in reply.message.tool_calls] == tools


def test_closing_the_stream_cancels_a_reply_in_its_delay() -> None:
    async def scenario() -> None:
        stream = _provider("  - {say: late, delay_ms: 3600000}").stream(_request())
        asked = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await stream.aclose()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda _: None, "No such file or directory"),
        (lambda file: file.mkdir(), "Is a directory"),
        (lambda file: file.write_bytes(b"\xff"), "it is not UTF-8"),
    ],
)
def test_a_file_that_can_not_be_read_is_a_script_error(tmp_path: Path, make: Any, why: str) -> None:
    make(tmp_path / "s.yaml")
    with pytest.raises(ScriptError) as caught:
        ScriptedProvider.from_file(tmp_path / "s.yaml")
    assert str(caught.value) == f"{tmp_path / 's.yaml'}: the script can't be read: {why}"


def test_a_file_is_read_and_named_in_errors(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("steps:\n  - sya: x\n")
    with pytest.raises(ScriptError, match=r"s\.yaml:2:5: unknown key `sya`"):
        ScriptedProvider.from_file(str(tmp_path / "s.yaml"))


def test_a_summary_is_no_step_and_says_what_the_script_says() -> None:
    asked = replace(_request(), purpose="summary")
    assert _reply(_provider("  - say: bye"), asked).message.text == "(The script sums nothing up.)"
    told = ScriptedProvider(parsed("summary: In short.\nsteps:\n  - {call: {tool: a/b}}\n", "s.yaml"))
    assert (_reply(told, asked).message.text, _reply(told, asked).finish) == ("In short.", "stop")
    assert _reply(told, _request()).message.tool_calls


def test_a_failure_is_over_for_a_conversation_in_which_the_user_says_more() -> None:
    provider = _provider("  - {fail: {kind: auth}, say: Here I am.}")
    with pytest.raises(ProviderError, match="auth"):
        _reply(provider, _request())
    assert _reply(provider, _request((*GO, Message("user", (Text("And now?"),))))).message.text == "Here I am."
