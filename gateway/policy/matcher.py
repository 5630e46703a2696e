"""The matcher of a custom model, understood before Casbin runs it. Pure.

Casbin makes Python of a matcher by replacing text: `&&` within quotes too, `r.` within quotes too, and what stands
behind a `#` is cut off, which can leave a wider matcher. So only that is let through which reads the same before and
after. Casbin's own matching functions are refused: each has a hole (docs/policy-language.md). `when` may not stand
under a `!`: a condition that can't be decided would then grant.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NoReturn

from gateway.wording import did_you_mean

__all__ = ["Matcher", "Unclear", "read_matcher"]

_OURS = {
    "in_tenant": "in_tenant(r.dom, p.dom)",
    "tool": "tool(r.obj, p.obj)",
    "when": "when(p.when, r.ctx, p.eft)",
}
_THEIRS = {
    "keyMatch": "it ignores whatever follows the first `*`",
    "keyMatch2": "a `.` in it is any character",
    "keyMatch3": "a `.` in it is any character, and a `*` stops it",
    "keyMatch4": "a `.` in it is any character, and a `*` stops it",
    "keyMatch5": "it ignores whatever follows a `?`",
    "regexMatch": "it matches a beginning only, and a hostile name can stop it for minutes",
    "globMatch": "it does not match names that begin with a dot, so that a `deny` misses them",
    "ipMatch": "a name that is no address stops the decision",
    "timeMatch": "write times into the column `when`",
    "eval": "it would run the text of a line as code; write conditions with `when(p.when, r.ctx, p.eft)`",
}
_ONLY_IN = {"p.when": "when", "r.ctx": "when", "p.eft": "when"}
_NEVER = {"p.why": "it is for people to read", "p.priority": "the effect orders the lines by it"}
LONGEST = 4000  # characters

_STRING = re.compile(r"\"[^\"\\]*\"|'[^'\\]*'")
_REWRITTEN = re.compile(r"&&|\|\||!|#|\b[rp][0-9]*\.")
_SIGNS = ((re.compile("&&"), " and "), (re.compile(r"\|\|"), " or "), (re.compile(r"!(?!=)"), " not "))


class Unclear(ValueError):
    """`offset` counts characters from 0."""

    def __init__(self, offset: int, message: str, hint: str = "") -> None:
        self.offset, self.message, self.hint = offset, message, hint
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Matcher:
    """`reads` are the columns that it looks at (`r.sub`), `calls` the functions that it calls.

    `compared` holds the pairs of columns, or of a column and a text, that it compares: `("p.sub", "*")`. `conjuncts`
    are the operands of its outermost `&&`: where one of them does not hold, the matcher does not.
    """

    text: str
    reads: frozenset[str]
    calls: frozenset[str]
    grouped: frozenset[str]
    compared: frozenset[tuple[str, str]]
    conjuncts: frozenset[str]

    def takes_star(self, column: str) -> bool:
        """Whether a `*` in this column means everything."""
        return (column, "*") in self.compared or (column == "p.dom" and "in_tenant" in self.calls)


def read_matcher(text: str, request: Sequence[str], policy: Sequence[str], roles: Mapping[str, int]) -> Matcher:
    """Raises Unclear for what can't be classified."""
    if "\\" in text or "#" in text:
        raise Unclear(max(text.find("\\"), text.find("#")), "no `#` and no backslash can stand in a matcher")
    for string in _STRING.finditer(text):
        if _REWRITTEN.search(string[0]):
            raise Unclear(string.start(), f"Casbin would rewrite the text {string[0]}", "compare with another text")
    known = {f"r.{name}" for name in request} | {f"p.{name}" for name in policy}
    tree = _parsed(text)
    reader = _Reader(text, known, roles)
    reader.question(tree, signs=0)
    return Matcher(
        _written(tree),
        frozenset(reader.reads),
        frozenset(reader.calls),
        frozenset(reader.grouped),
        frozenset(reader.compared),
        frozenset(map(_written, _operands(tree))),
    )


def _operands(tree: ast.expr) -> Iterator[ast.expr]:
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And):
        for value in tree.values:
            yield from _operands(value)
    else:
        yield tree


def _parsed(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise Unclear(LONGEST, f"longer than {LONGEST} characters")
    for sign, word in _SIGNS:
        text = sign.sub(word, text)
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise Unclear(0, f"not a matcher: {getattr(error, 'msg', 'it can not be read')}") from None


def _written(node: ast.expr) -> str:
    """The matcher as Casbin gets it: every part in brackets, so that it can be read in one way only."""
    match node:
        case ast.BoolOp(op=op, values=values):
            sign = " && " if isinstance(op, ast.And) else " || "
            return f"({sign.join(map(_written, values))})"
        case ast.UnaryOp(operand=operand):
            return f"(! {_written(operand)})"
        case ast.Compare(left=left, ops=ops, comparators=[right]):
            return f"({_written(left)} {'==' if isinstance(ops[0], ast.Eq) else '!='} {_written(right)})"
        case ast.Call(func=func, args=args):
            return f"{ast.unparse(func)}({', '.join(map(_written, args))})"
    return ast.unparse(node)


class _Reader:
    """Walks through a matcher, and notes what it looks at."""

    def __init__(self, text: str, known: set[str], roles: Mapping[str, int]) -> None:
        self._text, self._known, self._roles = text, known, roles
        self.reads: set[str] = set()
        self.calls: set[str] = set()
        self.grouped: set[str] = set()
        self.compared: set[tuple[str, str]] = set()

    def _fail(self, word: str, message: str, hint: str = "") -> NoReturn:
        raise Unclear(max(0, self._text.find(word)), message, hint)

    def question(self, node: ast.expr, *, signs: int) -> None:
        """What is true or false. `signs`: how many `!` stand before it. `!(a != b)` asks what `a == b` does."""
        match node:
            case ast.BoolOp(values=values):
                for value in values:
                    self.question(value, signs=signs)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                self.question(operand, signs=signs + 1)
            case ast.Compare(ops=[ast.Eq() | ast.NotEq()], left=left, comparators=[right]):
                self._compare(left, right, equal=isinstance(node.ops[0], ast.Eq) == (signs % 2 == 0))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                self._call(name, args, negated=signs > 0)
            case _:
                shown = ast.unparse(node)
                self._fail(shown, f"`{shown}` can't be classified", "use && || ! == != and functions")

    def _compare(self, left: ast.expr, right: ast.expr, *, equal: bool) -> None:
        one, other = self._value(left), self._value(right)
        for name, text in ((one, other), (other, one)):
            if name.endswith(".sub") and not self._is_column(text) and text != "*" and ":" not in text:
                self._fail(text, f"`{text}` is nobody: names have their kind in front", "write `user:...`")
            if equal and self._is_column(name):
                self.compared.add((name, text))

    def _is_column(self, text: str) -> bool:
        return text in self._known

    def _value(self, node: ast.expr, function: str = "") -> str:
        """A column's name, or a text."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        shown = ast.unparse(node)
        if not re.fullmatch(r"[rp]\.\w+", shown):
            self._fail(shown, f"`{shown}` can't be classified", "only columns and texts can be compared")
        return self._column(shown, function)

    def _column(self, column: str, function: str) -> str:
        if column not in self._known:
            self._fail(column, f"there is no `{column}`", did_you_mean(column, self._known))
        if column in _NEVER:
            self._fail(column, f"a matcher does not look at `{column}`: {_NEVER[column]}")
        if _ONLY_IN.get(column, function) != function:
            self._fail(column, f"`{column}` can only stand in `{_OURS[_ONLY_IN[column]]}`")
        self.reads.add(column)
        return column

    # ---- functions

    def _call(self, name: str, args: Sequence[ast.expr], *, negated: bool) -> None:
        if name in _THEIRS:
            hint = f"write {_OURS['tool']}" if name.startswith(("key", "glob", "regex")) else ""
            self._fail(name, f"`{name}` is refused: {_THEIRS[name]}", hint)
        if name in self._roles:
            self._role(name, args)
        elif name in _OURS:
            self._own(name, args, negated=negated)
        else:
            self._fail(name, f"unknown function `{name}`", did_you_mean(name, (*_OURS, *self._roles)))
        self.calls.add(name)

    def _role(self, name: str, args: Sequence[ast.expr]) -> None:
        if len(args) != self._roles[name]:
            self._fail(name, f"`{name}` has {self._roles[name]} fields, as its definition says")
        values = [self._value(arg) for arg in args]
        self.grouped.add(values[1])

    def _own(self, name: str, args: Sequence[ast.expr], *, negated: bool) -> None:
        if name == "when" and negated:
            self._fail("when", "`when` stands under a `!`: a condition that can't be decided would grant")
        written = f"{name}({', '.join(self._value(arg, name) for arg in args)})"
        if written not in (_OURS[name], *self._SHORTER.get(name, ())):
            self._fail(name, f"`{written}` can't be classified", f"write {_OURS[name]}")

    _SHORTER: ClassVar[Mapping[str, Sequence[str]]] = {"when": ("when(p.when, r.ctx)",)}
