"""Laws of the policy on random worlds, by the thousand in CI and by the million with --all: seeds, so that each can be
had again. `test_oracle` has the same laws for Hypothesis, which makes small examples of what it finds.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random

import pytest

from gateway.policy import Policy, Query, parse
from gateway.policy.functions import FUNCTIONS
from gateway.policy.oracle import Oracle
from tests.fixtures.told import tell
from tests.fixtures.worlds import ARGUMENTS, a_question, a_world, conditions, some_args, use_of_thing

ASKED, LISTED = 50, 8  # of each world
MILLIONS = pytest.param(2_000_000, marks=pytest.mark.soak)


@dataclass
class Tally:
    """What was asked, and what was answered."""

    questions: int = 0
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def compare(self, seed: int, ours: str, stock: str, query: Query) -> None:
        self.questions += 1
        self.answers[query.action, ours] += 1
        if ours != stock:
            self.differences.append(f"seed {seed}: {ours}, but Casbin says {stock}: {query}")


def compared(worlds: range) -> Tally:
    """Every question of these worlds, put to us and to stock Casbin."""
    tally = Tally()
    for seed in worlds:
        random = Random(seed)  # noqa: S311 - a test's dice
        policy = parse("\n".join(a_world(random)))
        oracle = Oracle(policy)
        for query in (a_question(random) for _ in range(ASKED)):
            tally.compare(seed, policy.decide(query).effect, oracle.decide(query), query)
        for use in (use_of_thing(random) for _ in range(LISTED)):
            tally.compare(seed, _listed(shown(policy, use)), _listed(oracle.visible(use)), replace(use, action="list"))
    return tally


def shown(policy: Policy, use: Query) -> bool:
    assert use.tool is not None
    return policy.visible(use.subject, use.tool, use.now, use.run)


def _listed(visible: bool) -> str:
    return "listed" if visible else "hidden"


@pytest.mark.parametrize("questions", [12_000, MILLIONS])
def test_no_answer_differs_from_that_of_stock_casbin(questions: int) -> None:
    tally = compared(range(questions // (ASKED + LISTED)))
    assert tally.differences == []
    told = ", ".join(f"{action} {effect} {count:,}" for (action, effect), count in sorted(tally.answers.items()))
    tell(f"{tally.questions:,} questions put to us and to stock Casbin, no difference: {told}")
    effects = Counter(dict.fromkeys(("allow", "ask", "deny", "listed", "hidden"), 0))
    for (_, effect), count in tally.answers.items():
        effects[effect] += count
    assert min(effects.values()) > tally.questions / 50  # a law that is tried on denials alone says nothing


def test_every_function_of_the_language_is_tried() -> None:
    assert conditions().keys() == FUNCTIONS.keys()
    assert all(conditions().values())


@pytest.mark.parametrize("worlds", [300, pytest.param(20_000, marks=pytest.mark.soak)])
def test_the_order_of_lines_never_matters(worlds: int) -> None:
    for seed in range(worlds):
        random = Random(seed)  # noqa: S311 - a test's dice
        lines = a_world(random)
        policy, other = (parse("\n".join(order)) for order in (lines, random.sample(lines, len(lines))))
        for query in (a_question(random) for _ in range(20)):
            assert policy.decide(query).effect == other.decide(query).effect, (seed, query)
        for use in (use_of_thing(random) for _ in range(5)):
            assert shown(policy, use) == shown(other, use), (seed, use)


@pytest.mark.parametrize("worlds", [300, pytest.param(20_000, marks=pytest.mark.soak)])
def test_what_is_callable_is_listed_and_what_is_listed_is_callable(worlds: int) -> None:
    """The one way without exception, but for what a `list` line hides. The other by a witness: arguments for which the
    call is allowed or asked for. Some conditions hold for none that we know to make, so there it is most of them; where
    no condition looks at arguments, it is all.
    """
    met, found = 0, 0
    for seed in range(worlds):
        random = Random(seed)  # noqa: S311 - a test's dice
        lines = [line for line in a_world(random) if ", list, " not in line]
        policy = parse("\n".join(lines))
        for use in (use_of_thing(random) for _ in range(10)):
            listed = shown(policy, use)
            witnesses = [use, *(replace(use, args={**(use.args or {}), **args}) for args in _guesses(random))]
            usable = any(policy.decide(query).effect != "deny" for query in witnesses)
            assert listed or not usable, (seed, use)
            if not any("args." in line for line in lines):
                assert listed == usable, (seed, use)
            met, found = met + listed, found + (listed and usable)
    tell(f"{met:,} things listed, {found:,} of them called by a witness")
    assert found > 0.9 * met


def _guesses(random: Random) -> list[dict[str, object]]:
    """Arguments of every kind; each value of each on its own, and many together."""
    alone: list[dict[str, object]] = [{name: value} for name, values in ARGUMENTS.items() for value in values]
    right = {name: values[0] for name, values in ARGUMENTS.items()}
    varied = [{**right, **one} for one in alone]
    return [{}, *alone, *varied, *(some_args(random) for _ in range(20))]
