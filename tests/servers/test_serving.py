import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp.types import CallToolResult, TextContent

from servers.serving import server_for
from servers.tooling import Answer, Asked, Hints, Program, ServedTool, ToolFailed


def _tool(run: Any, hints: Hints = Hints()) -> ServedTool:  # noqa: B008 - frozen
    text = {"type": "string", "default": ""}
    return ServedTool("say", "Say", "Says it.", {"text": text}, {"said": {"type": "string"}}, hints, run)


def _call(tool: ServedTool, arguments: dict[str, Any], meta: Any = None) -> CallToolResult:
    async def scenario() -> CallToolResult:
        async with Client(server_for(Program("t", "1", "", (tool,)))) as client:
            return await client.call_tool("say", arguments, meta=meta)

    return asyncio.run(scenario())


def _text(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


def _say(asked: Asked) -> Answer:
    return Answer({"said": asked.arguments["text"]})


def test_a_result_is_structured_and_the_same_as_text() -> None:
    result = _call(_tool(_say), {"text": "grün"})
    assert result.structured_content == {"said": "grün"}
    assert _text(result) == '{"said": "grün"}'


def test_a_result_may_bring_its_own_text() -> None:
    assert _text(_call(_tool(lambda _: Answer({"said": "x"}, text="plain")), {})) == "plain"


def test_a_foreseen_failure_is_a_tool_error_with_its_text() -> None:
    def fail(_: Asked) -> Answer:
        raise ToolFailed("not today; try tomorrow")

    result = _call(_tool(fail), {})
    assert result.is_error
    assert _text(result) == "not today; try tomorrow"


def test_arguments_that_do_not_fit_are_a_tool_error() -> None:
    result = _call(_tool(_say), {"text": 1})
    assert result.is_error
    assert "`text` must be a string" in _text(result)


def test_an_unforeseen_failure_says_nothing_of_its_cause_to_the_client(caplog: pytest.LogCaptureFixture) -> None:
    def break_down(_: Asked) -> Answer:
        raise RuntimeError("the password is 12345")

    with caplog.at_level(logging.ERROR):
        result = _call(_tool(break_down), {})
    assert result.is_error
    assert "12345" not in _text(result)
    assert "12345" in caplog.text


def test_an_unknown_tool_is_a_protocol_error_that_lists_the_tools() -> None:
    async def scenario() -> None:
        async with Client(server_for(Program("t", "1", "", (_tool(_say),)))) as client:
            with pytest.raises(MCPError, match="there is no tool `nope`; there are say"):
                await client.call_tool("nope", {})

    asyncio.run(scenario())


def test_the_idempotency_key_reaches_the_tool() -> None:
    def key(asked: Asked) -> Answer:
        return Answer({"said": asked.key or "none"})

    assert _call(_tool(key), {}, {"toolgate/idempotency-key": "r1/c1"}).structured_content == {"said": "r1/c1"}
    assert _call(_tool(key), {}).structured_content == {"said": "none"}


@pytest.mark.parametrize("key", ["", 7, "x" * 513])
def test_a_key_that_is_none_is_a_tool_error(key: object) -> None:
    result = _call(_tool(_say), {}, {"toolgate/idempotency-key": key})
    assert result.is_error
    assert "1 to 512 characters" in _text(result)


def test_hints_are_published_and_no_tool_is_open_world() -> None:
    async def scenario() -> Mapping[str, Any]:
        hints = Hints(read_only=True, destructive=False, idempotent=True)
        async with Client(server_for(Program("t", "1", "", (_tool(_say, hints),)))) as client:
            (tool,) = (await client.list_tools()).tools
            return tool.model_dump(by_alias=True)["annotations"] or {}

    published = {name: hint for name, hint in asyncio.run(scenario()).items() if hint is not None}
    assert published == {
        "readOnlyHint": True,
        "destructiveHint": False,
        "idempotentHint": True,
        "openWorldHint": False,
    }


def test_an_answer_may_be_held_back_without_holding_up_others() -> None:
    async def scenario() -> None:
        slow = _tool(lambda _: Answer({"said": "late"}, held_back=3600))
        quick = replace(_tool(lambda _: Answer({"said": "now"})), name="quick")
        async with Client(server_for(Program("t", "1", "", (slow, quick)))) as client:
            late = asyncio.create_task(client.call_tool("say", {}))
            assert (await client.call_tool("quick", {})).structured_content == {"said": "now"}
            assert not late.done()
            late.cancel()
            with pytest.raises(asyncio.CancelledError):
                await late

    asyncio.run(scenario())
