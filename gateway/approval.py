"""A question put to people about one exact call, what each of them said, and what came of it. Pure.

The nouns: an *approval* is the record of the question; a *vote* is what one person said to it; the *terms* are what an
answer is given on: how its author was known, how many people must agree, what he changed. There is one path of an
answer, whichever channel it comes by: `gateway.approving` asks `gates.judge_approver` whether this person may give it,
and the store counts it, in one transaction with what follows.

    pending -> approved -> consumed          `consumed` in the transaction of the admission, once
            -> denied | expired | cancelled  and an approved one that is not used: cancelled, or too old to be used
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from gateway.call import Action, Arguments, Call, Subject, Tool

__all__ = [
    "CREDENTIAL",
    "PLAIN",
    "TAINTED",
    "Approval",
    "ApprovalState",
    "Remember",
    "Said",
    "Scope",
    "Terms",
    "Vote",
    "answers",
    "claim",
    "claim_again",
    "risks_of",
]
__all__ += ["merged", "schema_text"]

ApprovalState = Literal["pending", "approved", "denied", "expired", "consumed", "cancelled"]
Scope = Literal["run", "session", "client", "until"]
Said = Literal["approved", "denied", "escalated"]

CREDENTIAL = "credential:"  # in `risk`, before the name of an argument that holds a secret of the gateway's own
TAINTED = "tainted"  # in `risk`: the call's run had read what an untrusted server said
_LONGEST_SCHEMA = 64_000  # characters; without it a changed call is looked at when it is made
_HINTS: Mapping[str, str] = {
    "read_only": "readOnlyHint",
    "destructive": "destructiveHint",
    "idempotent": "idempotentHint",
    "open_world": "openWorldHint",
}


@dataclass(frozen=True, slots=True)
class Vote:
    """What one person said, at `at` (milliseconds since 1970). `method` is how he was known to be who he is.

    `on_behalf` is who let him decide in his place. `digest` is that of the call which he saw, with his own changes: a
    yes to another one does not count, nor one under another policy than the approval's: `policy` is its digest. `scope`
    is how long it is remembered: `once`, `run`, `session`, `client` or `until`.
    """

    by: str
    at: int
    decision: Said
    method: str = ""
    comment: str = ""
    scope: str = "once"
    on_behalf: str | None = None
    digest: str = ""
    policy: str = ""

    @property
    def people(self) -> frozenset[str]:
        """Whose word this is: nobody's counts twice, neither his who spoke nor his in whose place he did."""
        return frozenset({self.by, self.on_behalf or self.by})


@dataclass(frozen=True, slots=True)
class Remember:
    """What an approver wants: for how long, and by which arguments; without any, by all of them as they are.

    `until` is milliseconds since 1970, for the scope `until`.
    """

    scope: Scope
    by: tuple[str, ...] = ()
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What an answer is given on. `needs` is how many people must agree as the policy says now, `policy` its digest.

    `edited` are the arguments that he agrees to in place of those that were asked about. With `stop` the run ends.
    `seen` is the digest of the call that he was shown: if somebody has changed it since, his word does not count.
    `remember` says for which other calls his yes counts, too; `reasons` what else asks about the call as he changed it.
    """

    method: str = ""
    on_behalf: str | None = None
    needs: int = 1
    policy: str | None = None
    edited: Arguments | None = None
    stop: bool = False
    seen: str | None = None
    remember: Remember | None = None
    reasons: tuple[str, ...] = ()


PLAIN = Terms()


@dataclass(frozen=True)
class Approval:
    """Bound to who asks, in which run of which session, for which tool (by pin) of which server with which arguments,
    under which policy (by its digest, as it was when the last answer was given).

    `claim` is what may pick the answer up: the call's own key in an agent's run; for an MCP client, which comes back
    with a new request, the digest of who, what and how. `arguments` is the canonical text that will run, whatever
    comes back with the retry; where a person changed it, `asked_for` is what was asked about. Times are milliseconds
    since 1970 (UTC).

    `server_pin` says how the server is started or reached, as a hash. `needs` is how many different people must agree;
    from `escalates` on those with the role `escalate_to` may, too. `risk` is what was known of the call when it was
    asked about: the hints of its tool, `trusted`, `tainted` for its run, `credential:NAME` of an argument that holds
    one of ours; `schema` is the tool's input schema. `preview_digest` is that of what a person is shown, and
    `result_digest` of the outcome, once there is one. `reasons` are the names of what asked (`gateway.reasons`): a yes
    lifts these and no others. Rows from before there were any have none. `session` is the run that asks, `client` what
    its client calls itself, if it is one.
    """

    id: str
    claim: str
    run_id: str
    key: str
    user: str
    agent: str | None
    tenant: str
    path: str
    pin: str
    arguments: str
    digest: str
    policy: str
    rule: str | None
    why: str
    created: int
    expires: int
    state: ApprovalState = "pending"
    decided_by: str | None = None
    decided_at: int | None = None
    reason: str = ""
    action: Action = "call"
    session: str = ""
    server_pin: str = ""
    needs: int = 1
    escalate_to: str | None = None
    escalates: int | None = None
    decisions: tuple[Vote, ...] = ()
    asked_for: str | None = None
    risk: tuple[str, ...] = ()
    schema: str | None = field(default=None, repr=False)
    preview_digest: str = ""
    consumed_at: int | None = None
    result_digest: str | None = None
    reasons: tuple[str, ...] = ()
    client: str = ""

    @cached_property
    def call(self) -> Call:
        """The exact call that will run."""
        subject, arguments = Subject(self.user, self.tenant, self.agent), Arguments.parse(self.arguments)
        own_key = f"{self.run_id}/{self.key}"
        keyed = next((name for name, item in arguments.value.items() if item == own_key), None)
        return Call(self.run_id, self.key, subject, self.path, arguments, self.action, keyed)

    @cached_property
    def asked(self) -> Call:
        """The call that was asked about: another one than `call` only where a person has changed it."""
        return self.call if self.asked_for is None else replace(self.call, arguments=Arguments.parse(self.asked_for))

    @cached_property
    def withheld(self) -> frozenset[str]:
        """The names of the arguments that nobody is shown, as they hold a secret of the gateway's own. Not of what an
        approver has put in the place of one.
        """
        found = frozenset(word.removeprefix(CREDENTIAL) for word in self.risk if word.startswith(CREDENTIAL))
        now, asked = self.call.arguments.value, self.asked.arguments.value
        return frozenset(name for name in found if name in now and now[name] == asked.get(name))

    @property
    def tool(self) -> Tool | None:
        """The tool as it was when it was asked about, as far as conditions and schemas go."""
        if self.action != "call" or not self.risk:
            return None
        server, _, name = self.path.partition("/")
        hints = {hint: name in self.risk for name, hint in _HINTS.items()}
        schema = json.loads(self.schema) if self.schema else {}
        return Tool(server, name, {"inputSchema": schema, "annotations": hints}, self.pin, "trusted" in self.risk)

    def allows(self, call: Call, pin: str, now: int, server_pin: str = "") -> bool:
        """Whether this is the answer yes, still good, to exactly this call on exactly this tool."""
        same = (self.digest, self.pin, self.server_pin) == (call.digest, pin, server_pin)
        return self.state == "approved" and now < self.expires and same and self.agreed(self.needs)

    def agreed(self, needs: int) -> bool:
        """Whether so many different people have said yes to the call that will run."""
        return self.state in ("approved", "consumed") if needs <= 1 else len(self.approvers) >= needs

    @property
    def votes(self) -> tuple[Vote, ...]:
        """Every yes to the call that will run. A person who said no afterwards has taken his back."""
        last = {vote.by: vote for vote in self.decisions if vote.decision != "escalated"}
        good = [vote for vote in last.values() if vote.decision == "approved" and vote.digest == self.digest]
        return tuple(vote for vote in good if vote.policy in ("", self.policy))  # older ones do not say

    @property
    def approvers(self) -> tuple[str, ...]:
        """Who has agreed, each of them once."""
        return tuple(vote.by for vote in self.votes)

    @property
    def by(self) -> str:
        """Who has answered, for people: `user:bob`, `user:bob and user:eve`."""
        agreed = self.approvers if self.state in ("approved", "consumed") else ()
        return " and ".join(agreed) or self.decided_by or ""

    def escalated(self, now: int) -> bool:
        """Whether those with the role `escalate_to` may decide, too."""
        return self.escalates is not None and now >= self.escalates

    def edited(self, arguments: Arguments) -> "Approval":
        """The same question about other arguments: those that were asked about are kept."""
        call = replace(self.call, arguments=arguments)
        asked_for = self.arguments if self.asked_for is None else self.asked_for
        return replace(self, arguments=arguments.text, digest=call.digest, asked_for=asked_for)

    def in_place_of(self, call: Call) -> Call | None:
        """What runs in the place of this call, where people agreed to it with other arguments; None: nothing does."""
        if self.asked_for is None or self.asked.digest != call.digest:
            return None
        changed = replace(call, arguments=self.call.arguments)
        return changed if call.keyed is None else changed.with_key(call.keyed)

    def to_json(self) -> dict[str, Any]:
        """Every field but the tool's schema."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "schema"}
        return told | {
            "decisions": [asdict(vote) for vote in self.decisions],
            "risk": list(self.risk),
            "reasons": list(self.reasons),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Approval":
        """The inverse."""
        votes = tuple(Vote(**vote) for vote in value["decisions"])
        lists = {"risk": tuple(value["risk"]), "reasons": tuple(value.get("reasons", ()))}
        return cls(**{**value, "decisions": votes, **lists})


def merged(arguments: Arguments, patch: Mapping[str, Any]) -> Arguments:
    """The arguments with a JSON merge patch (RFC 7396): what it names is replaced, what it says is null goes."""
    return Arguments.parse(_merged(arguments.value, patch))


def _merged(value: Any, patch: Mapping[str, Any]) -> dict[str, Any]:
    old = value if isinstance(value, Mapping) else {}
    new = {key: _merged(old.get(key), item) if isinstance(item, Mapping) else item for key, item in patch.items()}
    return {key: item for key, item in {**old, **new}.items() if patch.get(key, item) is not None}


def risks_of(tool: Tool | None, *, tainted: bool) -> tuple[str, ...]:
    """What is known of a call's tool and run, as words: `destructive`, `open_world`, `tainted`."""
    hints: Sequence[str] = [name for name in (*_HINTS, "trusted") if tool is not None and getattr(tool, name)]
    return (*hints, TAINTED) if tainted else tuple(hints)


def schema_text(tool: Tool | None) -> str | None:
    """The input schema that is kept with a question, so that a changed call can be looked at without the server."""
    text = json.dumps(dict(tool.input_schema), ensure_ascii=True) if tool is not None else None
    return text if text is not None and len(text) <= _LONGEST_SCHEMA else None


def claim(call: Call, *, driven: bool) -> str:
    """What may pick an answer up: this call of this run where we drive it, else the same call in whatever session."""
    return call.idempotency_key if driven else call.digest


def claim_again(call: Call, *, driven: bool) -> str:
    """The same for an answer on which nothing was sent: a model that makes the same call again gives it a new key."""
    return f"{call.run_id}/{call.digest}" if driven else call.digest


def answers(approval: Approval, call: Call, *, driven: bool) -> bool:
    """Whether it is this call that may pick this answer up: in a run of ours that very run's."""
    if driven:
        return approval.run_id == call.run_id and approval.claim in {
            claim(call, driven=True),
            claim_again(call, driven=True),
        }
    return {call.digest, approval.claim} <= {approval.digest, approval.asked.digest}
