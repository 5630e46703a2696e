"""What takes long is seen to in a thread: to look through a result of 200 KB takes a tenth of a second, to hold large
arguments against an odd schema half of one, in which nobody else would be served.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from gateway.call import Action, Answered, Call, InputRequired, Outcome, Tool, Verdict
from gateway.duties import Duties
from gateway.facts import Facts
from gateway.fulfilment import fulfilled
from gateway.gates import Unhurried, judge
from gateway.offer import Offer
from gateway.verbatim import Verbatim

__all__ = ["SHORT", "fulfilled_aside", "judged_aside"]

_ONE_AT_A_TIME = ThreadPoolExecutor(1, "toolgate-judging")  # each takes time from all others
SHORT = 16 * 1024  # bytes of a result that are looked through at once: some milliseconds


async def fulfilled_aside(outcome: Outcome, duties: Duties, action: Action, thing: Tool | Offer | None) -> Outcome:
    """As `fulfilled`."""
    if not duties.redacts or _is_short(outcome):
        return fulfilled(outcome, duties, action, thing)
    return await asyncio.to_thread(fulfilled, outcome, duties, action, thing)


def _is_short(outcome: Outcome) -> bool:
    """Whether that is known: of what was not read from one text, it is not."""
    if not isinstance(outcome, (Answered, InputRequired)):
        return False
    return isinstance(outcome.result, Verbatim) and len(outcome.result.text) <= SHORT


async def judged_aside(call: Call, facts: Facts) -> Verdict:
    """As `judge`, at length."""
    return await asyncio.get_running_loop().run_in_executor(_ONE_AT_A_TIME, judge, call, facts, Unhurried)
