"""`[prices]` of budgets.toml: what it says, and how mistakes in it are told."""

from pathlib import Path

import pytest

from gateway.config.budgets import read_budgets
from gateway.config.documents import toml_document
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
