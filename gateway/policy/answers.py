"""Conditions about what a tool has answered: `result.found == true and result.total > 0`. Pure.

The language is that of the `when` column, whose only name here is `result`; what is missing, or of another kind than
expected, makes a condition undecidable.
"""

import re
from datetime import UTC, datetime
from functools import cache
from typing import Any

from gateway.call import Subject
from gateway.policy.compiler import compile_condition
from gateway.policy.condition import Condition, ConditionError
from gateway.policy.logic import Truth
from gateway.policy.scope import ANY_RUN, ROOTS, Query, Scope

__all__ = ["answers", "compile_answer"]

_ROOT = re.compile(rf"'[^']*'|\"[^\"]*\"|(?<![\w.])({'|'.join((*ROOTS, 'result'))})(?=[.\[])")
_LONGER = len("result") - len("args")
_NOBODY, _NEVER = Subject("", ""), datetime(1970, 1, 1, tzinfo=UTC)


@cache
def compile_answer(text: str) -> Condition:
    """Raises ConditionError, with the offset in `text`."""
    places: list[int] = []

    def own(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0]
        if found[1] != "result":
            raise ConditionError(found.start(), f"there is no `{found[1]}` here", "write `result.name`")
        places.append(found.start())
        return "args"

    own_text = _ROOT.sub(own, text)
    try:
        return compile_condition(own_text)
    except ConditionError as error:
        before = sum(place - _LONGER * number < error.offset for number, place in enumerate(places))
        words = (said.replace("args", "result") for said in (error.message, error.hint))
        raise ConditionError(error.offset + _LONGER * before, *words) from None


def answers(condition: Condition, result: Any) -> Truth:
    """Whether it holds of this result."""
    query = Query(_NOBODY, "call", "", result if isinstance(result, dict) else None, None, ANY_RUN, _NEVER)
    return condition.test(Scope(query, "", frozenset()))
