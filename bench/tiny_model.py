"""A model that answers at once, and a tool that does: what is left of a turn is the runtime's own."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from bench.loops.marks import Mark, mark
from providers import Finished, Message, Reply, Request, StreamEvent, Text, ToolCall, Usage

__all__ = ["ANSWER", "TOOL_RESULT", "TinyModel"]

TOOL_RESULT = {"content": [{"type": "text", "text": "pong"}]}
ANSWER = Reply(Message("assistant", (Text("done"),)), "stop", Usage(20, 10), "tiny-1")


@dataclass(slots=True)
class TinyModel:
    """Wants its one tool for so many turns, then says that it is done. `marks` are taken when it is asked."""

    turns: int
    marks: list[Mark] = field(default_factory=list)

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        del request
        self.marks.append(mark())
        turn = len(self.marks)
        if turn > self.turns:
            yield Finished(ANSWER)
            return
        wish = ToolCall(f"c{turn}", "up__echo", '{"text": "ping"}')
        yield Finished(Reply(Message("assistant", (wish,)), "tool_calls", Usage(20, 10), "tiny-1"))
