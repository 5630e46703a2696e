"""An explanation as plain text for a terminal. Pure. Control and invisible characters are spelled out."""

from collections.abc import Iterator

from gateway.policy.explain import Answer, Explanation, Line
from gateway.visible import visible

__all__ = ["render"]

_WORD = {"allow": "allowed", "ask": "a person must agree", "deny": "denied"}


def render(explanation: Explanation) -> str:
    """Lines of text, without a line break at the end."""
    query, decision = explanation.query, explanation.decision
    head = f"{query.subject} ({query.subject.tenant}) {query.action} {query.object}: {_WORD[decision.effect]}"
    lines = [
        head,
        f"  why   {decision.why or '-'}",
        f"  line  {decision.rule or 'none: denied by default'}",
    ]
    if decision.undecided:
        lines.append("  note  its condition could not be decided, and so it restricts")
    for answer in explanation.answers:
        lines += ["", *_answer(answer)]
    return "\n".join(map(visible, lines))


def _answer(answer: Answer) -> Iterator[str]:
    yield f"{answer.principal}: {answer.decision.effect}"
    if answer.path:
        yield "  role  " + " -> ".join([answer.principal, *(f"{hop.role} ({hop.rule})" for hop in answer.path)])
    elif answer.roles:
        yield "  roles " + ", ".join(answer.roles)
    yield from _near(answer)
    for line in answer.lines:
        yield from _line(line)
    if not (answer.lines or answer.misses):
        yield "  no line is about this"


def _near(answer: Answer) -> Iterator[str]:
    """What a default denial lacks: before all the lines that were looked at, since it is what one looks for."""
    for miss in answer.misses:
        yield f"  near  {miss.rule} would allow it, but {miss.missing}"
    if answer.lines and not answer.misses and answer.decision.rule is None:
        yield "  near  nothing: no allow line is about this"


def _line(line: Line) -> Iterator[str]:
    mark = ">" if line.decides else " "
    when = f"when {line.when}: {line.condition}" if line.when else "always"
    note = "" if line.counts else ", so it does not count"
    yield f"{mark} {line.effect:<5} {line.rule}  {when}{note}"
    if line.saw:
        yield "          " + ", ".join(f"{name} is {value}" for name, value in line.saw)
