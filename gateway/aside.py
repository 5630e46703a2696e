"""The duties of a long result are seen to in a thread: to look through one of 200 KB takes a tenth of a second, in
which nobody else would be served.
"""

import asyncio

from gateway.call import Action, Answered, InputRequired, Outcome, Tool
from gateway.duties import Duties
from gateway.fulfilment import fulfilled
from gateway.offer import Offer
from gateway.verbatim import Verbatim

__all__ = ["SHORT", "fulfilled_aside"]

SHORT = 16 * 1024  # bytes of a result that are looked through at once: some milliseconds


async def fulfilled_aside(outcome: Outcome, duties: Duties, action: Action, thing: Tool | Offer | None) -> Outcome:
    """As `fulfilled`."""
    if not duties.redacts or _is_short(outcome):
        return fulfilled(outcome, duties, action, thing)
    return await asyncio.to_thread(fulfilled, outcome, duties, action, thing)


def _is_short(outcome: Outcome) -> bool:
    """Whether that is known: of what was not read from one text, it is not."""
    if not isinstance(outcome, Answered | InputRequired):
        return False
    return isinstance(outcome.result, Verbatim) and len(outcome.result.text) <= SHORT
