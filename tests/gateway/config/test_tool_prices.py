"""`[prices]` of budgets.toml: what it says, and how mistakes in it are told."""

from pathlib import Path

import pytest

from gateway.config.budgets import read_budgets
from gateway.config.documents import toml_document
from gateway.config.tool_prices import unpriced
from gateway.errors import ConfigError
from gateway.tolls import META, Toll


def toll(line: str) -> Toll:
    tolls = read_budgets(toml_document(f"[prices]\n{line}", "budgets.toml", Path())).tolls
    (found,) = tolls.by_glob.values()
    return found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('"a/b" = "$0.10"', Toll(100_000_000)),
        ('"a/*" = 0.1', Toll(100_000_000)),
        ('"a/*" = 0', Toll(0)),
        ('"a/*" = "free"', Toll(0)),
        ('"*/*" = "refuse"', Toll(None)),
        ('"a/b" = { at_most = "$0.05" }', Toll(50_000_000, META)),
        ('"a/b" = { at_most = "$0.05", meta = "x/price" }', Toll(50_000_000, "x/price")),
    ],
)
def test_what_a_price_says(line: str, found: Toll) -> None:
    assert toll(line) == found


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('"a/b" = "-1"', "budgets.toml:2:1: error: `prices.a/b`: write dollars"),
        ('"a/b" = -1', "must be more than 0"),
        ('"a/b" = nan', "must be a finite number"),
        ('"a/b" = "fre"', "`{ at_most"),
        ("shop = 1", "`shop` is no `server/tool`: write `shop/*` for all its tools"),
        ('"a/b" = { at_mots = 1 }', "at_mots"),
        ('"a/b" = { at_most = 0 }', "must be more than 0"),
    ],
)
def test_a_mistake_is_told_where_it_stands(line: str, told: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        toll(line)
    assert told in str(wrong.value)


@pytest.mark.parametrize(
    ("scope", "prices", "missing"),
    [
        ('tool = "a/b"', (), ["a/b"]),
        ('tool = "a/b"', ("a/c", "b/*"), ["a/b"]),
        ('tool = "a/b"', ("a/*",), []),
        ('tool = ["a/b", "c/*"]', ("a/b", "c/d"), ["c/*"]),
        ('server = ["a", "c*"]', ("a/*",), ["c*/*"]),
        ('server = "a"\ntool = "*/b"', ("a/*",), []),
        ('server = "a"\ntool = "*/b"', ("*/b",), []),
        ('server = "a"\ntool = "*/b"', ("a/b",), ["*/b"]),
        ('tool = "*"', ("a/*",), ["*"]),
        ('tool = "*"', ("*/*",), []),
        ("", (), ["*/*"]),
        ('each = ["subject", "tool"]', ("a/*",), ["*/*"]),
        ('subject = "user:ann"', ("*/*",), []),
        ('model = "*"', (), []),
        ('each = "model"', (), []),
    ],
)
def test_a_budget_of_money_wants_a_price_of_all_tools_that_it_counts(
    scope: str, prices: tuple[str, ...], missing: list[str]
) -> None:
    (budget,) = read_budgets(toml_document(f"[budgets.b]\nusd = 1\n{scope}", "budgets.toml", Path())).standing
    assert list(unpriced(budget, prices)) == missing


def test_a_budget_that_counts_no_money_wants_no_price() -> None:
    assert read_budgets(toml_document("[budgets.b]\ntool_calls = 1", "budgets.toml", Path())).warnings == ()
