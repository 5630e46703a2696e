import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.budget import Limits, Price
from gateway.config.models import ModelConfig
from gateway.config.settings import (
    NAME,
    AgentConfig,
    BudgetTable,
    IdentityConfig,
    ServerWord,
    Settings,
    Table,
    TelemetryConfig,
    is_web_address,
)


def every_table(above: type[Table] = Table) -> list[type[Table]]:
    """Those of the product, from the top down."""
    below = [table for table in above.__subclasses__() if table.__module__.startswith("gateway.")]
    return [*below, *(deeper for table in below for deeper in every_table(table))]


@pytest.mark.parametrize("table", every_table())
def test_every_table_refuses_keys_that_it_does_not_know(table: type[Table]) -> None:
    with pytest.raises(ValidationError) as wrong:
        table.model_validate({"no_such_key": 1})
    assert "extra_forbidden" in {error["type"] for error in wrong.value.errors()}


@pytest.mark.parametrize("table", every_table())
def test_every_key_is_in_the_documentation(table: type[Table]) -> None:
    text = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text()
    words = set(re.findall(r"[a-z_]+", text))
    assert set(table.model_fields) <= words


def test_settings_do_not_change() -> None:
    word = ServerWord()
    with pytest.raises(ValidationError):
        word.trusted = True


def test_a_server_is_not_trusted_until_somebody_says_so() -> None:
    assert ServerWord() == ServerWord(
        trusted=False, era="auto", call_timeout=60, connect_timeout=15, safe_to_repeat=(), prefix=True, disabled=False
    )


def test_no_setting_sends_content() -> None:
    assert "capture_content" not in TelemetryConfig.model_fields  # content is never sent: there is nothing to turn on


@pytest.mark.parametrize(
    ("table", "value"),
    [
        (ServerWord, {"trusted": "yes"}),
        (ServerWord, {"trusted": 1}),
        (ServerWord, {"safe_to_repeat": "get_*"}),
        (ServerWord, {"call_timeout": 0}),
        (ServerWord, {"era": "Modern"}),
        (AgentConfig, {"tools": ["shop"]}),
        (AgentConfig, {"tools": [1]}),
        (AgentConfig, {"max_output_tokens": 0}),
        (ModelConfig, {"provider": "scriptd", "script": Path("x")}),
        (ModelConfig, {"provider": "scripted"}),
        (ModelConfig, {"provider": "scripted", "script": Path("x"), "input_usd_per_million": 1}),
        (ModelConfig, {"provider": "scripted", "script": Path("x"), "api_key_env": "sk-hunter2"}),
        (ModelConfig, {"provider": "scripted", "script": Path("x"), "base_url": "ftp://hunter2@x"}),
        (TelemetryConfig, {"endpoint": "hunter2:4318"}),
        (TelemetryConfig, {"headers": {"Authorization": "hunter2 ${"}}),
        (IdentityConfig, {"user": "role:hunter2"}),
        (IdentityConfig, {"user": "user:*"}),
        (IdentityConfig, {"user": "user:ann", "tenant": "*"}),
        (IdentityConfig, {"user": "user:ann", "tenant": "a\n"}),
        (BudgetTable, {"usd": 1.5}),
    ],
)
def test_a_wrong_value_is_refused_and_a_secret_in_it_is_not_repeated(table: type[Table], value: Any) -> None:
    with pytest.raises(ValidationError) as wrong:
        table.model_validate(value)
    if "role:" not in str(value):  # a user's name is no secret, and is repeated
        assert "hunter2" not in str(wrong.value)


def test_a_user_may_be_written_without_the_word_user() -> None:
    assert IdentityConfig(user="ann").user == "user:ann"
    assert IdentityConfig(user="user:ann").tenant == "default"


def test_a_price_is_nanos_a_token_rounded_up() -> None:
    model = ModelConfig(
        provider="scripted",
        script=Path("x"),
        input_usd_per_million=Decimal("0.0375"),
        output_usd_per_million=Decimal(15),
    )
    assert model.price == Price(38, 15_000)
    assert ModelConfig(provider="scripted", script=Path("x")).price is None


def test_a_budget_becomes_limits_in_whole_units() -> None:
    table = BudgetTable.model_validate({"turns": 3, "tokens": "2k", "usd": "$0.10", "wall_time": "1.5s"})
    assert table.limits == Limits(turns=3, tokens=2000, nanos=100_000_000, millis=1500)


@pytest.mark.parametrize("name", ["a", "A1", "my-server", "my.server", "my_server", "9", "a" * 64])
def test_a_name_is_a_word(name: str) -> None:
    assert NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["", "-a", "_a", ".a", "a__b", "a b", "a/b", "a:b", "*", "ä", "a" * 65, "a\n"])
def test_a_name_that_would_be_mistaken_for_something_else_is_refused(name: str) -> None:
    assert not NAME.fullmatch(name)
    with pytest.raises(ValidationError):
        Settings.model_validate({"agents": {name: {}}})


@pytest.mark.parametrize("url", ["http://x", "https://x:1/y", "http://[::1]:8080"])
def test_a_web_address_has_a_host(url: str) -> None:
    assert is_web_address(url)


@pytest.mark.parametrize("url", ["", "x", "http://", "http:///x", "file:///x", "http://x:y", "http://[", "http://x:0"])
def test_what_is_no_web_address_is_told_apart(url: str) -> None:
    assert not is_web_address(url)
