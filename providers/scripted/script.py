"""A script as frozen values, read strictly from YAML or JSON. Pure.

A script is a list of steps. A turn is one reply of the model: it thinks, says something, makes calls. A fork is no
reply: it looks at what came back and chooses the step that follows. `docs/scripted-model.md` is the format's manual.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import get_args

from providers import Finish, ProviderErrorKind
from providers.scripted.condition import Condition, condition
from providers.scripted.faults import Fault
from providers.scripted.faults import parsed as fault_of
from providers.scripted.nodes import (
    Node,
    ScriptError,
    Where,
    composed,
    fields,
    is_list,
    items,
    number,
    one_of,
    plain,
    refused,
    text_of,
    where,
    whole,
)
from providers.scripted.template import Form, Template, compiled, references

__all__ = ["END", "Choice", "Failure", "Fork", "Script", "ToolUse", "Turn", "parsed"]

END = "end"  # the label behind the last step
_NANOS = 1_000_000_000
_OURS = ("script", "too_long", "unsupported")  # how no backend itself fails
_KINDS = tuple(kind for kind in get_args(ProviderErrorKind) if kind not in _OURS)
_FINISHES = tuple(finish for finish in get_args(Finish) if finish not in ("cancelled", "error"))  # those have no reply


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A call to be made. `tool` is `server/tool`, or a name as the model sees it; `name` is its `as`.

    `raw` are its arguments as the model writes them, JSON or not; without it they are `args` as JSON.
    """

    tool: str
    args: Form
    name: str | None
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """How the backend fails before it plays a turn, `times` times. `retry_after` is in seconds."""

    kind: ProviderErrorKind
    message: str
    retry_after: float | None
    times: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a reply is said to have taken, where the script says it. `input` includes what came from the cache."""

    input: int | None = None
    output: int | None = None
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """One reply. `cost_nanos` is in billionths of a US dollar, `delay` in seconds, `goto` the step after it.

    `finish` says why it ends, where that does not follow from its calls; `fault` is what goes wrong on its way.
    """

    where: Where
    expect: tuple[Condition, ...] = ()
    think: Form = None
    say: Form = None
    calls: tuple[ToolUse, ...] = ()
    failure: Failure | None = None
    fault: Fault | None = None
    finish: Finish | None = None
    tokens: Tokens = Tokens()
    cost_nanos: int | None = None
    delay: float = 0.0
    repeat: int = 1
    goto: int | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Go to step `goto` if all conditions hold; no conditions always hold."""

    when: tuple[Condition, ...]
    goto: int


@dataclass(frozen=True, slots=True)
class Fork:
    """The first choice that holds is taken; if none does, the step after it follows."""

    where: Where
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """Steps by number. The number behind the last one is the end. `summary` is what is said when one is asked for."""

    file: str
    steps: tuple[Turn | Fork, ...]
    summary: str = "(The script sums nothing up.)"


_FORK_KEYS = ("label", "branch")
_TURN_KEYS = (
    "label", "expect", "think", "say", "call", "calls", "fail", "fault", "finish", "usage", "cost_usd", "delay_ms",
    "repeat", "goto",
)  # fmt: skip


def parsed(text: str, file: str) -> Script:
    """Reads a script. Raises ScriptError for the first thing that is wrong, with its line and column."""
    try:
        document = composed(text, file)
        if is_list(document):
            raise refused(document, "this is a list; write `steps:` above it")
        top = fields(document, ("steps", "summary"))
        if "steps" not in top or not items(top["steps"]):
            raise ScriptError(Where(file, 0, 0), "the script has no `steps:`")
        nodes = items(top["steps"])
        labels = _labels(nodes)
        summary = {"summary": text_of(top["summary"])} if "summary" in top else {}
        script = Script(file, tuple(_step(node, labels) for node in nodes), **summary)
    except RecursionError:
        raise ScriptError(Where(file, 0, 0), "the script is nested too deeply") from None
    _check_names(script)
    return script


def _labels(nodes: Sequence[Node]) -> Mapping[str, int]:
    labels = {END: len(nodes)}
    for number_of_step, node in enumerate(nodes):
        label = fields(node, {*_TURN_KEYS, *_FORK_KEYS}).get("label")
        if label is None:
            continue
        if text_of(label) in labels:
            raise refused(label, f"the label `{text_of(label)}` is taken")
        labels[text_of(label)] = number_of_step
    return labels


def _step(node: Node, labels: Mapping[str, int]) -> Turn | Fork:
    if "branch" in fields(node, {*_TURN_KEYS, *_FORK_KEYS}):
        return _fork(node, labels)
    return _turn(node, labels)


def _fork(node: Node, labels: Mapping[str, int]) -> Fork:
    found = fields(node, _FORK_KEYS)
    return Fork(where(node), tuple(_choice(choice, labels) for choice in items(found["branch"])))


def _choice(node: Node, labels: Mapping[str, int]) -> Choice:
    found = fields(node, ("when", "goto"))
    if "goto" not in found:
        raise refused(node, "a branch needs `goto:`, the label of the step to go to")
    return Choice(_conditions(found.get("when")), _target(found["goto"], labels))


def _target(node: Node, labels: Mapping[str, int]) -> int:
    return labels[one_of(node, text_of(node), labels, "label")]


def _conditions(node: Node | None) -> tuple[Condition, ...]:
    return tuple(condition(item) for item in items(node)) if node is not None else ()


def _turn(node: Node, labels: Mapping[str, int]) -> Turn:
    found = fields(node, _TURN_KEYS)
    if not {"say", "call", "calls"} & set(found):
        raise refused(node, "a step needs `say`, `call` or `calls` (or `branch`)")
    return Turn(
        where=where(node),
        expect=_conditions(found.get("expect")),
        think=_text(found.get("think")),
        say=_text(found.get("say")),
        calls=_calls(found),
        failure=_failure(found["fail"]) if "fail" in found else None,
        fault=_fault(found["fault"]) if "fault" in found else None,
        finish=_finish(found["finish"]) if "finish" in found else None,
        tokens=_tokens(found["usage"]) if "usage" in found else Tokens(),
        cost_nanos=int(Decimal(str(number(found["cost_usd"]))) * _NANOS) if "cost_usd" in found else None,
        delay=number(found["delay_ms"]) / 1000 if "delay_ms" in found else 0.0,
        repeat=whole(found["repeat"], 1) if "repeat" in found else 1,
        goto=_target(found["goto"], labels) if "goto" in found else None,
    )


def _text(node: Node | None) -> Form:
    if node is None:
        return None
    text_of(node)
    return compiled(node)


def _calls(found: Mapping[str, Node]) -> tuple[ToolUse, ...]:
    if "call" in found and "calls" in found:
        raise refused(found["calls"], "a step has either `call` or `calls`")
    nodes = [found["call"]] if "call" in found else items(found["calls"]) if "calls" in found else []
    return tuple(_tool_use(node) for node in nodes)


def _tool_use(node: Node) -> ToolUse:
    found = fields(node, ("tool", "args", "raw", "as"))
    if "tool" not in found or not text_of(found["tool"]):
        raise refused(node, "a call needs `tool: server/tool`")
    args = compiled(found["args"]) if "args" in found else {}
    if not isinstance(args, dict):
        raise refused(found["args"], "`args` must be keys with values")
    if "args" in found and "raw" in found:
        raise refused(found["raw"], "a call has either `args` or `raw`")
    raw = text_of(found["raw"]) if "raw" in found else None
    return ToolUse(text_of(found["tool"]), args, text_of(found["as"]) if "as" in found else None, raw)


def _tokens(node: Node) -> Tokens:
    counts = {name: whole(count) for name, count in fields(node, Tokens.__dataclass_fields__).items()}
    tokens = Tokens(**counts)
    if tokens.cache_read + tokens.cache_write > (tokens.input or 0):
        raise refused(node, "`input` includes `cache_read` and `cache_write`, so it can't be less")
    return tokens


def _finish(node: Node) -> Finish:
    one_of(node, text_of(node), _FINISHES, "reason to end")
    finish: Finish = node.value
    return finish


def _fault(node: Node) -> Fault:
    value = plain(node)  # `fault: 503` is a number
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else text_of(node)
    try:
        return fault_of(text, times=1)
    except ValueError as error:
        raise refused(node, str(error)) from None


def _failure(node: Node) -> Failure:
    found = fields(node, ("kind", "message", "retry_after", "times"))
    if "kind" not in found:
        raise refused(node, "`fail` needs a `kind`, such as `rate_limit`")
    one_of(found["kind"], text_of(found["kind"]), _KINDS, "kind of failure")
    kind: ProviderErrorKind = found["kind"].value
    return Failure(
        kind=kind,
        message=text_of(found["message"]) if "message" in found else f"the script fails here with `{kind}`",
        retry_after=number(found["retry_after"]) if "retry_after" in found else None,
        times=whole(found["times"], 1) if "times" in found else 1,
    )


def _check_names(script: Script) -> None:
    """Raises ScriptError for a reference to a call that no step makes."""
    uses = [use for step in script.steps if isinstance(step, Turn) for use in step.calls]
    names = {use.name for use in uses if use.name is not None}
    for call, place in _mentions(script):
        if call not in names | {use.tool for use in uses}:
            known = ", ".join(f"`{name}`" for name in sorted(names)) or "none; name a call with `as:`"
            raise ScriptError(place, f"no call is named `{call}`; known: {known}")


def _mentions(script: Script) -> Iterator[tuple[str, Where]]:
    """Every call that is mentioned by name, with its place."""
    for wanted in _all_conditions(script):
        if isinstance(wanted.call, str):
            yield wanted.call, wanted.where
    for form in _forms(script):
        yield from ((found.call, place) for found, place in references(form) if isinstance(found.call, str))


def _all_conditions(script: Script) -> Iterator[Condition]:
    for step in script.steps:
        if isinstance(step, Turn):
            yield from step.expect
        else:
            yield from (wanted for choice in step.choices for wanted in choice.when)


def _forms(script: Script) -> Iterator[Form | Template]:
    yield from (form for wanted in _all_conditions(script) for _, form in wanted.wants)
    for step in script.steps:
        if isinstance(step, Turn):
            yield from (step.think, step.say, *(use.args for use in step.calls))
