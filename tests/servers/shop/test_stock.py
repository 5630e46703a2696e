from servers.shop.stock import CUSTOMERS, PRODUCTS


def test_every_product_has_a_price_stock_and_a_sku_of_its_own() -> None:
    assert len({sku for sku, *_ in PRODUCTS}) == len(PRODUCTS) == 12
    assert all(price > 0 and stock > 0 for *_, price, stock in PRODUCTS)


def test_customers_are_nobody_real() -> None:
    assert len({customer for customer, *_ in CUSTOMERS}) == len(CUSTOMERS) == 3
    assert all(email.endswith("@example.com") for *_, email in CUSTOMERS)
