"""`budgets.toml`: what a run may spend, and what many of them together. The strictest limit counts; what is not said of
a run has a safe default.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from pydantic import Field

from gateway.accounts import Budget, Dimension, Rate
from gateway.budget import Limits, nanos
from gateway.config.budget_rules import BudgetRule, RateRule
from gateway.config.documents import read_toml
from gateway.config.findings import validated
from gateway.config.folders import shown_path
from gateway.config.places import Document, Place
from gateway.config.settings import BudgetTable, Name, Table
from gateway.config.tool_prices import Glob, ToolPrice, toll, unpriced
from gateway.errors import ConfigError, Problem
from gateway.tolls import Tolls
from gateway.wording import did_you_mean

__all__ = ["SAFE", "Budgets", "BudgetsFile", "Named", "load_budgets", "parse_budget", "read_budgets"]

SAFE = Limits(turns=30, tool_calls=100, tokens=500_000, nanos=nanos(Decimal(5)), millis=30 * 60 * 1000)

UNLIMITED = Limits()


class BudgetsFile(Table):
    """`budgets.toml`: limits of any run, of a client's session, of single agents, and of what `budget_rules` has."""

    run: BudgetTable = Field(default_factory=BudgetTable)
    clients: BudgetTable = Field(default_factory=BudgetTable)
    agents: Mapping[Name, BudgetTable] = {}
    budgets: Mapping[Name, BudgetRule] = {}
    rates: Mapping[Name, RateRule] = {}
    prices: Mapping[Glob, ToolPrice] = {}


@dataclass(frozen=True, slots=True)
class Named:
    """A glob in the file, and what it is to fit: what fits nothing limits nothing."""

    dimension: Dimension
    glob: str
    place: Place


@dataclass(frozen=True, slots=True)
class Budgets:
    """The limits of any run, and those of the agents that have their own.

    `for_clients` are those of an MCP client's session, which may last for days: without a word about it, none.
    `standing` are those that count over many runs; `rates` say how often calls may come, and `tolls` what they cost.
    `named` is what these are about. `warnings` are problems with which the file can be used; those that are errors are
    made good by refusing.
    """

    run: Limits = SAFE
    for_clients: Limits = UNLIMITED
    agents: Mapping[str, Limits] = field(default_factory=dict)
    standing: tuple[Budget, ...] = ()
    rates: tuple[Rate, ...] = ()
    tolls: Tolls = field(default_factory=Tolls)
    named: tuple[Named, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def limits_for(self, agent: str | None) -> Limits:
        """What one run of this agent (its name, or its subject `agent:NAME`) may spend: the stricter limit counts."""
        own = self.agents.get(agent.removeprefix("agent:")) if agent else None
        return self.run.strictest(own) if own else self.run


def load_budgets(path: Path, known_agents: Collection[str] | None = None, file: str | None = None) -> Budgets:
    """Reads the file; without one the safe defaults hold. `file` is its name for people.

    With `known_agents`, a table for an agent that is not among them is a warning: MCP clients are agents too.
    Raises ConfigError with every problem of the file.
    """
    if not path.exists():
        return Budgets()
    return read_budgets(read_toml(path, file or shown_path(path, Path.cwd())), known_agents)


def read_budgets(document: Document, known_agents: Collection[str] | None = None) -> Budgets:
    """The budgets in a document that was read. Raises ConfigError with every problem."""
    table = validated(BudgetsFile, document.value, document.places, Place(document.file))
    if not isinstance(table, BudgetsFile):
        raise ConfigError(table)
    agents = {name: budget.limits for name, budget in table.agents.items()}
    strangers = () if known_agents is None else sorted(agents.keys() - set(known_agents))
    warnings = tuple(_stranger(document, name, known_agents or ()) for name in strangers)
    standing = tuple(rule.budget(name, str(document.at("budgets", name))) for name, rule in table.budgets.items())
    rates = tuple(rule.found(name, str(document.at("rates", name))) for name, rule in table.rates.items())
    tolls = Tolls({glob: toll(price) for glob, price in table.prices.items()})
    runs, named = SAFE.replaced(table.run.limits), tuple(_named(document, table))
    told = (*warnings, *(problem for budget in standing for problem in _unpriced(document, budget, tolls)))
    return Budgets(runs, table.clients.limits, agents, standing, rates, tolls, named, told)


def _named(document: Document, table: BudgetsFile) -> Iterator[Named]:
    rules: Mapping[str, Mapping[str, BudgetRule | RateRule]] = {"budgets": table.budgets, "rates": table.rates}
    for section, by_name in rules.items():
        for name, rule in by_name.items():
            for dimension, globs in rule.scope.only.items():
                for number, glob in enumerate(globs):
                    yield Named(dimension, glob, document.at(section, name, dimension, number))
    for glob in table.prices:
        yield Named("tool", glob, document.at("prices", glob))


def _unpriced(document: Document, budget: Budget, tolls: Tolls) -> Iterator[Problem]:
    place = document.at("budgets", budget.name, "usd")
    for glob in unpriced(budget, tolls.by_glob):
        tools = glob if "/" in glob else "*/*"
        so = "" if budget.then == "tell" else ": it is refused"
        message = f"`budgets.{budget.name}` counts money, and no line of `[prices]` says what `{glob}` costs{so}"
        hint = f'write `"{tools}" = "$0.10"` there, or `"free"`, or `"refuse"`'
        yield replace(place.problem(message, hint), rule="unpriced-tool")


def parse_budget(items: Sequence[str]) -> Limits:
    """`["usd=1", "tokens=20k"]`, as on a command line, in the words of budgets.toml. Raises ConfigError."""
    pairs = dict(item.partition("=")[::2] for item in items)
    table = validated(
        BudgetsFile, {"run": pairs}, {("run", name): Place("--budget") for name in pairs}, Place("--budget")
    )
    if not isinstance(table, BudgetsFile):
        raise ConfigError(table)
    return table.run.limits


def _stranger(document: Document, name: str, known: Collection[str]) -> Problem:
    message = f"there is no agent `{name}`, unless an MCP client is called so"
    return document.at("agents", name).problem(message, did_you_mean(name, known), "warning")
