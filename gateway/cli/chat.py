"""`toolgate chat`: its options. What it does is in `chatting`, which takes longer to import."""

from collections.abc import Sequence

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.options import Caller, as_json, caller
from gateway.cli.run import absolute, driving, limits_of

__all__ = ["chat_command"]


@click.command("chat", epilog=ends(Exit.UNREACHABLE, Exit.WAITING, Exit.BUDGET))
@click.option("--agent", metavar="NAME", help="Which of the configured agents; the first one if not said.")
@click.option("--model", metavar="NAME", help="As of `toolgate run`: configured, `anthropic:NAME`, `replay:RUN`.")
@click.option("--budget", "budgets", multiple=True, metavar="UNIT=AMOUNT", help="For all of it: `usd=1`, `tokens=20k`.")
@click.option(
    "--resume", is_flag=False, flag_value="last", metavar="[RUN]", help="Go on with this conversation; or the last one."
)
@as_json
@caller
def chat_command(
    agent: str | None,
    model: str | None,
    budgets: Sequence[str],
    resume: str | None,
    as_json: bool,
    caller: Caller,
) -> int:
    """Talk with an agent. On a terminal, /help says what can be typed; else each line of stdin is a message."""
    from gateway.cli.chatting import Opening, chat
    from gateway.cli.driving import Manner

    if resume is not None and agent is not None:
        raise click.UsageError("a conversation keeps its agent: give --agent or --resume")
    opening = Opening(agent, absolute(model), limits_of(budgets), resume)
    return driving(chat(caller, opening, Manner.of(as_json=as_json, wait=None)))
