"""Calls that an older server makes as tasks only are calls like all others to whoever makes them."""

import asyncio
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway.call import Answered, InDoubt, Outcome, Refused, Tool
from gateway.caller import NOBODY, Caller
from gateway.upstream import ServerSpec, Stdio, Upstreams
from gateway.upstream.augmented import augmented
from gateway.upstream.wanted import Wanted

SERVER = Path(__file__).parents[2] / "fixtures" / "tasking_server.py"
SPEC = ServerSpec("t", Stdio(sys.executable, ("-S", str(SERVER))), era="legacy")


@dataclass(slots=True)
class Person:
    """A client who answers each question with Tuesday."""

    key: str = "ann"
    modern: bool = False
    capabilities: dict[str, Any] = field(default_factory=lambda: {"elicitation": {}})
    wants_progress: bool = False
    log_level: str | None = None
    spared: bool = False
    asked: list[str] = field(default_factory=list)

    def hear(self, method: str, params: Any) -> None:
        """Nothing comes."""

    async def ask(self, method: str, _params: Any) -> dict[str, Any]:
        self.asked.append(method)
        return {"action": "accept", "content": {"day": "Tuesday"}}


def came_of(call: Any, *paths: str, caller: Caller = NOBODY, seconds: float = 20) -> list[Outcome]:
    async def scenario() -> list[Outcome]:
        async with Upstreams({"t": SPEC}) as up:
            made = [call(path, {"city": "Graz"}) for path in paths]
            return [
                await up.forward(each, timeout=seconds if "plain" not in each.path else 20, meta={}, caller=caller)
                for each in made
            ]

    return asyncio.run(scenario())


def test_the_result_of_its_task_is_the_answer(call: Any, text_of: Any) -> None:
    (slow,) = came_of(call, "t/slow")
    assert isinstance(slow, Answered)
    assert text_of(slow) == "Graz, within 20000 ms"


def test_what_the_server_asks_meanwhile_is_for_who_made_the_call(call: Any, text_of: Any) -> None:
    person = Person()
    (slow,) = came_of(call, "t/slow", caller=person)
    assert (text_of(slow), person.asked) == ("Graz on Tuesday", ["elicitation/create"])


def test_an_error_of_its_task_is_the_servers(call: Any) -> None:
    assert came_of(call, "t/fail") == [Refused(-32050, "the task failed", {"task": "task-fail"})]


def test_a_task_without_a_name_is_in_doubt(call: Any) -> None:
    (nameless,) = came_of(call, "t/nameless")
    assert isinstance(nameless, InDoubt)
    assert "no usable `taskId`" in nameless.why


def test_a_task_that_nobody_waits_for_any_more_is_called_off(call: Any, text_of: Any) -> None:
    for seconds in (0.5, 5, 50):  # it may not have been made within the time, on a machine that has much to do
        never, plain = came_of(call, "t/never", "t/plain", seconds=seconds)
        if text_of(plain):
            break
    assert isinstance(never, InDoubt)
    assert text_of(plain) == ["task-never"]


def test_a_server_may_still_be_at_a_task_that_nobody_waits_for_any_more(call: Any) -> None:
    async def scenario() -> bool:
        async with Upstreams({"t": SPEC}) as up:
            await up.forward(call("t/plain"), timeout=20, meta={})
            server = up._servers["t"]  # noqa: SLF001
            rested, seconds = server.at_rest, 0.5
            while server.at_rest:  # it may not have been made within the time, on a machine that has much to do
                await up.forward(call("t/never", {"city": "Graz"}), timeout=seconds, meta={})
                seconds *= 10
            return rested

    assert asyncio.run(asyncio.wait_for(scenario(), 120))


@pytest.mark.parametrize("said", [None, {}, {"taskSupport": "optional"}, {"taskSupport": "forbidden"}, "required"])
def test_whatever_may_be_made_without_a_task_is(said: Any) -> None:
    wanted = Wanted("tools/call", "x", b'"name":"x"')
    tool = Tool("t", "x", {"inputSchema": {"type": "object"}, "execution": said}, "pin")
    assert augmented(wanted, tool, 20) is wanted
    assert augmented(wanted, None, 20) is wanted


def test_the_task_may_live_as_long_as_the_call() -> None:
    tool = Tool("t", "x", {"inputSchema": {"type": "object"}, "execution": {"taskSupport": "required"}}, "pin")
    made = augmented(Wanted("tools/call", "x", b'"name":"x"'), tool, 1.5)
    assert (json.loads(b"{%s}" % made.members)["task"], made.as_task) == ({"ttl": 1500}, True)
