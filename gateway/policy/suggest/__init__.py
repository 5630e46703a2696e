"""Lines that would have allowed what was denied: as narrow as what was asked, printed, never applied. Pure.

docs/policy-tests.md tells the whole of it. A suggestion is a promise about recorded calls, so each one is put to the
policy before it is shown: it says what it turns, and what else.

    recorded    recalled calls -> the questions that were denied, and those that people answered
    writing     values, paths and rows as the policy's own text
    values      the values that one argument had -> a condition that holds of them
    narrowing   the arguments of some calls -> a condition that holds of them and of little else
    lines       denied calls -> `allow` lines
    asking      calls that people agreed to again and again -> the `ask` line, narrowed
"""

from gateway.policy.suggest.asking import Relief, Reliefs, reliefs
from gateway.policy.suggest.lines import Suggestion, Suggestions, suggestions
from gateway.policy.suggest.recorded import Answered, Refused, questions

__all__ = [
    "Answered",
    "Refused",
    "Relief",
    "Reliefs",
    "Suggestion",
    "Suggestions",
    "questions",
    "reliefs",
    "suggestions",
]
