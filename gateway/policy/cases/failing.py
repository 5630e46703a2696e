"""Why a case did not get what it expects: as few lines as say it. Pure."""

from collections.abc import Iterator, Mapping

from gateway.policy.cases.case import Case
from gateway.policy.cases.running import Failure
from gateway.policy.decide import Policy
from gateway.policy.explain import Explanation, Line, Miss, explain
from gateway.policy.loosening import same
from gateway.policy.wording import Effect
from gateway.visible import visible

__all__ = ["because"]

STRICTNESS: Mapping[Effect, int] = {"allow": 0, "ask": 1, "deny": 2}
_SHOWN = 3  # lines of each kind
_UNKNOWN = "not known"


def because(policy: Policy, failure: Failure) -> list[str]:
    """The line that decided with what its condition saw; those that should have; and what the nearest one lacks."""
    if failure.query.action == "list":
        return []
    explanation = explain(policy, failure.query)
    lines = [line for answer in explanation.answers for line in answer.lines]
    wanted = [line for line in lines if not line.decides and _wanted(failure, line)]
    told = [*(_decided(line) for line in lines if line.rule == failure.got.rule), *map(_shown, wanted[:_SHOWN])]
    if failure.got.rule is None and not wanted:
        told += [_near(miss) for miss in _misses(explanation)]
    told += _obliging(policy, failure)
    told += _absent(policy, failure.case, lines)
    if any(value == _UNKNOWN for line in lines for _, value in line.saw):
        told.append("nothing is known about this tool: say it in `with` (`trusted read_only`, ...), or pin it")
    return list(dict.fromkeys(map(visible, told)))


def _wanted(failure: Failure, line: Line) -> bool:
    """Whether it is the line that the case names, or else one that could have said what the case expects: of a line
    that was stricter there is nothing more to know.
    """
    case = failure.case
    if case.line or case.why:
        return _is_named(case, line.rule, line.why)
    milder = failure.got.rule is None or STRICTNESS[failure.got.effect] < STRICTNESS[case.expect]
    return milder and line.effect == case.expect and not line.counts


def _is_named(case: Case, rule: str, why: str) -> bool:
    by_line = not case.line or rule == case.line or rule.endswith(f"/{case.line}")
    return by_line and case.why in why


def _decided(line: Line) -> str:
    when = f" when {line.when}" if line.when else ""
    return f"{line.rule} {_DOES[line.effect]}{when}{_values(line)}"


_DOES = {"allow": "allows", "ask": "asks", "deny": "denies"}


def _shown(line: Line) -> str:
    if line.counts:
        return f"{line.rule} would {line.effect}, too, but does not decide"
    verdict = "can't be decided" if line.condition == "undecidable" else "does not hold"
    return f"{line.rule} does not {line.effect}: `{line.when}` {verdict}{_values(line)}"


def _values(line: Line) -> str:
    saw = ", ".join(f"{name} is {value}" for name, value in line.saw)
    return f" ({saw})" if saw else ""


def _obliging(policy: Policy, failure: Failure) -> Iterator[str]:
    """What says the duties, where the case expects others."""
    wanted, got = failure.case.duties, failure.got
    if wanted is None or got.effect == "deny" or same(wanted, got.duties):
        return
    held = policy.obliging(failure.query)
    yield from (f"{one.where} obliges: {one.duties}" for one in held)
    if not held:
        yield "no `o` line holds for it"


def _misses(explanation: Explanation) -> Iterator[Miss]:
    for answer in explanation.answers:
        yield from answer.misses[:_SHOWN]


def _near(miss: Miss) -> str:
    return f"{miss.rule} would allow it, but {miss.missing}"


def _absent(policy: Policy, case: Case, lines: list[Line]) -> Iterator[str]:
    """What the case names and nothing says."""
    if case.line == "none" or not (case.line or case.why) or any(_is_named(case, one.rule, one.why) for one in lines):
        return
    named = [rule for rule in policy.rules if _is_named(case, rule.where, rule.why)]
    if named:
        yield f"{named[0].where}, which is expected to decide, is not about this: {named[0].text}"
    elif case.line and not any(_is_named(case, rule.where, case.why) for rule in policy.rules):
        yield f"there is no line {case.line}" + (f" that says `{case.why}`" if case.why else "")
    else:
        yield f"no line says `{case.why}`"
