import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from gateway.config.budgets import BudgetsFile
from gateway.config.findings import validated
from gateway.config.places import Place
from gateway.config.schemas import SCHEMAS, schema
from gateway.config.settings import Settings
from gateway.config.starter import write_starter

ROOT = Path(__file__).parents[3]
_BLOCK = re.compile(r"```toml\n(.*?)```", re.DOTALL)
_STARTER = ROOT / "gateway" / "starter"


def complaints(name: str, text: str) -> list[str]:
    return [error.message for error in Draft7Validator(schema(name)).iter_errors(tomllib.loads(text))]


def shipped() -> Iterator[tuple[str, str, str]]:
    """What we ship, and what the documentation shows: where, which schema, the text."""
    for file in sorted(_STARTER.rglob("*.toml")):
        yield str(file.relative_to(ROOT)), "toolgate", file.read_text()
    yield "policies/budgets.toml", "budgets", (ROOT / "policies" / "budgets.toml").read_text()
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for number, block in enumerate(_BLOCK.findall(page.read_text())):
            keys = set(tomllib.loads(block))
            if "definition =" in block or "case" in keys:  # of toolgate.lock, of tests.toml
                continue
            name = "budgets" if {"run", "clients", "budgets"} & keys else "toolgate"
            yield f"{page.name}, block {number}", name, block


SHIPPED = list(shipped())


def test_the_dialect_is_one_that_editors_know() -> None:
    for name in SCHEMAS:
        Draft7Validator.check_schema(schema(name))


@pytest.mark.parametrize(("where", "name", "text"), SHIPPED, ids=[where for where, *_ in SHIPPED])
def test_what_is_shipped_and_what_the_documentation_shows_is_accepted(where: str, name: str, text: str) -> None:
    assert complaints(name, text) == []


def test_a_new_project_is_accepted(tmp_path: Path) -> None:
    write_starter(tmp_path)
    assert complaints("toolgate", (tmp_path / "toolgate.toml").read_text()) == []
    assert complaints("budgets", (tmp_path / "policies" / "budgets.toml").read_text()) == []


def test_enough_is_shipped_to_say_something() -> None:
    assert len(SHIPPED) > 15
    assert {name for _, name, _ in SHIPPED} == set(SCHEMAS)


def tables(model: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Each table that a file may hold, by the names of its keys; `x` is a name that somebody gave."""
    yield path
    for key, field in model.model_fields.items():
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
        for kind in kinds:
            if hasattr(kind, "model_fields"):
                named = (key, "x") if kind is not field.annotation and "Mapping" in str(field.annotation) else (key,)
                yield from tables(kind, (*path, *named))


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_key_that_nobody_knows_is_refused_in_every_table(name: str) -> None:
    found = list(tables(SCHEMAS[name]))
    assert len(found) > 3
    for path in found:
        header = f"[{'.'.join(path)}]\n" if path else ""
        assert complaints(name, header) == []
        (complaint,) = complaints(name, f"{header}colour = 1\n")
        assert "'colour' was unexpected" in complaint


AMOUNTS = [
    "turns = 30", 'turns = "30"', "turns = 0.5", 'turns = "many"', "tokens = 200000", 'tokens = "200k"',
    'tokens = "1.5m tokens"', 'tokens = "1.5M Tokens"', 'tokens = "k"', "usd = 5", "usd = 5.25", 'usd = "$5.00"',
    'usd = "5 euros"',
    'wall_time = "15m"', "wall_time = 15", 'wall_time = "15 weeks"', "turns = true", "turns = [1]", "trns = 5",
]  # fmt: skip


@pytest.mark.parametrize("amount", AMOUNTS)
def test_amounts_are_taken_as_toolgate_takes_them(amount: str) -> None:
    value = tomllib.loads(f"[run]\n{amount}", parse_float=Decimal)
    taken = isinstance(validated(BudgetsFile, value, {}, Place("budgets.toml")), BudgetsFile)
    assert (complaints("budgets", f"[run]\n{amount}") == []) is taken


def test_one_of_several_words_is_offered_as_such() -> None:
    server = schema("toolgate")["$defs"]["ServerWord"]["properties"]
    assert server["era"]["enum"] == ["auto", "legacy", "modern"]
    assert complaints("toolgate", '[servers.x]\nera = "old"') != []


def test_what_another_layer_may_have_said_is_not_required() -> None:
    assert complaints("toolgate", '[models.m]\nname = "tiny-1"') == []
    assert complaints("toolgate", "") == []
    assert "required" not in str(schema("toolgate"))


def test_every_table_says_what_it_is() -> None:
    made = schema("toolgate")["$defs"]
    assert all(table.get("description") for table in made.values())
    assert {kind.__name__ for kind in (Settings, BudgetsFile)}.isdisjoint(made)  # they are the whole
