"""Most conditions, without a parser: plain comparisons of an argument with a number or a text, joined by `and`. Pure.

    args.amount <= 100 and args.kind != 'gift'

To parse and walk a condition is most of what it costs to load a policy. What is read here is read as `compiler` does:
the tests compare the two; whatever else there is, and whatever is wrong, is left to it.
"""

import ast
import keyword
import re
from collections.abc import Mapping

from gateway.policy.comparisons import COMPARISONS, Comparison
from gateway.policy.condition import Condition, Part, Path
from gateway.policy.nodes import all_of, binary, reader

__all__ = ["quickly"]

_PATH = rf"args(?:\.(?!(?:{'|'.join(keyword.kwlist)})\b)[A-Za-z_][A-Za-z_0-9]*)+"
_SIGN = "<=|>=|==|!=|<|>"
_NUMBER = r"(?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,5})?(?![\w.'\"])"
_TEXT = r"'[ !#-&(-\[\]-~]*'(?!['\"])"
_ONE = f"{_PATH} ?(?:{_SIGN}) ?(?:{_NUMBER}|{_TEXT})"
_ALL = re.compile(f"{_ONE}(?: and {_ONE})*", re.ASCII)
_EACH = re.compile(f"({_PATH}) ?({_SIGN}) ?(?:({_NUMBER})|({_TEXT}))", re.ASCII)
_LONGEST = 200  # characters, and so at most as many parts as a condition may have
_SIGNS: Mapping[str, Comparison] = {
    "==": COMPARISONS[ast.Eq],
    "!=": COMPARISONS[ast.NotEq],
    "<": COMPARISONS[ast.Lt],
    "<=": COMPARISONS[ast.LtE],
    ">": COMPARISONS[ast.Gt],
    ">=": COMPARISONS[ast.GtE],
}


def quickly(text: str) -> Condition | None:
    """The condition, if it is one of those."""
    if len(text) > _LONGEST or not _ALL.fullmatch(text):
        return None
    parts = tuple([_part(found) for found in _EACH.finditer(text)])
    return Condition(text, all_of([part.run for part in parts]), parts)


def _part(found: re.Match[str]) -> Part:
    path, sign, number, words = found.groups()
    steps = tuple(path.split(".")[1:])
    written = words[1:-1] if number is None else float(number) if "." in number else int(number)
    read = reader(steps)
    run = binary(_SIGNS[sign].decide, read, lambda _scope: written)
    return Part(found[0], run, (Path(path, "args", steps[0], read),))
