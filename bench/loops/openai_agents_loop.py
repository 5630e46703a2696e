"""OpenAI's agents, without and with their SQLite session: `openai_agents_loop.py nothing|sqlite REPEATS`."""

import asyncio
import sys
import tempfile
from pathlib import Path

from agents import Agent, Model, ModelResponse, Runner, SQLiteSession, Usage, function_tool, set_tracing_disabled
from marks import TURNS, Costs, mark, say
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText


class TinyModel(Model):
    """Wants its one tool for so many turns, then says that it is done."""

    def __init__(self) -> None:
        self.marks = []

    async def get_response(self, *_arguments, **_named):
        self.marks.append(mark())
        turn = len(self.marks)
        reply = (
            ResponseFunctionToolCall(
                call_id=f"c{turn}", name="echo", arguments='{"text": "ping"}', type="function_call"
            )
            if turn <= TURNS
            else ResponseOutputMessage(
                id="m",
                type="message",
                role="assistant",
                status="completed",
                content=[ResponseOutputText(text="done", type="output_text", annotations=[])],
            )
        )
        usage = Usage(requests=1, input_tokens=20, output_tokens=10, total_tokens=30)
        return ModelResponse(output=[reply], usage=usage, response_id=None)

    def stream_response(self, *_arguments, **_named):
        raise NotImplementedError


@function_tool
async def echo(text: str) -> str:
    """Says it back."""
    del text
    return "pong"


async def main(store: str, repeats: int) -> None:
    set_tracing_disabled(True)
    costs = Costs()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sessions.db"
        for number in range(repeats + 1):  # the first one warms up
            model = TinyModel()
            agent = Agent(name="assistant", instructions="Help.", tools=[echo], model=model)
            session = SQLiteSession(f"r-{number}", path) if store == "sqlite" else None
            result = await Runner.run(agent, "Go.", session=session, max_turns=TURNS + 5)
            assert result.final_output == "done"
            if number:
                costs.add(model.marks)
        say(costs, folder)


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
