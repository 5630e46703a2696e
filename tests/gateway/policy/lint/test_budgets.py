"""Names in budgets.toml against what there is: a table of globs, and what is said of each."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.catalogue import Catalogue
from gateway.config.budgets import Named, read_budgets
from gateway.config.documents import toml_document
from gateway.policy.lint.budgets import There, unfound
from gateway.policy.lint.people import People
from tests.builders import a_tool

SHOP = Catalogue.of([a_tool("shop/refund"), a_tool("shop/order"), a_tool("mail/send")])
PEOPLE = People(frozenset({"user:ann", "user:bob", "agent:assistant"}), frozenset({"acme"}), closed=True)
THERE = There({"shop", "mail"}, {"tiny", "large"}, SHOP, {"role:desk"}, PEOPLE)


def told(line: str, there: There = THERE) -> str:
    """What is said of a budget with this line, the fourth of the file; in short."""
    text = f"[budgets.b]\nusd = 1\n\n{line}\n"
    return " | ".join(f"{one} [{one.rule}]" for one in unfound(_named(text), there))


def _named(text: str) -> Sequence[Named]:
    return read_budgets(toml_document(text, "budgets.toml", Path())).named


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            'tool = "shop/refnd"',
            "budgets.toml:4:1: warning: `shop/refnd` matches no tool (did you mean `shop/refund`?)",
        ),
        ('tool = ["shop/*", "mail/sned"]', "`mail/sned` matches no tool (did you mean `mail/send`?) [unknown-tool]"),
        ('tool = "shp/*"', "no server is called `shp` (did you mean `shop`?) [unknown-server]"),
        ('server = "shp"', "budgets.toml:4:1: warning: no server is called `shp` (did you mean `shop`?)"),
        ('model = "tniy"', "no model in toolgate.toml is called `tniy` (did you mean `tiny`?) [unknown-model]"),
        ('role = "role:dsek"', "nobody has `role:dsek` (did you mean `role:desk`?) [unknown-role]"),
        ('agent = "agent:asistant"', "there is no agent `agent:asistant`, unless an MCP client is called so (did you"),
        ('subject = "user:anne"', "knows the user `user:anne` (did you mean `user:ann`?) [unknown-member]"),
        (
            'subject = "user:carol"',
            "no API key, no run and no configuration knows the user `user:carol` [unknown-member]",
        ),
        ('tenant = "amce"', "knows the tenant `amce` (did you mean `acme`?) [unknown-tenant]"),
    ],
)
def test_a_name_that_nothing_has_is_told_where_it_stands_with_what_was_meant(line: str, said: str) -> None:
    assert said in told(line)


@pytest.mark.parametrize(
    "line",
    [
        'tool = ["shop/*", "*/send", "*"]',
        'server = ["shop", "m*"]',
        'model = ["tiny", "*", "openai:gpt-5"]',
        'role = ["role:desk", "role:*"]',
        'agent = "agent:*"',
        'subject = ["user:ann", "user:*"]',
        'tenant = ["acme", "*"]',
    ],
)
def test_of_what_is_there_nothing_is_said(line: str) -> None:
    assert told(line) == ""


def test_nothing_is_compared_with_what_nobody_knows() -> None:
    nothing = There(THERE.servers, THERE.models)
    for line in ('tool = "shop/refnd"', 'role = "role:x"', 'subject = "user:x"', 'agent = "agent:x"', 'tenant = "x"'):
        assert told(line, nothing) == ""
    away = replace(THERE, catalogue=replace(SHOP, missing={"shop": "it is away"}))
    assert told('tool = "shop/refnd"', away) == told('tool = "*x"', away) == ""
    assert "matches no tool" in told('tool = "mail/x"', away)


def test_rates_and_prices_are_looked_at_too() -> None:
    text = '[rates.r]\nrate = "1/s"\ntool = "shop/x"\n\n[prices]\n"shop/y" = "$1"\n"*/*" = "free"\n'
    found = [f"{one.line}: {one.message}" for one in unfound(_named(text), THERE)]
    assert found == ["3: `shop/x` matches no tool", "6: `shop/y` matches no tool"]
