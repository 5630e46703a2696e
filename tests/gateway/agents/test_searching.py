"""Which tools a query means."""

import time

import pytest

from gateway.agents.searching import Index, words
from providers import ToolSpec

TOOLS = [
    ToolSpec("git__create_branch", "Starts a new branch.", {"properties": {"base": {}}}),
    ToolSpec("shop__createOrder", "Places an order for a customer.", {"properties": {"customer_id": {}, "sku": {}}}),
    ToolSpec("shop__refund", "Pays an order back.", {"properties": {"order_id": {}, "amount": {}}}),
    ToolSpec("mail__send", "Sends a message to somebody.", {}),
]
INDEX = Index(TOOLS)


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("refund", "shop__refund"),
        ("pays back an amount", "shop__refund"),
        ("create an order", "shop__createOrder"),
        ("createOrder", "shop__createOrder"),
        ("orders of customers", "shop__createOrder"),
        ("sku", "shop__createOrder"),
        ("mail__send", "mail__send"),
        ("BRANCH", "git__create_branch"),
    ],
)
def test_the_best_match_comes_first(query: str, first: str) -> None:
    assert INDEX.search(query, 3)[0].name == first


def test_what_nobody_has_is_not_found_and_a_query_without_words_finds_the_first_ones() -> None:
    assert INDEX.search("weather", 3) == []
    assert [tool.name for tool in INDEX.search("?!", 2)] == ["git__create_branch", "shop__createOrder"]
    assert Index([]).search("refund", 5) == []


def test_names_fall_into_words() -> None:
    assert words("createOrder_v2-final") == ["create", "order", "v", "2", "final"]


def test_the_same_query_finds_the_same_in_the_same_order() -> None:
    alike = [ToolSpec(f"s__t{number}", "the very same", {}) for number in range(50)]
    names = [tool.name for tool in Index(alike[::-1]).search("same", 10)]
    assert names == sorted(tool.name for tool in alike)[:10]


def test_ten_thousand_tools_are_searched_in_a_moment() -> None:
    index = Index([ToolSpec(f"server{n}__tool{n}", f"does thing {n} and others", {}) for n in range(10_000)])
    begin = time.process_time()
    assert index.search("thing 4711", 5)[0].name == "server4711__tool4711"
    assert time.process_time() - begin < 2  # seconds of CPU: a guard against what grows with the square
