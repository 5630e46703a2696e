"""One view of every tool, by the name for people and by the name for models."""

import itertools

import pytest

from gateway.catalogue import Catalogue
from tests.builders import a_tool

TOOLS = [a_tool("shop/refund"), a_tool("bank/send"), a_tool("shop/order")]


def test_tools_and_names_stand_in_the_same_order_whatever_order_servers_answered_in() -> None:
    for tools in itertools.permutations(TOOLS):
        catalogue = Catalogue.of(tools)
        assert list(catalogue.tools) == ["bank/send", "shop/order", "shop/refund"]
        assert list(catalogue.names) == ["bank__send", "shop__order", "shop__refund"]


@pytest.mark.parametrize(
    ("name", "path"),
    [("shop__refund", "shop/refund"), ("shop/refund", "shop/refund"), ("no_such_tool", "no_such_tool"), ("", "")],
)
def test_a_name_resolves_to_a_path_and_an_unknown_one_to_itself(name: str, path: str) -> None:
    assert Catalogue.of(TOOLS).resolve(name) == path


def test_a_path_resolves_back_from_the_name_that_it_is_exposed_by() -> None:
    catalogue = Catalogue.of([*TOOLS, a_tool("a/b__c"), a_tool("a__b/c"), a_tool("shop/o.k")])
    assert all(catalogue.resolve(catalogue.exposed(path)) == path for path in catalogue.tools)


def test_a_name_of_a_missing_server_reads_as_the_path_that_it_must_be() -> None:
    catalogue = Catalogue.of(TOOLS, {"mail": "it is down"})
    assert catalogue.resolve("mail__send__all") == "mail/send__all"
    assert [catalogue.resolve(name) for name in ("mail__", "mail", "post__send")] == ["mail__", "mail", "post__send"]


def test_a_tool_that_is_not_there_has_no_exposed_name() -> None:
    with pytest.raises(KeyError):
        Catalogue.of(TOOLS).exposed("shop/other")


def test_what_is_missing_or_rejected_is_kept_with_its_reason_and_apart_from_the_callers_dictionaries() -> None:
    missing, rejected = {"mail": "it does not start"}, {"shop/#3": "it has no name"}
    catalogue = Catalogue.of(TOOLS, missing, rejected)
    missing.clear()
    rejected.clear()
    assert catalogue.missing == {"mail": "it does not start"}
    assert catalogue.rejected == {"shop/#3": "it has no name"}


def test_a_tool_of_a_server_without_prefix_is_found_by_its_own_name_and_by_its_path() -> None:
    catalogue = Catalogue.of(TOOLS, unprefixed={"shop"})
    assert catalogue.exposed("shop/refund") == "refund"
    assert (catalogue.resolve("refund"), catalogue.resolve("shop/refund")) == ("shop/refund", "shop/refund")


def test_a_catalogue_by_itself_holds_nothing_and_has_found_nothing() -> None:
    catalogue = Catalogue.of(TOOLS)
    assert (catalogue.servers, catalogue.held, catalogue.findings) == ({}, {}, {})
