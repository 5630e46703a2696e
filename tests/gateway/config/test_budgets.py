from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.budget import UNITS, Limits
from gateway.config.budgets import SAFE, Budgets, load_budgets, parse_budget, read_budgets
from gateway.config.documents import read_toml, toml_document
from gateway.errors import ConfigError

SHIPPED = Path(__file__).parents[3] / "policies" / "budgets.toml"


def budgets(text: str, *known: str) -> Budgets:
    return read_budgets(toml_document(text, "budgets.toml", Path()), known)


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as wrong:
        budgets(text)
    return str(wrong.value)


def test_without_a_file_the_safe_defaults_hold(tmp_path: Path) -> None:
    found = load_budgets(tmp_path / "budgets.toml")
    assert found.limits_for(None) == found.limits_for("anybody") == SAFE
    assert Limits(turns=30, tool_calls=100, tokens=500_000, nanos=5_000_000_000, millis=1_800_000) == SAFE


def test_the_file_that_we_ship_says_what_the_defaults_are() -> None:
    assert read_budgets(read_toml(SHIPPED, "budgets.toml")) == Budgets()


def test_what_is_not_said_has_a_safe_default() -> None:
    limits = budgets("[run]\nturns = 3").limits_for(None)
    assert (limits.turns, limits.tokens) == (3, SAFE.tokens)


def test_a_run_may_be_given_more_than_the_default() -> None:
    assert budgets('[run]\nusd = "$50"').limits_for(None).nanos == 50_000_000_000


def test_the_stricter_of_two_limits_counts() -> None:
    found = budgets('[run]\nturns = 10\nusd = "1"\n[agents.a]\nturns = 20\nusd = "0.5"', "a")
    limits = found.limits_for("a")
    assert (limits.turns, limits.nanos) == (10, 500_000_000)
    assert found.limits_for("agent:a") == limits
    assert found.limits_for("b") == found.limits_for(None)


def test_a_session_of_a_client_has_the_limits_that_the_file_gives_it() -> None:
    assert budgets("").for_clients == Limits()
    assert budgets("[clients]\ntool_calls = 5").for_clients == Limits(tool_calls=5)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[run]\nturn = 3", "budgets.toml:2:1: error: there is no key `turn` in `[run]` (did you mean `turns`?)"),
        ("[agnets.a]", "budgets.toml:1:2: error: there is no key `agnets` (did you mean `agents`?)"),
        ("[run]\n\n  turns = 0", "budgets.toml:3:3: error: `run.turns`: must be more than 0"),
        ("[run]\nturns = -1", "budgets.toml:2:1: error: `run.turns`: must be more than 0"),
        ("[run]\nusd = nan", "budgets.toml:2:1: error: `run.usd`: must be a finite number"),
        ("[run]\ntokens = inf", "budgets.toml:2:1: error: `run.tokens`: must be a finite number"),
        ("[run]\nwall_time = 15", "budgets.toml:2:1: error: `run.wall_time`: write a time with its unit"),
        ("[agents.a]\nusd = '5 euros'", "budgets.toml:2:1: error: `agents.a.usd`: write dollars"),
    ],
)
def test_a_mistake_is_told_with_line_and_column(text: str, told: str) -> None:
    assert refused(text).startswith(told)


def test_every_mistake_is_told_at_once() -> None:
    assert len(refused("[run]\nturns = 0\nusd = 0\nx = 1").splitlines()) == 3


def test_a_table_for_an_agent_that_is_not_there_is_warned_about() -> None:
    (problem,) = budgets("[agents.suport]\nturns = 1", "support").warnings
    assert str(problem).startswith("budgets.toml:1:9: warning: there is no agent `suport`")
    assert problem.hint == "did you mean `support`?"


def test_limits_may_be_given_on_the_command_line() -> None:
    assert parse_budget(["usd=1", "tokens=20k", "turns=3"]) == Limits(turns=3, tokens=20_000, nanos=1_000_000_000)
    with pytest.raises(
        ConfigError, match=r"--budget: error: there is no key `tunrs` in `\[run\]` \(did you mean `turns`"
    ):
        parse_budget(["tunrs=3"])


tables = st.fixed_dictionaries({}, optional={
    "turns": st.integers(1, 99), "tool_calls": st.integers(1, 99), "tokens": st.integers(1, 10**7),
    "usd": st.integers(1, 99), "wall_time": st.integers(1, 99).map(lambda minutes: f"'{minutes}m'"),
})  # fmt: skip


@given(tables, tables)
def test_an_agent_never_has_more_than_any_run_has(run: dict[str, Any], agent: dict[str, Any]) -> None:
    lines = ["[run]", *(f"{key} = {value}" for key, value in run.items())]
    lines += ["[agents.a]", *(f"{key} = {value}" for key, value in agent.items())]
    found = budgets("\n".join(lines))
    for unit in UNITS:
        least, most = getattr(found.limits_for("a"), unit), getattr(found.limits_for(None), unit)
        assert (least is None) == (most is None)
        assert least is None or least <= most
