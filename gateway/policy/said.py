"""What a line of a policy file says, once it has been read: a rule, an obligation, or who has which role. Pure."""

from dataclasses import replace

from gateway.duties import Duties
from gateway.policy.condition import Condition
from gateway.policy.globs import ToolGlob
from gateway.policy.wording import Action, Effect
from gateway.values import value

__all__ = ["Grant", "Obligation", "Rule"]


@value(frozen=True, slots=True)
class _Placed:
    file: str
    line: int

    @property
    def where(self) -> str:
        """`policies/policy.csv:12`."""
        return f"{self.file}:{self.line}"


@value(frozen=True, slots=True)
class Rule(_Placed):
    """A `p` line. `when` None means always. `columns` holds where each cell stands, in the order of the file.

    Under a model of one's own, `cells` are those that Casbin gets, in the order of that model; else there are none. The
    `kind` is `o` where it is the rule of an `Obligation`, and then the last of `cells` are the duties.
    """

    text: str
    who: str
    tenant: str
    tool: ToolGlob
    action: Action
    when: Condition | None
    effect: Effect
    why: str
    columns: tuple[int, ...] = ()
    cells: tuple[str, ...] = ()
    kind: str = "p"

    @property
    def key(self) -> tuple[object, ...]:
        """What makes two lines the same rule, whatever their explanation."""
        when = self.when.text if self.when else ""
        return self.kind, self.who, self.tenant, self.tool.text, self.action, when, self.effect, self.cells


@value(frozen=True, slots=True)
class Grant(_Placed):
    """A `g` line: the member has the role, in this tenant or (`*`) in all. A model of one's own may have `g2`, too."""

    member: str
    role: str
    tenant: str
    columns: tuple[int, ...] = ()
    kind: str = "g"

    @property
    def key(self) -> tuple[object, ...]:
        return self.kind, self.member, self.role, self.tenant


@value(frozen=True, slots=True)
class Obligation(_Placed):
    """An `o` line: what calls that are allowed must keep to. `rule` is its other cells, as a line that restricts: where
    its condition can't be decided, its duties hold.
    """

    rule: Rule
    duties: Duties

    @property
    def key(self) -> tuple[object, ...]:
        return *replace(self.rule, cells=self.rule.cells[:-1]).key, replace(self.duties, rules=())
