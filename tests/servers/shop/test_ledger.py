import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from servers.shop.database import transaction
from servers.shop.ledger import Impossible, Ledger, Once


@pytest.fixture
def shop(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "shop.db")


def test_search_finds_every_word_whatever_the_case(shop: Ledger) -> None:
    assert [product.sku for product in shop.search("LIGHT usb-c", 5)] == ["LIGHT-FRONT"]
    assert [product.sku for product in shop.search("28 inch", 5)] == ["TUBE-28", "TYRE-28"]
    assert shop.search("light submarine", 5) == ()
    assert len(shop.search("", 50)) == 12
    assert len(shop.search("", 3)) == 3


def test_an_order_takes_its_items_out_of_stock(shop: Ledger) -> None:
    order = shop.create_order("C-1", "BELL-BRASS", 2)
    assert (order.id, order.total, order.refunded) == ("O-1001", 2980, 0)
    assert shop.product("BELL-BRASS").stock == 23
    assert shop.order("O-1001") == order
    assert shop.create_order("C-1", "TUBE-28", 1).id == "O-1002"
    assert shop.customer("C-1").orders == ("O-1001", "O-1002")


def test_what_is_not_in_stock_is_not_sold(shop: Ledger) -> None:
    with pytest.raises(Impossible, match="there are 1 of `OIL-CHAIN` in stock, 2 are wanted"):
        shop.create_order("C-1", "OIL-CHAIN", 2)
    assert shop.product("OIL-CHAIN").stock == 1
    assert shop.customer("C-1").orders == ()


def test_unknown_things_are_named(shop: Ledger) -> None:
    with pytest.raises(Impossible, match="no customer `C-9`"):
        shop.create_order("C-9", "OIL-CHAIN", 1)
    with pytest.raises(Impossible, match="no product `OIL`; search_products finds"):
        shop.product("OIL")
    with pytest.raises(Impossible, match="no order `O-1`"):
        shop.refund("O-1", 1, "why")


def test_refunds_together_never_exceed_what_was_paid(shop: Ledger) -> None:
    shop.create_order("C-1", "BELL-BRASS", 1)
    assert shop.refund("O-1001", 1000, "scratched").refunded == 1000
    with pytest.raises(Impossible, match=r"4\.90 euros are left to refund, 4\.91 are wanted"):
        shop.refund("O-1001", 491, "greed")
    assert shop.refund("O-1001", 490, "returned").refunded == 1490
    with pytest.raises(Impossible, match=r"0\.00 euros are left"):
        shop.refund("O-1001", 1, "more")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(amounts=st.lists(st.integers(1, 900), max_size=6))
def test_whatever_is_asked_back_the_books_stay_right(shop: Ledger, amounts: list[int]) -> None:
    order = shop.create_order("C-1", "TUBE-28", 1)
    paid = 0
    for amount in amounts:
        try:
            shop.refund(order.id, amount, "law")
        except Impossible:
            assert paid + amount > order.total
        else:
            paid += amount
    assert shop.order(order.id).refunded == paid <= order.total


def test_one_key_is_one_order_however_often_it_is_sent(shop: Ledger) -> None:
    once = Once("run/1", {"sku": "BELL-BRASS"})
    first = shop.create_order("C-1", "BELL-BRASS", 1, once)
    shop.refund(first.id, 100, "changes the order after its answer was stored")
    assert shop.create_order("C-1", "BELL-BRASS", 1, once) == first
    assert shop.product("BELL-BRASS").stock == 24
    assert shop.customer("C-1").orders == (first.id,)


def test_one_key_is_one_refund(shop: Ledger) -> None:
    shop.create_order("C-1", "BELL-BRASS", 1)
    once = Once("run/2", {"amount": 5})
    assert shop.refund("O-1001", 500, "once", once) == shop.refund("O-1001", 500, "once", once)
    assert shop.order("O-1001").refunded == 500


def test_a_key_used_for_another_request_is_refused(shop: Ledger) -> None:
    shop.create_order("C-1", "BELL-BRASS", 1, Once("k", {"quantity": 1}))
    with pytest.raises(Impossible, match="`k` was used for another request"):
        shop.create_order("C-1", "BELL-BRASS", 2, Once("k", {"quantity": 2}))
    assert shop.product("BELL-BRASS").stock == 24


def test_a_request_that_failed_leaves_no_key_behind(shop: Ledger, tmp_path: Path) -> None:
    once = Once("k", {"quantity": 2})
    with pytest.raises(Impossible, match="in stock"):
        shop.create_order("C-1", "OIL-CHAIN", 2, once)
    with transaction(tmp_path / "shop.db", "BEGIN IMMEDIATE") as connection:
        connection.execute("UPDATE products SET stock = 5 WHERE sku = 'OIL-CHAIN'")
    assert shop.create_order("C-1", "OIL-CHAIN", 2, once).quantity == 2


BUYER = """
import sys
from pathlib import Path
from servers.shop.ledger import Impossible, Ledger
shop = Ledger(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
try:
    print(shop.create_order("C-1", "OIL-CHAIN", 1).id)
except Impossible as error:
    print(error)
"""


def test_of_two_processes_that_want_the_last_item_exactly_one_gets_it(shop: Ledger, tmp_path: Path) -> None:
    command = [sys.executable, "-c", BUYER, str(tmp_path / "shop.db")]
    buyers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for buyer in buyers:
        assert buyer.stdout is not None
        assert buyer.stdout.readline() == "ready\n"
    for buyer in buyers:
        assert buyer.stdin is not None
        buyer.stdin.write("\n")
        buyer.stdin.flush()
    said = sorted(buyer.communicate(timeout=60)[0].strip() for buyer in buyers)
    assert said == ["O-1001", "there are 0 of `OIL-CHAIN` in stock, 1 are wanted"]
    assert shop.product("OIL-CHAIN").stock == 0


def test_a_database_that_is_gone_is_told_in_plain_words(shop: Ledger, tmp_path: Path) -> None:
    (tmp_path / "shop.db").unlink()
    with pytest.raises(Impossible, match="can't be used now"):
        shop.product("OIL-CHAIN")
