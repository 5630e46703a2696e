"""Text of a condition -> `Condition`: Python's own parser, a list of what is known, closures. Pure; nothing is eval'ed.

What is not in the tables below is refused with its place: there is no arithmetic, no regular expression, no call of
methods, no assignment, no comprehension. Kinds that are known when the policy is loaded are checked then, so that a
comparison that can never be decided (`now.hour > '9'`) is a mistake in the file and not a surprise at night.
"""

import ast
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NoReturn

from gateway.arguments import MAX_DIGITS
from gateway.policy.comparisons import COMPARISONS, is_chain
from gateway.policy.condition import Condition, ConditionError, Node, Part, Path
from gateway.policy.functions import FUNCTIONS, Function
from gateway.policy.logic import UNDECIDED, negation
from gateway.policy.nodes import Expr, all_of, any_of, binary, is_null, literal, reader
from gateway.policy.origins import ORIGINS, told
from gateway.policy.quick import quickly
from gateway.policy.scope import NAMES, ROOTS, WEEKDAYS, Kind, Scope
from gateway.policy.spelling import check_spelling
from gateway.policy.syntax import not_a_condition
from gateway.policy.zones import CLOCKS
from gateway.sources import Sources
from gateway.wording import did_you_mean
from gateway.zones import UnknownZone, zone_named

__all__ = ["MAX_LENGTH", "MAX_NODES", "compile_condition"]

MAX_NODES = 200
MAX_LENGTH = 4000  # characters

_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None, "none": None}
_VALUES = "write a text in quotes, a number, `true`, `false`, `null` or a list of those"
_LOOPS = ("there are no loops in conditions", "use all_match or any_match")
_REFUSED: Mapping[type[ast.AST], tuple[str, str]] = {
    ast.BinOp: ("there is no arithmetic in conditions", 'a name with signs in it is written `args["a-b"]`'),
    ast.IfExp: ("there is no `if` in conditions", "use `and`, `or`, `not`"),
    ast.Lambda: ("there are no functions in conditions but the listed ones", ""),
    ast.ListComp: _LOOPS,
    ast.GeneratorExp: _LOOPS,
    ast.NamedExpr: ("a condition can't set anything", "to compare write `==`"),
    ast.Dict: ("there are no objects in conditions", _VALUES),
    ast.Set: ("there are no sets in conditions", "write a list with [ ]"),
}
_STRANGE = ("not part of the condition language", _VALUES)


_NO_PLACE = {
    "\\": "a backslash",
    "\n": "a line break",
    "\r": "a line break",
    "\f": "a page break",
    "\0": "a NUL",
}


def compile_condition(text: str) -> Condition:
    """Raises ConditionError for what is not a condition, with the offset in `text` and, where possible, a hint."""
    return quickly(text) or _compiled(text)


def _compiled(text: str) -> Condition:
    tree = _parse(text)
    compiler = _Compiler(text)
    parts = tuple(compiler.part(operand) for operand in _operands(tree))
    return Condition(text, all_of([part.run for part in parts]), parts)


def _parse(text: str) -> ast.expr:
    if len(text) > MAX_LENGTH:
        raise ConditionError(MAX_LENGTH, f"longer than {MAX_LENGTH} characters", "split it into several lines")
    for char, name in _NO_PLACE.items():
        if char in text:
            raise ConditionError(text.index(char), f"{name} has no place in a condition", "take it out")
    check_spelling(text)
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise not_a_condition(text, error) from None
    except (ValueError, MemoryError, RecursionError):
        raise ConditionError(0, "too deeply nested to read") from None
    if len(text) <= MAX_NODES:  # each part has a character of its own
        return tree
    nodes = sum(isinstance(node, ast.expr) for node in ast.walk(tree))
    if nodes > MAX_NODES:
        raise ConditionError(0, f"{nodes} parts; at most {MAX_NODES} are allowed", "split it into several lines")
    return tree


def _operands(tree: ast.expr) -> list[ast.expr]:
    """What the outermost `and`s join."""
    if not (isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And)):
        return [tree]
    return [operand for value in tree.values for operand in _operands(value)]


class _Compiler:
    """One condition's text, and the paths that have been seen in the part at hand."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._bytes = b"" if text.isascii() else text.encode()
        self._paths: list[Path] = []

    def part(self, node: ast.expr) -> Part:
        self._paths = []
        run = self._question(node)
        paths = self._paths
        return Part(self._source(node), run, tuple(paths if len(paths) < 2 else dict.fromkeys(paths)))

    # ---- places ----

    def _offset(self, node: ast.expr) -> int:
        return len(self._bytes[: node.col_offset].decode()) if self._bytes else node.col_offset  # Python counts bytes

    def _source(self, node: ast.expr) -> str:
        place = slice(node.col_offset, node.end_col_offset)
        return self._bytes[place].decode() if self._bytes else self._text[place]

    def _fail(self, node: ast.expr, message: str, hint: str = "") -> NoReturn:
        raise ConditionError(self._offset(node), message, hint)

    # ---- expressions ----

    def _expr(self, node: ast.expr) -> Expr:
        known = self._KNOWN.get(type(node))
        if known is None:
            what, hint = _REFUSED.get(type(node), _STRANGE)
            self._fail(node, f"`{self._source(node)}`: {what}", hint)
        return known(self, node)

    def _question(self, node: ast.expr) -> Node:
        """An expression that can be true or false."""
        found = self._expr(node)
        if found.kind not in ("bool", "any"):
            self._fail(node, f"`{self._source(node)}` is not a yes-or-no question", "compare it with something")
        return found.run

    def _bool_op(self, node: ast.BoolOp) -> Expr:
        nodes = [self._question(value) for value in node.values]
        return Expr(all_of(nodes) if isinstance(node.op, ast.And) else any_of(nodes), "bool")

    def _unary_op(self, node: ast.UnaryOp) -> Expr:
        if isinstance(node.op, ast.Not):
            inner = self._question(node.operand)
            return Expr(lambda scope: negation(inner(scope)), "bool")
        found = self._expr(node.operand)
        written = isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant)
        if not written or found.kind != "number" or found.literal is UNDECIDED:
            self._fail(node, f"`{self._source(node)}`: only a written number can have a minus", "write `-1`")
        return literal(-found.literal)

    def _constant(self, node: ast.Constant) -> Expr:
        value = node.value
        if not isinstance(value, bool | int | float | str | None):
            self._fail(node, f"`{self._source(node)}` is not a value that a condition can hold", _VALUES)
        if isinstance(value, float) and not math.isfinite(value):
            self._fail(node, f"`{self._source(node)}` is too large a number", "at most 1e308")
        if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
            self._fail(node, f"a number of more than {MAX_DIGITS} digits", "write fewer digits")
        return literal(value)

    def _list(self, node: ast.List | ast.Tuple) -> Expr:
        found = [(element, self._expr(element)) for element in node.elts]
        for element, expr in found:
            if expr.literal is UNDECIDED:
                self._fail(element, f"`{self._source(element)}`: a list holds only written values")
        return literal([expr.literal for _, expr in found])

    def _name(self, node: ast.Name) -> Expr:
        if node.id in _WORDS:
            return literal(_WORDS[node.id])
        if node.id not in ROOTS:
            if usage := _USAGES.get(node.id):
                self._fail(node, f"`{node.id}` is a function", f"write {usage}")
            self._fail(node, f"unknown name `{node.id}`", _name_hint(node.id))
        if node.id != "args":
            self._fail(node, f"`{node.id}` alone is not a value", f"write `{node.id}.` and {_list_of(NAMES[node.id])}")
        return self._path(node)

    # ---- paths ----

    def _path(self, node: ast.expr, *, guarded: bool = False) -> Expr:
        """`args`, `args.a["b"][0]`, or a name of the table, such as `tool.read_only`."""
        root, steps = self._steps(node)
        if root != "args":
            return self._named(node, root, steps)
        run = reader(steps)
        key = steps[0] if steps and isinstance(steps[0], str) else None
        self._paths.append(Path(self._source(node), root, key, run, guarded))
        return Expr(run, "any" if steps else "object")

    def _steps(self, node: ast.expr) -> tuple[str, tuple[str | int, ...]]:
        steps: list[str | int] = []
        at = node
        while not isinstance(at, ast.Name):
            if isinstance(at, ast.Attribute):
                steps.append(at.attr)
                at = at.value
            elif isinstance(at, ast.Subscript):
                steps.append(self._index(at))
                at = at.value
            else:
                self._fail(node, f"`{self._source(node)}`: only names have parts", f"known: {_list_of(ROOTS)}")
        if at.id not in ROOTS:
            self._fail(at, f"unknown name `{at.id}`", _name_hint(at.id))
        return at.id, tuple(reversed(steps))

    def _index(self, node: ast.Subscript) -> str | int:
        found = self._expr(node.slice) if not isinstance(node.slice, ast.Slice) else None
        if found is None or type(found.literal) not in (str, int):
            self._fail(node, f"`{self._source(node)}`: what stands in [ ] is a written string or number")
        index: str | int = found.literal
        return index

    def _named(self, node: ast.expr, root: str, steps: tuple[str | int, ...]) -> Expr:
        table = NAMES[root]
        if len(steps) != 1 or steps[0] not in table:
            wrong = ".".join(map(str, (root, *steps)))
            self._fail(node, f"unknown name `{wrong}`", did_you_mean(str(steps[0]), table) or _list_of(table))
        kind, run = table[str(steps[0])]
        self._paths.append(Path(f"{root}.{steps[0]}", root, None, run))
        return Expr(run, kind)

    # ---- comparisons ----

    def _compare(self, node: ast.Compare) -> Expr:
        if not is_chain(node.ops):
            hint = "join the comparisons with `and`"
            self._fail(node, f"`{self._source(node)}`: a chain goes one way, as in `0 < args.a <= 9`", hint)
        operands = [(operand, self._expr(operand)) for operand in (node.left, *node.comparators)]
        pairs = zip(operands, node.ops, operands[1:], strict=False)
        return Expr(all_of([self._pair(node, left, op, right) for left, op, right in pairs]), "bool")

    def _pair(
        self, node: ast.Compare, left: tuple[ast.expr, Expr], op: ast.cmpop, right: tuple[ast.expr, Expr]
    ) -> Node:
        kinds = COMPARISONS.get(type(op))
        if kinds is None:
            self._fail(node, f"`{self._source(node)}`: `is` is not part of the condition language", _IS[type(op)])
        if "weekday" in (left[1].kind, right[1].kind):
            self._check_weekday(left, right)
        if not kinds.fits(left[1].kind, right[1].kind):
            what = f"{_A[left[1].kind]} and {_A[right[1].kind]} can't be compared with `{kinds.sign}`"
            self._fail(node, f"`{self._source(node)}` can never be decided: {what}")
        if isinstance(op, (ast.Eq, ast.NotEq)) and "null" in (left[1].kind, right[1].kind):
            return is_null(left[1], right[1], same=isinstance(op, ast.Eq))
        return binary(kinds.decide, left[1].run, right[1].run)

    def _check_weekday(self, left: tuple[ast.expr, Expr], right: tuple[ast.expr, Expr]) -> None:
        for (_, one), (node, other) in ((left, right), (right, left)):
            words = other.literal if isinstance(other.literal, list) else [other.literal]
            for word in words:
                if one.kind == "weekday" and isinstance(word, str) and word not in WEEKDAYS:
                    self._fail(node, f"`{word}` is not a weekday", f"known: {_list_of(WEEKDAYS)}")

    # ---- functions ----

    def _call(self, node: ast.Call) -> Expr:
        if not isinstance(node.func, ast.Name):
            hint = "values have no methods" if isinstance(node.func, ast.Attribute) else ""
            self._fail(node, f"`{self._source(node.func)}` can't be called", hint)
        if node.keywords:
            self._fail(node, f"`{self._source(node)}`: arguments of functions have no names", _usage(node.func.id))
        if node.func.id == "has":
            return self._has(node)
        if node.func.id in CLOCKS:
            return self._clock(node, node.func.id)
        if node.func.id in ORIGINS:
            return self._origin(node, node.func.id)
        function = FUNCTIONS.get(node.func.id)
        if function is None:
            self._fail(node, f"unknown function `{node.func.id}`", did_you_mean(node.func.id, _USAGES))
        return self._apply(node, function)

    def _apply(self, node: ast.Call, function: Function) -> Expr:
        fixed = [self._fixed(argument, function) for argument in node.args[1:]]
        if not node.args or bool(fixed) != function.fixed:
            self._fail(node, f"`{self._source(node)}`: wrong number of arguments", f"write {function.usage}")
        value = self._expr(node.args[0])
        if value.kind not in function.takes:
            self._fail(node, f"`{self._source(node)}` can never be decided: it was given {_A[value.kind]}")
        try:
            run = function.prepare(fixed)
        except ValueError as error:
            wrong = [argument for argument, text in zip(node.args[1:], fixed, strict=True) if _refuses(function, text)]
            self._fail((wrong or node.args)[-1], str(error))
        read = value.run
        return Expr(lambda scope: run(read(scope)), function.gives)

    def _fixed(self, node: ast.expr, function: Function) -> str:
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value):
            self._fail(node, f"`{self._source(node)}` must be a written string", f"write {function.usage}")
        return node.value

    def _has(self, node: ast.Call) -> Expr:
        if len(node.args) != 1 or not isinstance(node.args[0], (ast.Attribute, ast.Subscript)):
            self._fail(node, f"`{self._source(node)}`: wrong arguments", "write has(args.name)")
        read = self._path(node.args[0], guarded=True).run
        if self._paths[-1].root != "args":
            self._fail(node, f"`{self._source(node)}`: only arguments may be missing", "write has(args.name)")
        return Expr(lambda scope: UNDECIDED if scope.args is None else read(scope) is not UNDECIDED, "bool")

    def _clock(self, node: ast.Call, name: str) -> Expr:
        """What the clock of a place shows."""
        clock = CLOCKS[name]
        match node.args:
            case [ast.Constant(value=str(zone))]:
                pass
            case _:
                self._fail(node, f"`{self._source(node)}`: wrong arguments", f"write {clock.usage}")
        try:
            show = clock.at(zone_named(zone))
        except UnknownZone as error:
            self._fail(node.args[0], str(error), error.hint)
        run: Node = lambda scope: show(scope.query.now)  # noqa: E731
        self._paths.append(Path(self._source(node), "now", None, run))
        return Expr(run, clock.gives)

    def _origin(self, node: ast.Call, name: str) -> Expr:
        """It looks at the run, too: at what was read and said in it."""
        seen = len(self._paths)
        value = self._expr(node.args[0]) if len(node.args) == 1 else None
        if value is None or not any(path.root == "args" for path in self._paths[seen:]):
            self._fail(node, f"`{self._source(node)}`: only arguments come from somewhere", f"write {name}(args.name)")
        if value.kind not in ("string", "number", "list", "object", "any"):
            self._fail(node, f"`{self._source(node)}` can never be decided: it was given {_A[value.kind]}")
        read, ask = value.run, ORIGINS[name]
        self._paths.append(Path(self._source(node), "run", None, lambda scope: told(_sources(scope), read(scope))))
        return Expr(lambda scope: ask(_sources(scope), read(scope)), "bool")

    _KNOWN: ClassVar[Mapping[type[ast.expr], Callable[["_Compiler", Any], Expr]]] = {
        ast.BoolOp: _bool_op,
        ast.UnaryOp: _unary_op,
        ast.Compare: _compare,
        ast.Constant: _constant,
        ast.List: _list,
        ast.Tuple: _list,
        ast.Name: _name,
        ast.Attribute: _path,
        ast.Subscript: _path,
        ast.Call: _call,
    }


_USAGES: Mapping[str, str] = {
    "has": "has(args.name)",
    **{name: function.usage for name, function in FUNCTIONS.items()},
    **{name: clock.usage for name, clock in CLOCKS.items()},
    **{name: f"{name}(args.name)" for name in ORIGINS},
}


def _usage(name: str) -> str:
    return f"write {_USAGES[name]}" if name in _USAGES else ""


def _refuses(function: Function, fixed: str) -> bool:
    try:
        function.prepare([fixed])
    except ValueError:
        return True
    return False


def _sources(scope: Scope) -> Sources | None:
    return scope.query.run.sources


def _name_hint(name: str) -> str:
    close = did_you_mean(name, ROOTS)
    return close if close.startswith("did") else f"arguments are written `args.{name}`; strings stand in quotes"


def _list_of(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)


_IS: Mapping[type[ast.cmpop], str] = {ast.Is: "write `==`", ast.IsNot: "write `!=`"}
_A: Mapping[Kind, str] = {
    "bool": "a yes or no",
    "number": "a number",
    "string": "a string",
    "list": "a list",
    "weekday": "a weekday",
    "object": "an object",
    "null": "null",
    "any": "a value",
}
