"""Tokens and prices, as compatible endpoints tell them."""

from typing import Any

import pytest

from providers import Usage
from providers.openai_chat.usage import cost_in, usage_in


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5}, Usage(10, 5)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, Usage(10, 5)),
        # what was thought is left out of what was written (xAI, Gemini)
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 35,
          "completion_tokens_details": {"reasoning_tokens": 20}}, Usage(10, 25, reasoning=20)),
        ({"prompt_tokens": 10, "completion_tokens": 5,
          "prompt_tokens_details": {"cached_tokens": 7, "cache_write_tokens": 2}}, Usage(10, 5, 7, 2)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 7}, Usage(10, 5, 7)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": None}, Usage(10, 5)),
        ({"prompt_tokens": 10, "completion_tokens": None}, Usage(10, 0)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, None),
        ({}, None),
        (None, None),
        ("many", None),
    ],
)  # fmt: skip
def test_tokens_are_found(told: Any, usage: Usage | None) -> None:
    assert usage_in(told) == usage


@pytest.mark.parametrize(
    ("told", "nanos"),
    [
        ({"cost": 0.0014}, 1_400_000),
        ({"cost": 0}, 0),
        ({"cost": -1}, 0),
        ({"cost": float("inf")}, None),
        ({"cost": float("nan")}, None),
        ({"cost": "0.1"}, None),
        ({"cost": True}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_price_is_found(told: Any, nanos: int | None) -> None:
    assert cost_in(told) == nanos
