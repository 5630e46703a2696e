"""An explanation as plain text for a terminal. Pure. Control and invisible characters are spelled out."""

from collections.abc import Iterator

from gateway.dates import dated
from gateway.policy.explain import Answer, Explanation, Line
from gateway.policy.recorded import Past
from gateway.policy.run_words import written
from gateway.policy.scope import Query
from gateway.visible import visible

__all__ = ["render", "render_past"]

_WORD = {"allow": "allowed", "ask": "a person must agree", "deny": "denied"}
_THEN = {"allow": "sent", "ask": "a person was asked", "deny": "denied"}
_NOTHING = "no single change of values was found with which it would"
_LISTED = {"allow": "listed", "ask": "listed", "deny": "not listed"}


def render(explanation: Explanation) -> str:
    """Lines of text, without a line break at the end."""
    query, decision = explanation.query, explanation.decision
    verdict = _LISTED[decision.effect] if query.action == "list" else _WORD[decision.effect]
    head = f"{query.subject} ({query.subject.tenant}) {query.action} {query.object}: {verdict}"
    lines = [
        head,
        f"  why   {decision.why or '-'}",
        f"  line  {decision.rule or 'none: denied by default'}",
    ]
    if decision.undecided:
        lines.append("  note  its condition could not be decided, and so it restricts")
    if decision.duties:
        lines.append(f"  duty  {decision.duties} ({', '.join(decision.duties.rules)})")
    for answer in explanation.answers:
        lines += ["", *_answer(answer, custom=explanation.custom)]
    return "\n".join(map(visible, lines))


def render_past(past: Past, query: Query, digest: str) -> Iterator[str]:
    """What was decided of a recorded call then, and what is not as it was."""
    when = dated(past.at).isoformat(sep=" ", timespec="seconds")
    yield visible(f"recorded: {past.run_id} {past.key}, {when.removesuffix('+00:00')} UTC: {_THEN[past.effect]}")
    yield visible(f"  line  {past.rule or 'none'}") + (visible(f"  ({past.why})") if past.why else "")
    if past.gate not in ("", "permitted"):
        yield f"  note  it was not the policy that denied it, but the gate `{past.gate}`"
    if past.policy and past.policy != digest:
        yield f"  note  the policy was another one then ({past.policy[:12]}); what follows is what it says now"
    if past.pin and query.tool and past.pin != query.tool.pin:
        yield "  note  the tool's definition has changed since"
    yield visible(f"  run   {written(query.run) or 'nothing was before it'}")
    yield ""


def _answer(answer: Answer, *, custom: bool) -> Iterator[str]:
    yield f"{answer.principal}: {answer.decision.effect}"
    if answer.path:
        yield "  role  " + " -> ".join([answer.principal, *(f"{hop.role} ({hop.rule})" for hop in answer.path)])
    elif answer.roles:
        yield "  roles " + ", ".join(answer.roles)
    yield from _near(answer, custom=custom)
    if answer.way and not (answer.misses and answer.way.change in [miss.change for miss in answer.misses]):
        yield f"  way   {_WORD[answer.way.effect]} with {answer.way.change}"
    for line in answer.lines:
        yield from _line(line)
    if not (answer.lines or answer.misses):
        yield "  no line is about this"


def _near(answer: Answer, *, custom: bool) -> Iterator[str]:
    """What a default denial lacks: before all the lines that were looked at, since it is what one looks for."""
    for miss in answer.misses:
        yield f"  near  {miss.rule} would allow it, but {miss.missing}"
        yield f"        it would with {miss.change}" if miss.change else f"        {_NOTHING}"
    if answer.misses or answer.decision.rule is not None:
        return
    if custom:
        yield "  near  nothing that could be told: under this model.conf only Casbin knows what a line lacks"
    elif answer.lines:
        yield "  near  nothing: no allow line is about this"


def _line(line: Line) -> Iterator[str]:
    mark = ">" if line.decides else " "
    when = f"when {line.when}: {line.condition}" if line.when else "always"
    note = "" if line.counts else ", so it does not count" if line.condition != "true" else ", but it does not count"
    yield f"{mark} {line.effect:<5} {line.rule}  {when}{note}"
    if line.saw:
        yield "          " + ", ".join(f"{name} is {value}" for name, value in line.saw)
