"""The gates that a call meets, in this order: known, reachable, intact, valid, permitted,
within_budget, approved. Pure.

A gate is a function `Case -> Verdict`; `judge()` returns the first that does not allow. Listing, calling,
explaining and approving all ask here: there is no second place that decides whether something may happen.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from gateway.aliases import alike as alike_uris
from gateway.approval import TAINTED, Approval
from gateway.budget import excess, shown
from gateway.call import Action, Allow, Ask, Call, Deny, Subject, Tool, Verdict
from gateway.catalogue import Catalogue
from gateway.duties import Duties, strictest
from gateway.facts import A_CALL, Facts, cost, pin, query_of
from gateway.offer import Offer
from gateway.outage import brief
from gateway.params import misfit
from gateway.policy import Decision, Policy, Query
from gateway.policy.decide import principals
from gateway.reasons import Reason, of_limits, of_lines
from gateway.schema import violation
from gateway.wording import closest

__all__ = [
    "A_CALL",
    "GATES",
    "Case",
    "Facts",
    "Unhurried",
    "alike",
    "asking",
    "awaited",
    "cost",
    "covers",
    "judge",
    "judge_approver",
    "judge_deputy",
    "judge_subscriber",
    "lifted",
    "listed",
    "may_agree",
    "may_remember",
    "pin",
    "query_of",
    "recalls",
    "terms_of",
]


class Case:
    """One call and the facts. What several gates want to know is found out once. `at_once`: everybody else waits."""

    __slots__ = ("_decision", "_query", "call", "facts", "thing")
    at_once = True

    def __init__(self, call: Call, facts: Facts) -> None:
        self.call, self.facts, self.thing = call, facts, facts.thing(call)
        self._decision: Decision | None = None
        self._query: Query | None = None

    @property
    def decision(self) -> Decision:
        """What the policy says."""
        if self._decision is None:
            call, facts = self.call, self.facts
            query = Query(call.subject, call.action, call.path, call.arguments.value, self.thing, facts.run, facts.now)
            self._query, self._decision = query, facts.policy.decide(query)
        return self._decision

    def tell(self, verdict: Verdict) -> None:
        """Whoever overhears the policy is told of each call once: when it comes first, and when it is known whether
        people have said something to it, which makes a call that waited come again.
        """
        facts, hear = self.facts, self.facts.policy.hear
        open_still = isinstance(verdict, Ask) and not facts.sought
        if hear is None or self._decision is None or self._query is None:
            return
        if not (facts.repeated or facts.approval or open_still):
            hear(self._query, self._decision)


class Unhurried(Case):
    """One that is judged where nobody waits."""

    at_once = False


Gate = Callable[[Case], Verdict]


def judge(call: Call, facts: Facts, look: type[Case] = Case) -> Verdict:
    """The verdict on a call: the first gate that does not allow decides."""
    case = look(call, facts)
    verdict: Verdict = _UNJUDGED
    for gate in GATES:
        verdict = gate(case)
        if not isinstance(verdict, Allow):
            break
    if facts.policy.hear is not None:
        case.tell(verdict)
    return verdict


def alike(call: Call, one: Facts, other: Facts) -> bool:
    """Whether both have the same consequence for a call, whatever line says so. Nobody overhears this."""
    silent = (replace(facts, policy=facts.policy.overheard(None)) for facts in (one, other))
    first, second = (judge(call, facts) for facts in silent)
    return (first.effect, first.gate, _duties(first)) == (second.effect, second.gate, _duties(second))


def _duties(verdict: Verdict) -> Duties | None:
    return verdict.duties if isinstance(verdict, Allow) else None


def known(case: Case) -> Verdict:
    """The tool (the resource, the prompt) is there, or may be: nobody knows what a server has that can't be reached.
    That it can't be is told to those who may use anything of it.
    """
    call, facts = case.call, case.facts
    if case.thing is not None or awaited(_server(call), facts.catalogue, facts.policy, call.subject, facts.now):
        return _KNOWN
    kind, names = _NAMED[call.action](facts.catalogue)
    if call.path in facts.catalogue.rejected:
        return Deny("known", f"{kind} `{call.path}` was left out: {facts.catalogue.rejected[call.path]}")
    close = closest(call.path, names) if facts.hints else None
    hint = f"; did you mean `{close}`?" if close else ""
    return Deny("known", f"there is no {kind} `{call.path}`{hint}")


_NAMED: Mapping[Action, Callable[[Catalogue], tuple[str, Iterable[str]]]] = {
    "call": lambda catalogue: ("tool", catalogue.tools),
    "read": lambda _: ("resource", ()),
    "get": lambda catalogue: ("prompt", catalogue.prompts),
    "complete": lambda catalogue: ("prompt or resource", catalogue.prompts),
}


def reachable(case: Case) -> Verdict:
    """Its server is there. This no is about the moment, and about nothing else: the same call may be made again."""
    server, missing = _server(case.call), case.facts.catalogue.missing
    if case.thing is not None or server not in missing:
        return _REACHABLE
    return Deny("reachable", f"server `{server}` is not available: {brief(missing[server], case.call.subject.user)}")


def _server(call: Call) -> str:
    return call.server if "/" in call.path else call.path.partition("__")[0]  # a name that nothing has taught us


def intact(case: Case) -> Verdict:
    """The tool is still the one that somebody relied on: when it was pinned, or when this call was first looked at."""
    thing, facts = case.thing, case.facts
    if thing is not None and (why := _held(thing, facts.catalogue)):
        return Deny("intact", f"`{case.call.path}` is held: {why}")
    if thing is None or facts.pinned is None or facts.pinned == pin(thing):
        return _INTACT
    return Deny("intact", f"the definition of `{case.call.path}` has changed since this call was first looked at")


def valid(case: Case) -> Verdict:
    """The arguments fit the tool's input schema, or what was offered."""
    thing, call = case.thing, case.call
    if isinstance(thing, Tool):
        wrong = violation(thing, call.arguments, at_once=case.at_once)
    else:
        wrong = misfit(call.action, thing, call.arguments.value) if thing else None
    return Deny("valid", wrong) if wrong else _VALID


def permitted(case: Case) -> Verdict:
    """No policy line forbids it, and one grants it."""
    decision = case.decision
    if decision.effect == "deny":
        return Deny("permitted", decision.why, decision.rule)
    return Allow("permitted", decision.why, decision.rule)


def within_budget(case: Case) -> Verdict:
    """One more call fits. The reservation, in the store's transaction, is what holds under parallel calls."""
    facts, bill = case.facts, case.facts.bill
    unit = excess(facts.limits, facts.taken, cost(case.call.action) if bill is None else bill.amount)
    if unit is not None:
        why = f"the budget of {shown(unit, getattr(facts.limits, unit))} is used up"
        return Deny("within_budget", why, stops=unit)
    if bill is not None and bill.toll.nanos is None:
        return Deny("within_budget", f"nobody knows what `{case.call.path}` costs, and what is not known is refused")
    if bill is None or bill.over is None:
        return _WITHIN_BUDGET
    claim, unit = bill.over
    if claim.budget.then == "ask":
        return _agreed(case)
    stops = unit if claim.budget.then == "stop" else None
    wait, name = claim.wait(facts.now), claim.budget.name
    return Deny("within_budget", claim.why(unit), stops=stops, budget=name, retry_after=wait)


def _agreed(case: Case) -> Verdict:
    """People may let a call pass a limit, if the admin says so: this very call, once, and the limit that they saw."""
    asked, reasons = case.facts.approval, of_limits(case.facts.bill)
    if asked is not None and asked.state == "denied":
        return Deny("within_budget", f"{reasons[0].why}, and {asked.decided_by} denied this call")
    left = _left(reasons, lifted(case.call, case.facts))
    return Ask("within_budget", left.why) if left else _WITHIN_BUDGET


def approved(case: Case) -> Verdict:
    """A person has agreed to exactly this call, if a policy line asks for one."""
    decision, facts = case.decision, case.facts
    if decision.effect == "allow":
        return Allow("approved", decision.why, decision.rule, duties=decision.duties)
    if facts.approval and facts.approval.state == "denied":
        reason = f": {facts.approval.reason}" if facts.approval.reason else ""
        return Deny("approved", f"{facts.approval.decided_by} denied this call{reason}", decision.rule)
    taken = lifted(case.call, facts)
    left = _left(of_lines(facts.policy, query_of(case.call, facts)), taken) if taken else None
    if facts.approval and taken and left is None:
        return Allow("approved", f"approved by {facts.approval.by}", decision.rule, duties=decision.duties)
    if facts.remembered and recalls(case.call, facts):
        return Allow("approved", facts.remembered.said, decision.rule, duties=decision.duties)
    return Ask("approved", left.why, left.where) if left else Ask("approved", decision.why, decision.rule)


def _left(reasons: Iterable[Reason], taken: frozenset[str]) -> Reason | None:
    """The first reason to ask that no answer takes away."""
    return next((each for each in reasons if each.name not in taken), None)


_UNJUDGED = Deny("known", "there are no gates")


def covers(call: Call, facts: Facts) -> bool:
    """Whether the answer that people gave is a yes to exactly this call, under this very policy, and still good. Of a
    call that was made on it, it is so under whatever policy: for whoever asks what became of it, not to make it again.
    """
    thing, asked = facts.thing(call), facts.approval
    if asked is None or (asked.policy != facts.policy.digest and not _has_led_to(asked, facts)):
        return False
    return bool(thing and asked.allows(call, pin(thing), _millis(facts.now), facts.server_pin))


def _has_led_to(asked: Approval, facts: Facts) -> bool:
    return facts.followed and asked.consumed_at is not None


def asking(call: Call, facts: Facts) -> tuple[Reason, ...]:
    """All that asks for people about this call: limits before lines. Whoever answers lifts these."""
    return *of_limits(facts.bill), *of_lines(facts.policy, query_of(call, facts))


def lifted(call: Call, facts: Facts) -> frozenset[str]:
    """The names of the reasons that people's answer takes away from this call: of what asked when they were asked,
    where it is a yes to this very call, of as many as must agree today. Of an old row that does not say, its own line;
    of a call that was made on it, all lines, for whoever asks what became of it.
    """
    asked = facts.approval
    if asked is None or not (covers(call, facts) and asked.agreed(terms_of(call, facts).needs)):
        return frozenset()
    if asked.reasons and not _has_led_to(asked, facts):
        return frozenset(asked.reasons)
    lines = of_lines(facts.policy, query_of(call, facts))
    return frozenset(each.name for each in lines if _has_led_to(asked, facts) or each.where == asked.rule)


def recalls(call: Call, facts: Facts) -> bool:
    """Whether an answer that people wanted to be remembered counts for this call: it is such a call, whoever gave it
    might give it to this very one now, and the policy lets it be remembered. Nothing asks that did not ask then, the
    run has read nothing untrusted since, or had then, and the call holds no secret of ours that was not told of then.
    """
    thing, found = facts.thing(call), facts.remembered
    if thing is None or found is None or not may_remember(call, facts):
        return False
    new = _left(of_lines(facts.policy, query_of(call, facts)), frozenset(found.reasons))
    risky = (facts.run.tainted and TAINTED not in found.reasons) or not found.tells_of(call.arguments, facts.holds)
    if new is not None or risky:
        return False
    alike = found.covers(call, pin(thing), facts.server_pin, facts.places, _millis(facts.now))
    return alike and isinstance(may_agree(Subject(found.by, found.tenant), call, facts), Allow)


def may_remember(call: Call, facts: Facts) -> bool:
    """Whether a yes to this call may count for others, too: not where a line says no, or two people must agree, or the
    tool may destroy and no line that surely holds says yes.
    """
    said = terms_of(call, facts)
    if said.remember is False or said.needs > 1:
        return False
    thing = facts.thing(call)
    return thing is not None and (not (isinstance(thing, Tool) and thing.destructive) or _surely(call, facts))


def _surely(call: Call, facts: Facts) -> bool:
    """Whether a line that lets it be remembered holds: where that can't be decided it does not, as with any grant."""
    query, policy = query_of(call, facts), facts.policy
    saying = {each.where for each in policy.obligations if each.duties.remember}
    return any(
        rule.where in saying and (rule.when is None or rule.when.test(policy.scope(query, principal)) is True)
        for principal in principals(call.subject)
        for rule in policy.that_may_oblige(query, principal)
    )


def _millis(now: datetime) -> int:
    return round(now.timestamp() * 1000)


_KNOWN, _REACHABLE, _INTACT = Allow("known"), Allow("reachable"), Allow("intact")
_VALID, _WITHIN_BUDGET = Allow("valid"), Allow("within_budget")
GATES: tuple[Gate, ...] = (known, reachable, intact, valid, permitted, within_budget, approved)


def listed(thing: Tool | Offer, catalogue: Catalogue, policy: Policy, subject: Subject, now: datetime) -> bool:
    """Whether a subject is shown this: it is intact, and some use of it could be allowed or asked for."""
    return _held(thing, catalogue) is None and policy.visible(subject, thing, now)


def awaited(server: str, catalogue: Catalogue, policy: Policy, subject: Subject, now: datetime) -> bool:
    """Whether a subject is told that this server can't be reached: it can't, and he may use something of it."""
    return server in catalogue.missing and policy.may_use(subject, server, now)


def _held(thing: Tool | Offer, catalogue: Catalogue) -> str | None:
    if isinstance(thing, Tool):
        return catalogue.held.get(thing.path)
    held = catalogue.held
    if thing.definition or not held:
        return held.get(thing.label)
    kind = f"{thing.server}/resource:"  # it may be another spelling of one that is listed, and held
    return next((held[one] for one in held if one.startswith(kind) and alike_uris(one[len(kind) :], thing.name)), None)


def judge_subscriber(subject: Subject, resource: Offer, facts: Facts) -> Verdict:
    """Whether somebody may hear of a resource's changes: nothing is forwarded of it, so there is nothing to hold."""
    query = Query(subject, "subscribe", resource.path, {"uri": resource.name}, resource, facts.run, facts.now)
    decision = facts.policy.decide(query)
    if facts.policy.hear is not None:
        facts.policy.hear(query, decision)
    if decision.effect == "allow":
        return Allow("permitted", decision.why, decision.rule)
    return Deny("permitted", decision.why, decision.rule)


def terms_of(call: Call, facts: Facts) -> Duties:
    """What the policy's `o` lines say about the answer of people to this call: how many must agree, and so on."""
    return strictest(each.duties for each in facts.policy.obliging(query_of(call, facts))) or _FREE


def judge_approver(approver: Subject, approval: Approval, facts: Facts) -> Verdict:
    """Whether this person may decide about this call. Approving is itself an action that the policy grants.

    An approver acts for himself, never through an agent, and within the call's tenant. Nobody decides about his own
    request unless a line says so: the policy is told who made it. Once a question is escalated, those with the role
    to which it went may decide, too, where no line denies it to them.
    """
    verdict = may_agree(approver, approval.call, facts)
    if isinstance(verdict, Allow) or verdict.rule is not None or not approval.escalated(_millis(facts.now)):
        return verdict
    roles = facts.policy.roles.of_member(approver.user, approver.tenant)
    if _is_other_person(approver, approval.call.subject) and approval.escalate_to in roles:
        return Allow("approver", f"it was escalated to {approval.escalate_to}")
    return verdict


def judge_deputy(approver: Subject, absent: str, approval: Approval, facts: Facts) -> Verdict:
    """Whether this person may decide in the place of somebody who is away and said so: if that one might, and neither
    of the two made the request, and no line denies it to this one.
    """
    own = may_agree(approver, approval.call, facts)
    if isinstance(own, Deny) and own.rule is not None:
        return own
    if not _is_other_person(approver, approval.call.subject) or absent == approval.user:
        return Deny("approver", "nobody approves their own request through somebody else")
    theirs = judge_approver(Subject(absent, approver.tenant), approval, facts)
    return replace(theirs, why=f"in the place of {absent}") if isinstance(theirs, Allow) else theirs


def _is_other_person(approver: Subject, asking: Subject) -> bool:
    plain = approver.agent is None and approver.user.startswith("user:")
    return plain and approver.tenant == asking.tenant and approver.user != asking.user


def may_agree(approver: Subject, call: Call, facts: Facts) -> Verdict:
    """Whether the policy lets this person agree to this call."""
    if approver.agent is not None or not approver.user.startswith("user:"):
        return Deny("approver", "only a person may approve")
    if approver.tenant != call.subject.tenant:
        return Deny("approver", f"the call belongs to tenant `{call.subject.tenant}`")
    query = replace(query_of(call, facts), subject=approver, action="approve", requester=call.subject.user)
    decision = facts.policy.decide(query)
    if facts.policy.hear is not None:
        facts.policy.hear(query, decision)
    if decision.effect == "allow":
        return Allow("approver", decision.why, decision.rule)
    return Deny("approver", decision.why, decision.rule)


_FREE = Duties()
