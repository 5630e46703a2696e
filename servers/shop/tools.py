"""What MCP sees of the shop: six tools. Euros outside, cents inside. Pure but for the ledger that they are given."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from servers.shop.ledger import Impossible, Ledger, Once, Order, Product
from servers.shop.money import MAX_CENTS, BadAmount, cents, euros
from servers.tooling import Answer, Asked, Hints, Schema, ServedTool, ToolFailed

__all__ = ["INSTRUCTIONS", "tools_for"]

INSTRUCTIONS = (
    "A bicycle shop. Products have a sku (`BELL-BRASS`), customers and orders an id (`C-1`, `O-1001`); amounts are "
    'euros. create_order and refund honour an idempotency key in `_meta["toolgate/idempotency-key"]`.'
)

_TEXT: Schema = {"type": "string"}
_ID: Schema = {"type": "string", "minLength": 1, "maxLength": 64}
_SKU: Schema = {**_ID, "description": "A product's sku, such as `BELL-BRASS`"}
_CUSTOMER: Schema = {**_ID, "description": "A customer's id, such as `C-1`"}
_ORDER: Schema = {**_ID, "description": "An order's id, such as `O-1001`"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_EUROS: Schema = {"type": "number", "minimum": 0, "description": "Euros"}
_QUANTITY: Schema = {"type": "integer", "minimum": 1, "maximum": 100}

_PRODUCT_OUT = {"sku": _TEXT, "name": _TEXT, "description": _TEXT, "price": _EUROS, "stock": _COUNT}
_ORDER_OUT = {
    "order_id": _TEXT,
    "customer_id": _TEXT,
    "sku": _TEXT,
    "quantity": _COUNT,
    "total": _EUROS,
    "refunded": _EUROS,
    "created_at": _TEXT,
}
_PRODUCTS_OUT: Schema = {
    "type": "array",
    "items": {"type": "object", "properties": _PRODUCT_OUT, "required": list(_PRODUCT_OUT)},
}

_READING = Hints(read_only=True, idempotent=True)


def tools_for(ledger: Ledger, *, held_back: float = 0.0) -> tuple[ServedTool, ...]:
    """The tools of one shop. `held_back` is how long, in seconds, create_order keeps its answer after its commit."""
    reading = (_search_products(ledger), _get_stock(ledger), _get_customer(ledger), _get_order(ledger))
    return (*reading, _create_order(ledger, held_back), _refund(ledger))


def _telling(run: Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
    @wraps(run)
    def told(asked: Asked) -> Answer:
        try:
            return run(asked)
        except (Impossible, BadAmount) as reason:
            raise ToolFailed(str(reason)) from None

    return told


def _once(tool: str, asked: Asked) -> Once | None:
    return None if asked.key is None else Once(asked.key, {"tool": tool, "arguments": dict(asked.arguments)})


def _product(product: Product) -> dict[str, Any]:
    return {
        "sku": product.sku,
        "name": product.name,
        "description": product.description,
        "price": euros(product.price),
        "stock": product.stock,
    }


def _order(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.id,
        "customer_id": order.customer_id,
        "sku": order.sku,
        "quantity": order.quantity,
        "total": euros(order.total),
        "refunded": euros(order.refunded),
        "created_at": order.created_at,
    }


def _search_products(ledger: Ledger) -> ServedTool:
    @_telling
    def run(asked: Asked) -> Answer:
        products = ledger.search(asked.arguments["query"], asked.arguments["max_results"])
        return Answer({"products": [_product(product) for product in products]})

    return ServedTool(
        name="search_products",
        title="Search products",
        description="Finds products whose sku, name or description hold every word of the query; all for an empty one.",
        parameters={
            "query": {"type": "string", "maxLength": 200, "description": "Words, in any order and case"},
            "max_results": {"type": "integer", "minimum": 1, "maximum": 50, "default": 5},
        },
        output={"products": _PRODUCTS_OUT},
        hints=_READING,
        run=run,
    )


def _get_stock(ledger: Ledger) -> ServedTool:
    @_telling
    def run(asked: Asked) -> Answer:
        product = ledger.product(asked.arguments["sku"])
        return Answer({"sku": product.sku, "stock": product.stock})

    return ServedTool(
        name="get_stock",
        title="Look up stock",
        description="Says how many of a product can be ordered now.",
        parameters={"sku": _SKU},
        output={"sku": _TEXT, "stock": _COUNT},
        hints=_READING,
        run=run,
    )


def _get_customer(ledger: Ledger) -> ServedTool:
    @_telling
    def run(asked: Asked) -> Answer:
        customer = ledger.customer(asked.arguments["customer_id"])
        who = {"customer_id": customer.id, "name": customer.name, "email": customer.email}
        return Answer({**who, "orders": list(customer.orders)})

    return ServedTool(
        name="get_customer",
        title="Look up a customer",
        description="Returns a customer's name, e-mail address and the ids of their orders.",
        parameters={"customer_id": _CUSTOMER},
        output={"customer_id": _TEXT, "name": _TEXT, "email": _TEXT, "orders": {"type": "array", "items": _TEXT}},
        hints=_READING,
        run=run,
    )


def _get_order(ledger: Ledger) -> ServedTool:
    @_telling
    def run(asked: Asked) -> Answer:
        return Answer(_order(ledger.order(asked.arguments["order_id"])))

    return ServedTool(
        name="get_order",
        title="Look up an order",
        description="Returns an order: who ordered what, what it cost, and how much of it was refunded.",
        parameters={"order_id": _ORDER},
        output=_ORDER_OUT,
        hints=_READING,
        run=run,
    )


def _create_order(ledger: Ledger, held_back: float) -> ServedTool:
    @_telling
    def run(asked: Asked) -> Answer:
        wanted = asked.arguments
        order = ledger.create_order(
            wanted["customer_id"], wanted["sku"], wanted["quantity"], _once("create_order", asked)
        )
        return Answer(_order(order), held_back=held_back)

    return ServedTool(
        name="create_order",
        title="Create an order",
        description="Orders items for a customer, who pays at once. Fails, and changes nothing, if stock is too low.",
        parameters={"customer_id": _CUSTOMER, "sku": _SKU, "quantity": _QUANTITY},
        output=_ORDER_OUT,
        hints=Hints(idempotent=True),  # for callers that send an idempotency key, as Toolgate does
        run=run,
    )


def _refund(ledger: Ledger) -> ServedTool:
    @_telling
    def run(asked: Asked) -> Answer:
        wanted, amount = asked.arguments, cents(asked.arguments["amount"])
        order = ledger.refund(wanted["order_id"], amount, wanted["reason"], _once("refund", asked))
        return Answer({"amount": euros(amount), **_order(order)})

    return ServedTool(
        name="refund",
        title="Refund",
        description="Pays part or all of an order back. All refunds of an order together never exceed what was paid.",
        parameters={
            "order_id": _ORDER,
            "amount": {"type": "number", "minimum": 0.01, "maximum": MAX_CENTS // 100, "description": "Euros"},
            "reason": {"type": "string", "minLength": 1, "maxLength": 500, "description": "Why, for the books"},
        },
        output={"amount": _EUROS, **_ORDER_OUT},
        hints=Hints(destructive=True, idempotent=True),  # idempotent as create_order is
        run=run,
    )
