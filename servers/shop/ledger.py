"""What the shop can do, and what it never does: sell what it has not, pay back more than was paid, do a thing twice.

An idempotency key is stored with its answer in the transaction that it belongs to: after a crash both are there, or
neither is. A request that failed leaves no key behind, and may be tried again. Amounts are whole cents. Knows nothing
of MCP.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from servers.shop.database import found, transaction

__all__ = ["Customer", "Impossible", "Ledger", "Once", "Order", "Product"]

_FIRST_ORDER = 1001


class Impossible(Exception):
    """The shop can't do that. Nothing was changed. The text says why, and what could be done instead."""


@dataclass(frozen=True, slots=True)
class Product:
    """`price` is in cents."""

    sku: str
    name: str
    description: str
    price: int
    stock: int


@dataclass(frozen=True, slots=True)
class Customer:
    """`orders` are their ids, oldest first."""

    id: str
    name: str
    email: str
    orders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """`total` and `refunded` are in cents; `created_at` is UTC in ISO 8601."""

    id: str
    customer_id: str
    sku: str
    quantity: int
    total: int
    refunded: int
    created_at: str


@dataclass(frozen=True, slots=True)
class Once:
    """A caller's word that all requests with this key are one: the key, and what is asked."""

    key: str
    request: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 in hex of what is asked."""
        return hashlib.sha256(json.dumps(self.request, sort_keys=True).encode()).hexdigest()


class Ledger:
    """The shop. Each method opens the file anew, so any thread may call it."""

    def __init__(self, file: Path) -> None:
        """Makes and fills the file, if it is new. Raises `database.WrongFile`."""
        found(file)
        self._file = file

    def search(self, words: str, limit: int) -> tuple[Product, ...]:
        """The products whose sku, name or description hold every word, whatever the case; no words: all products."""
        wanted = words.casefold().split()
        with self._transaction("BEGIN") as connection:
            products = [Product(*row) for row in connection.execute("SELECT * FROM products ORDER BY sku")]
        return tuple(product for product in products if _matches(product, wanted))[:limit]

    def product(self, sku: str) -> Product:
        """Raises Impossible if there is none."""
        with self._transaction("BEGIN") as connection:
            return _product(connection, sku)

    def customer(self, customer_id: str) -> Customer:
        """Raises Impossible if there is none."""
        with self._transaction("BEGIN") as connection:
            return _customer(connection, customer_id)

    def order(self, order_id: str) -> Order:
        """Raises Impossible if there is none."""
        with self._transaction("BEGIN") as connection:
            return _order(connection, order_id)

    def create_order(self, customer_id: str, sku: str, quantity: int, once: Once | None = None) -> Order:
        """Takes the items out of stock and writes the order down. Raises Impossible if there are too few."""
        return self._changed(lambda connection: _sell(connection, customer_id, sku, quantity), once)

    def refund(self, order_id: str, amount: int, reason: str, once: Once | None = None) -> Order:
        """Pays `amount` cents back. Raises Impossible if all refunds together would exceed what was paid."""
        return self._changed(lambda connection: _pay_back(connection, order_id, amount, reason), once)

    def _changed(self, change: Callable[[sqlite3.Connection], Order], once: Once | None) -> Order:
        """The order after the change, or the stored answer if this very request was answered before."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            if once is None:
                return change(connection)
            answer = _answer(connection, once)
            if answer is None:
                answer = change(connection)
                row = (once.key, once.digest, json.dumps(asdict(answer)))
                connection.execute("INSERT INTO answers VALUES (?, ?, ?)", row)
            return answer

    @contextmanager
    def _transaction(self, begin: Literal["BEGIN", "BEGIN IMMEDIATE"]) -> Iterator[sqlite3.Connection]:
        try:
            with transaction(self._file, begin) as connection:
                yield connection
        except sqlite3.OperationalError as error:
            raise Impossible(f"the shop's database can't be used now ({error}); try again later") from error


def _matches(product: Product, words: list[str]) -> bool:
    text = f"{product.sku} {product.name} {product.description}".casefold()
    return all(word in text for word in words)


def _product(connection: sqlite3.Connection, sku: str) -> Product:
    row = connection.execute("SELECT * FROM products WHERE sku = ?", (sku,)).fetchone()
    if row is None:
        raise Impossible(f"there is no product `{sku}`; search_products finds what there is")
    return Product(*row)


def _customer(connection: sqlite3.Connection, customer_id: str) -> Customer:
    row = connection.execute("SELECT * FROM customers WHERE id = ?", (customer_id,)).fetchone()
    if row is None:
        raise Impossible(f"there is no customer `{customer_id}`; ids look like `C-1`")
    orders = connection.execute("SELECT id FROM orders WHERE customer_id = ? ORDER BY rowid", (customer_id,))
    return Customer(row["id"], row["name"], row["email"], tuple(order["id"] for order in orders))


def _order(connection: sqlite3.Connection, order_id: str) -> Order:
    row = connection.execute("SELECT * FROM orders WHERE id = ?", (order_id,)).fetchone()
    if row is None:
        raise Impossible(f"there is no order `{order_id}`; ids look like `O-{_FIRST_ORDER}`")
    return Order(*row)


def _sell(connection: sqlite3.Connection, customer_id: str, sku: str, quantity: int) -> Order:
    customer, product = _customer(connection, customer_id), _product(connection, sku)
    if product.stock < quantity:
        raise Impossible(f"there are {product.stock} of `{sku}` in stock, {quantity} are wanted")
    connection.execute("UPDATE products SET stock = stock - ? WHERE sku = ?", (quantity, sku))
    sold = connection.execute("SELECT coalesce(max(rowid), 0) FROM orders").fetchone()[0]
    order_id, total = f"O-{_FIRST_ORDER + sold}", product.price * quantity
    row = (order_id, customer.id, sku, quantity, total, 0, _now())
    connection.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    return _order(connection, order_id)


def _pay_back(connection: sqlite3.Connection, order_id: str, amount: int, reason: str) -> Order:
    order = _order(connection, order_id)
    left = order.total - order.refunded
    if amount > left:
        raise Impossible(
            f"of order `{order_id}` {left / 100:.2f} euros are left to refund, {amount / 100:.2f} are wanted"
        )
    connection.execute("UPDATE orders SET refunded = refunded + ? WHERE id = ?", (amount, order_id))
    row = (order_id, amount, reason, _now())
    connection.execute("INSERT INTO refunds VALUES (?, ?, ?, ?)", row)
    return _order(connection, order_id)


def _answer(connection: sqlite3.Connection, once: Once) -> Order | None:
    row = connection.execute("SELECT request, answer FROM answers WHERE key = ?", (once.key,)).fetchone()
    if row is None:
        return None
    if row["request"] != once.digest:
        raise Impossible(
            f"the idempotency key `{once.key}` was used for another request; a new request needs a new key"
        )
    return Order(**json.loads(row["answer"]))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
