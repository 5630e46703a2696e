"""LangGraph, without and with its SQLite checkpointer: `langgraph_loop.py nothing|sqlite REPEATS`."""

import asyncio
import sys
import tempfile
from pathlib import Path

from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from marks import TURNS, Costs, mark, say


@tool
async def echo(text: str) -> str:
    """Says it back."""
    del text
    return "pong"


def graph(marks, saver):
    """A model that wants its one tool for so many turns, and the loop round it as LangGraph's own page draws it."""

    async def model(_state):
        marks.append(mark())
        turn = len(marks)
        calls = [{"id": f"c{turn}", "name": "echo", "args": {"text": "ping"}}]
        return {"messages": [AIMessage("", tool_calls=calls) if turn <= TURNS else AIMessage("done")]}

    made = StateGraph(MessagesState)
    made.add_node("model", model)
    made.add_node("tools", ToolNode([echo]))
    made.add_edge(START, "model")
    made.add_conditional_edges("model", lambda state: "tools" if state["messages"][-1].tool_calls else END)
    made.add_edge("tools", "model")
    return made.compile(checkpointer=saver)


async def main(store: str, repeats: int) -> None:
    costs = Costs()
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncSqliteSaver.from_conn_string(str(Path(folder) / "checkpoints.db")) as saver:
            for number in range(repeats + 1):  # the first one warms up
                marks = []
                asked = {"configurable": {"thread_id": f"r-{number}"}, "recursion_limit": 10 * TURNS}
                found = await graph(marks, saver if store == "sqlite" else None).ainvoke(
                    {"messages": [HumanMessage("Go.")]}, asked
                )
                assert found["messages"][-1].content == "done"
                if number:
                    costs.add(marks)
        say(costs, folder)


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
