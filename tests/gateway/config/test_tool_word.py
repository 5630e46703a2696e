"""What may be said of one tool."""

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.config.tool_word import RecipeConfig, ToolConfig


def test_of_a_tool_of_which_nothing_is_said_nothing_is_believed() -> None:
    said = ToolConfig()
    assert (said.read_only, said.retries, said.retry_errors) == (False, None, ())
    assert (said.idempotency_argument, said.reconcile, said.undo) == (None, None, None)


def test_an_undo_may_be_a_name_alone_which_then_gets_the_arguments_of_the_call() -> None:
    assert ToolConfig.model_validate({"undo": "cancel_order"}).undo == RecipeConfig(tool="cancel_order")
    whole = {"tool": "shop/cancel_order", "arguments": {"id": "{result.id}"}}
    assert ToolConfig.model_validate({"undo": whole}).undo == RecipeConfig.model_validate(whole)


@pytest.mark.parametrize(
    "said",
    [
        {"retries": 11},
        {"retries": -1},
        {"retry_errors": [""]},
        {"idempotency_argument": ""},
        {"undo": {"tool": ""}},
        {"undo": {"arguments": {}}},
        {"reconcile": {"tool": "shop/find"}},
        {"reconcile": {"tool": "shop/find", "happened": "result.a == 1", "unknown": 1}},
    ],
)
def test_what_is_wrong_is_refused(said: Any) -> None:
    with pytest.raises(ValidationError):
        ToolConfig.model_validate(said)
