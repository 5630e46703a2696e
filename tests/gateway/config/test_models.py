from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.budget import Price
from gateway.config.models import ModelConfig, PricesConfig


def model(**keys: Any) -> ModelConfig:
    return ModelConfig.model_validate({"provider": "anthropic", **keys})


def test_cached_input_has_its_own_price() -> None:
    priced = model(
        input_usd_per_million=Decimal(3),
        output_usd_per_million=Decimal(15),
        cache_read_usd_per_million=Decimal("0.3"),
        cache_write_usd_per_million=Decimal("3.75"),
    )
    assert priced.price == Price(3000, 15_000, 300, 3750)
    assert model().price is None


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"provider": "antropic"}, "did you mean `anthropic`"),
        ({"provider": "compatible"}, "needs `endpoint`"),
        ({"provider": "scripted"}, "needs `script`"),
        ({"script": Path("x")}, "only a scripted model"),
        ({"input_usd_per_million": 3}, "need each other"),
        ({"cache_read_usd_per_million": 3}, "needs `input_usd_per_million`"),
        ({"lacks": ["sight"]}, "lacks"),
        ({"effort": "huge"}, "effort"),
        ({"max_output": 0}, "more than 0"),
    ],
)
def test_what_does_not_go_together_is_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        model(**keys)


def test_a_rate_for_unknown_models_needs_its_prices() -> None:
    with pytest.raises(ValidationError):
        PricesConfig(unknown_models="rate")
