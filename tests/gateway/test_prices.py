"""What models cost by the list: the same as the list's own package says, to the nano."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from genai_prices import Usage, calc_price

from gateway.budget import NANOS, Price
from gateway.prices import listed, window

MODELS = [("gpt-6-sol", "openai"), ("claude-opus-5-5", "anthropic"), ("gpt-4o", "openai"), ("gemini-2.5-pro", "google")]
USES = [(1_000, 0, 0, 100), (1_000, 900, 0, 100), (900_000, 10, 20, 5_000), (0, 0, 0, 0), (1, 0, 0, 1)]


@pytest.mark.parametrize(("model", "provider"), MODELS)
@pytest.mark.parametrize(("read", "cached", "kept", "written"), USES)
def test_a_price_is_what_the_list_says(
    model: str, provider: str, read: int, cached: int, kept: int, written: int
) -> None:
    price = listed(model, provider)
    assert price is not None
    used = Usage(input_tokens=read, output_tokens=written)
    if price.cache_read is not None:
        used.cache_read_tokens = cached
    if price.cache_write is not None:
        used.cache_write_tokens = kept
    said = calc_price(used, model, provider_id=provider).total_price * NANOS
    ours = price.of(read, written, cached, kept)
    assert 0 <= Decimal(ours) - said <= read + written  # rounded up, by less than a nano a token
    assert price.most(read, written) >= price.of(read, written)


def test_what_is_not_in_the_list_has_no_price() -> None:
    assert listed("nobody-knows-this-model") is None
    assert listed("gpt-6-sol", "nobody") is None


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_: object) -> None:
        raise AssertionError("it opens a socket")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert isinstance(listed("gpt-4o"), Price)


def test_how_much_a_model_can_read_is_in_the_list_too() -> None:
    assert window("claude-opus-4-5", "anthropic") == 200_000
    assert window("nobody-9") is None


ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"\b(anthropic|openai):([a-z][a-z0-9.-]*\d[a-z0-9.-]*)")


@pytest.mark.parametrize("page", ["README.md", "docs/models.md"])
def test_the_models_that_the_documentation_names_are_in_the_list(page: str) -> None:
    named = set(NAMED.findall((ROOT / page).read_text()))
    assert named
    assert [name for provider, name in sorted(named) if listed(name, provider) is None] == []
