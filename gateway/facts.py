"""What the gates may know of a call, as one value; and what a call is about. Pure."""

from dataclasses import field
from datetime import UTC, datetime

from gateway.accounts import Bill
from gateway.approval import Approval
from gateway.budget import Limits, Spend
from gateway.call import Action, Call, Tool
from gateway.catalogue import Catalogue
from gateway.lasting import Remembered
from gateway.offer import Offer
from gateway.policy import Policy, Query, RunFacts
from gateway.values import value

__all__ = ["A_CALL", "Facts", "aware", "cost", "pin", "query_of"]

A_CALL, NOTHING = Spend(tool_calls=1), Spend()


@value(frozen=True, slots=True)
class Facts:
    """Everything that a gate may know. `taken` is what the run has spent or reserved; `now` is aware, and the
    store's: approvals and budgets have moments on record.
    `bill` is what the call takes of other budgets than its run's, where there are any that count it.

    `server_pin` says how the call's server is started or reached, where an answer of people is at stake, `places` are
    its run and its session, and `remembered` an answer to an earlier call, on which it may rest; `holds` are then the
    names of the arguments in which a secret of the gateway's own turns up. `pinned` is the definition's hash that
    somebody relied on before (an approval, an earlier attempt), if any. `hints`: whether a name
    that is not there is answered with one like it. `sought`: people's answers were looked up, so without an `approval`
    there is none. `repeated`: the call was decided about before. `followed`: it was made, and only what became of it is
    asked for.
    """

    catalogue: Catalogue
    policy: Policy
    now: datetime
    run: RunFacts = field(default_factory=RunFacts)
    limits: Limits = field(default_factory=Limits)
    taken: Spend = field(default_factory=Spend)
    bill: Bill | None = None
    approval: Approval | None = None
    server_pin: str = ""
    remembered: Remembered | None = None
    places: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    pinned: str | None = None
    hints: bool = True
    sought: bool = False
    repeated: bool = False
    followed: bool = False

    def thing(self, call: Call) -> Tool | Offer | None:
        """What the call is about."""
        return self.catalogue.find(call.action, call.path)


def aware(millis: int) -> datetime:
    """A moment in milliseconds since 1970."""
    return datetime.fromtimestamp(millis / 1000, UTC)


def pin(thing: Tool | Offer) -> str:
    """What somebody who agrees to a call agrees to: the definition of a tool or prompt. Of what is read, the URI."""
    return thing.pin if isinstance(thing, Tool) or thing.kind == "prompt" else ""


def cost(action: Action) -> Spend:
    """What it takes of a run's budget: only a tool's call is one."""
    return A_CALL if action == "call" else NOTHING


def query_of(call: Call, facts: Facts) -> Query:
    """A call as the policy is asked about it."""
    return Query(call.subject, call.action, call.path, call.arguments.value, facts.thing(call), facts.run, facts.now)
