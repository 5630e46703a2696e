import asyncio
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from mcp import Client
from mcp.types import CallToolResult, TextContent

from servers.serving import server_for
from servers.shop.ledger import Ledger
from servers.shop.tools import tools_for
from servers.tooling import Asked, Program


@pytest.fixture
def shop(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "shop.db")


def _calls(shop: Ledger, *calls: tuple[str, dict[str, Any]], key: str | None = None) -> list[CallToolResult]:
    meta: Any = None if key is None else {"toolgate/idempotency-key": key}

    async def scenario() -> list[CallToolResult]:
        async with Client(server_for(Program("shop", "1", "", tools_for(shop)))) as client:
            return [await client.call_tool(name, arguments, meta=meta) for name, arguments in calls]

    return asyncio.run(scenario())


def _text(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


ORDER = {"customer_id": "C-1", "sku": "BELL-BRASS", "quantity": 2}


def test_each_tool_does_what_its_description_says(shop: Ledger) -> None:
    search, stock, order, refund, again, customer = _calls(
        shop,
        ("search_products", {"query": "bell"}),
        ("get_stock", {"sku": "BELL-BRASS"}),
        ("create_order", ORDER),
        ("refund", {"order_id": "O-1001", "amount": 9.8, "reason": "scratched"}),
        ("get_order", {"order_id": "O-1001"}),
        ("get_customer", {"customer_id": "C-1"}),
    )
    bell = {
        "sku": "BELL-BRASS",
        "name": "Brass bell",
        "description": "One clear note, heard across a market square",
        "price": 14.9,
        "stock": 25,
    }
    assert search.structured_content == {"products": [bell]}
    assert stock.structured_content == {"sku": "BELL-BRASS", "stock": 25}
    created = order.structured_content
    assert created == {
        "order_id": "O-1001",
        **ORDER,
        "total": 29.8,
        "refunded": 0.0,
        "created_at": created["created_at"],
    }
    assert again.structured_content == {**created, "refunded": 9.8}
    assert refund.structured_content == {**created, "refunded": 9.8, "amount": 9.8}
    assert customer.structured_content == {
        "customer_id": "C-1",
        "name": "Mara Lindqvist",
        "email": "mara@example.com",
        "orders": ["O-1001"],
    }


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("get_stock", {"sku": "NOPE"}, "there is no product `NOPE`"),
        ("create_order", {**ORDER, "quantity": 0}, "`quantity` must be an integer, at least 1"),
        ("create_order", {**ORDER, "quantity": 99}, "there are 25 of `BELL-BRASS` in stock, 99 are wanted"),
        ("refund", {"order_id": "O-1001", "amount": 0.015, "reason": "x"}, "parts of a cent"),
        ("refund", {"order_id": "O-1001", "amount": -5, "reason": "x"}, "`amount` must be a number, at least 0.01"),
        ("refund", {"order_id": "O-1001", "amount": 5, "reason": ""}, "`reason` must be a string"),
        ("refund", {"order_id": "O-9", "amount": 5, "reason": "x"}, "there is no order `O-9`"),
    ],
)
def test_what_the_shop_can_not_do_is_a_tool_error_that_says_why(
    shop: Ledger, name: str, arguments: dict[str, Any], text: str
) -> None:
    (result,) = _calls(shop, (name, arguments))
    assert result.is_error
    assert text in _text(result)


def test_one_key_is_one_request(shop: Ledger) -> None:
    first, second = _calls(shop, ("create_order", ORDER), ("create_order", ORDER), key="run/1")
    assert first.structured_content == second.structured_content
    assert shop.customer("C-1").orders == ("O-1001",)


@pytest.mark.parametrize(
    "other",
    [("create_order", {**ORDER, "quantity": 1}), ("refund", {"order_id": "O-1001", "amount": 1, "reason": "x"})],
)
def test_one_key_for_two_requests_is_a_tool_error(shop: Ledger, other: tuple[str, dict[str, Any]]) -> None:
    _, refused = _calls(shop, ("create_order", ORDER), other, key="run/1")
    assert refused.is_error
    assert "was used for another request" in _text(refused)
    assert shop.order("O-1001").refunded == 0


def test_only_the_answer_to_an_order_is_held_back(shop: Ledger) -> None:
    order = next(tool for tool in tools_for(shop, held_back=1.5) if tool.name == "create_order")
    assert order.run(Asked(ORDER)).held_back == 1.5
    assert shop.customer("C-1").orders == ("O-1001",)
    stock = next(tool for tool in tools_for(shop, held_back=1.5) if tool.name == "get_stock")
    assert stock.run(Asked({"sku": "OIL-CHAIN"})).held_back == 0


def test_schemas_are_valid_and_hints_are_true(shop: Ledger) -> None:
    tools = tools_for(shop)
    for tool in tools:
        Draft202012Validator.check_schema(tool.input_schema)
        Draft202012Validator.check_schema(tool.output_schema)
    hints = {tool.name: (tool.hints.read_only, tool.hints.destructive, tool.hints.idempotent) for tool in tools}
    assert hints == {
        "search_products": (True, False, True),
        "get_stock": (True, False, True),
        "get_customer": (True, False, True),
        "get_order": (True, False, True),
        "create_order": (False, False, True),
        "refund": (False, True, True),
    }
