"""More tools than a model can be shown: it finds them, and what it calls is judged and recorded as what it is."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.agents import Agent, Context
from gateway.budget import Price
from gateway.conversation import Searched
from gateway.events import Admitted, Denied, Held
from gateway.turn import Model
from providers import Message
from tests.fixtures.parts import BOB, Replies, Stage, arrivals, calls, opened, says, tally

CLERK = Agent("clerk", "Be brief.", "tiny", max_output_tokens=100, context=Context(tools_before_search=3))


def on_stage(folder: Path, scenario: Callable[[Stage], Any], **more: Any) -> None:
    async def play() -> None:
        async with opened(folder, tally(folder), **more) as stage:
            await scenario(stage)

    asyncio.run(play())


def drive(stage: Stage, model: Replies) -> Any:
    return stage.loop(Model(model, "tiny", Price(1000, 2000)), CLERK).drive("run-1")


def call(name: str, **arguments: Any) -> tuple[str, Any]:
    return ("call_tool", {"name": name, "arguments": arguments})


def told(message: Message) -> list[str]:
    parts: Any = message.parts
    return [part.content[0]["text"] for part in parts]


def test_a_tool_is_found_and_called_and_the_record_names_the_tool_itself(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(
            calls(("search_tools", {"query": "put"})), calls(call("desk__put", word="a")), says("It is away.")
        )
        await stage.queued()
        run = await drive(stage, model)
        assert (run.status, run.output) == ("succeeded", "It is away.")
        assert [tool.name for tool in model.requests[0].tools] == ["search_tools", "call_tool"]
        (found,) = told(model.requests[1].messages[-1])
        assert json.loads(found.splitlines()[1])["name"] == "desk__put"
        assert told(model.requests[2].messages[-1]) == ["put done"]
        (admitted,) = [event for event in await stage.events() if isinstance(event, Admitted)]
        assert (admitted.path, admitted.arguments) == ("desk/put", '{"word":"a"}')
        assert [each["arguments"] for each in arrivals(tmp_path)] == [{"word": "a"}]
        (searched,) = [event for event in await stage.events() if isinstance(event, Searched)]
        assert (searched.query, searched.found[0]) == ("put", "desk/put")
        assert run.spend.tool_calls == 1  # a search is none

    on_stage(tmp_path, scenario)


def test_no_gate_is_passed_by_way_of_call_tool(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(
            calls(call("desk__die", amount=101), call("desk__nothing"), call("desk__put", word=7)),
            calls(call("desk__send", word="a")),
            says("Done."),
        )
        await stage.queued()
        waiting = await drive(stage, model)
        refused = [event for event in await stage.events() if isinstance(event, Denied)]
        assert {(event.path, event.gate) for event in refused} == {
            ("desk/die", "permitted"),
            ("desk__nothing", "known"),
            ("desk/put", "valid"),
        }
        assert waiting.status == "waiting"
        (held,) = [event for event in await stage.events() if isinstance(event, Held)]
        (question,) = await stage.approving.waiting()
        assert (held.path, question.path, question.arguments) == ("desk/send", "desk/send", '{"word":"a"}')
        assert arrivals(tmp_path) == []
        await stage.approving.decide(BOB, question.id, "approved")
        assert (await drive(stage, model)).status == "succeeded"
        assert [each["tool"] for each in arrivals(tmp_path)] == ["send"]

    on_stage(tmp_path, scenario)


def test_what_the_subject_may_not_use_is_not_found(tmp_path: Path) -> None:
    rules = "p, *, *, desk/*, call, , allow, all\np, *, *, desk/send, call, , deny, never\n"

    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("search_tools", {"query": "tool send", "limit": 20})), says("Nothing."))
        await stage.queued()
        await drive(stage, model)
        (found,) = told(model.requests[1].messages[-1])
        assert "desk__put" in found
        assert "desk__send" not in found

    on_stage(tmp_path, scenario, rules=rules)


def test_a_call_tool_that_can_not_be_read_is_told_so_and_sends_nothing(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        twice = '{"name": "desk__put", "arguments": {"word": "a", "word": "b"}}'
        model = Replies(calls(("call_tool", twice), ("call_tool", {}), ("search_tools", {})), says("Oh."))
        await stage.queued()
        assert (await drive(stage, model)).status == "succeeded"
        first, second, third = told(model.requests[1].messages[-1])
        assert "stands twice" in first
        assert "needs the tool's `name`" in second
        assert "needs a `query`" in third
        assert arrivals(tmp_path) == []

    on_stage(tmp_path, scenario)
