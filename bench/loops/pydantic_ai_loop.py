"""pydantic-ai, which keeps nothing by itself: `pydantic_ai_loop.py nothing REPEATS`."""

import asyncio
import sys

from marks import TURNS, Costs, mark, say
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.usage import UsageLimits


async def echo(text: str) -> str:
    """Says it back."""
    del text
    return "pong"


def agent(marks):
    """With a model that wants its one tool for so many turns, then says that it is done."""

    def model(_messages, _info):
        marks.append(mark())
        turn = len(marks)
        part = ToolCallPart("echo", {"text": "ping"}, tool_call_id=f"c{turn}") if turn <= TURNS else TextPart("done")
        return ModelResponse(parts=[part])

    made = Agent(FunctionModel(model), instructions="Help.")
    made.tool_plain(echo)
    return made


async def main(_store: str, repeats: int) -> None:
    costs = Costs()
    for number in range(repeats + 1):  # the first one warms up
        marks = []
        result = await agent(marks).run("Go.", usage_limits=UsageLimits(request_limit=None))
        assert result.output == "done"
        if number:
            costs.add(marks)
    say(costs)


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
