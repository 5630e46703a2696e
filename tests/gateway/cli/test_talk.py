"""One conversation: Ctrl-C stops the answer only, and what it costs stands in sight."""

from collections.abc import Callable
from dataclasses import replace

from gateway.budget import Limits, Spend
from gateway.cli.talk import spent
from gateway.run import Run
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.terminal import CTRL_C, Answering

OnTerminal = Callable[..., Answering]
QUESTION = "may it happen? (y/n, ? for more)"


def the_run(toolgate: Command) -> dict[str, object]:
    row: dict[str, object] = toolgate("runs", "--json").json[0]
    return row


def test_ctrl_c_stops_the_answer_and_the_conversation_goes_on(talks: OnTerminal, toolgate: Command) -> None:
    with talks("--model", "scripted:chat.yaml") as shown:
        shown.say("hi\r", "Hello!")
        shown.say("sum\r", QUESTION)
        shown.type("n not now\r")
        shown.until("It is three.")
        shown.say("more\r", "no answer  auth: the key is wrong")
        shown.say("/again\r", "Here I am again.")
        shown.say("slow\r")
        for _ in range(10_000):
            if (
                toolgate("runs", "show", str(the_run(toolgate)["id"]), "--json").json["events"][-1]["event"]
                == "model_asked"
            ):
                break
        shown.type(CTRL_C)
        shown.until("stopped by user:ann")
        shown.leave()
    with talks("--resume") as shown:
        shown.until("hi  goes on after")
        shown.say("\x1b[A", "slow")  # what was said last
        shown.type(CTRL_C)  # forgets what stands there, and ends nothing
        shown.leave()


def test_what_it_costs_is_in_sight_and_what_runs_low() -> None:
    limits = Limits(tokens=500_000, nanos=5 * 10**9, turns=10)
    run = Run("r-1", limits=limits, spend=Spend(tokens=1_240, nanos=3_100_000, turns=2))
    assert spent(run, Limits()) == "1,240 of 500,000 tokens · $0.0031 of $5"
    assert spent(replace(run, spend=Spend(turns=9)), Limits()) == "9 of 10 turns · 0 of 500,000 tokens · $0 of $5"
    assert spent(None, Limits(nanos=10**9)) == "0 tokens · $0 of $1"
