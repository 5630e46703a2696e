"""One view of every tool, by the name for people and by the name for models."""

import itertools

import pytest

from gateway.catalogue import Catalogue
from gateway.offer import About, Offer
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


# ---- what there is beside tools

OFFERS = [
    Offer("prompt", "shop", "greet", {}),
    Offer("prompt", "bank", "greet", {}),
    Offer("resource", "shop", "stock:1", {}, trusted=True),
    Offer("template", "shop", "stock:{n}", {}, trusted=True),
]
ABOUT = {"shop": About(), "bank": About(capabilities={"resources": {}}), "mail": About(capabilities={"prompts": {}})}


def test_prompts_have_names_like_tools_and_may_share_them_with_tools() -> None:
    catalogue = Catalogue.of([a_tool("shop/greet")], {"mail": "it is down"}, offers=OFFERS)
    assert list(catalogue.prompt_names.items()) == [("bank__greet", "bank/greet"), ("shop__greet", "shop/greet")]
    assert catalogue.names == {"shop__greet": "shop/greet"}
    assert catalogue.resolve_prompt("bank__greet") == "bank/greet"
    assert catalogue.resolve_prompt("mail__hello") == "mail/hello"


def test_each_action_finds_what_it_is_about_and_nothing_else() -> None:
    catalogue = Catalogue.of([a_tool("shop/greet")], offers=OFFERS, about=ABOUT)
    assert catalogue.find("call", "shop/greet") is catalogue.tools["shop/greet"]
    assert catalogue.find("get", "shop/greet") is OFFERS[0]
    assert catalogue.find("call", "bank/greet") is None
    assert catalogue.find("read", "shop/stock:1") is OFFERS[2]
    assert catalogue.find("complete", "shop/stock:{n}") is OFFERS[3]
    assert catalogue.find("complete", "bank/greet") is OFFERS[1]
    assert catalogue.find("get", "shop/stock:1") is None


def test_a_server_that_has_resources_may_have_more_than_it_lists_and_one_that_has_none_has_not() -> None:
    catalogue = Catalogue.of([], offers=OFFERS, about=ABOUT)
    unlisted = catalogue.find("read", "shop/stock:7")
    assert unlisted == Offer("resource", "shop", "stock:7", {}, trusted=True)
    assert catalogue.find("read", "bank/anything") is not None
    assert catalogue.find("read", "mail/anything") is None
    assert catalogue.find("read", "nobody/anything") is None


def test_a_uri_leads_to_its_server() -> None:
    catalogue = Catalogue.of([], offers=OFFERS, about=ABOUT)
    assert list(catalogue.resources) == ["stock:1"]
    assert [shown for shown, _ in catalogue.templates] == ["stock:{n}"]
    found = [catalogue.route(uri) for uri in ("stock:1", "stock:7", "toolgate://bank/x:1", "x:1")]
    assert [offer and offer.path for offer in found] == ["shop/stock:1", "shop/stock:7", "bank/x:1", None]


def test_where_there_is_one_server_its_own_name_for_a_tool_means_that_tool_and_elsewhere_nothing() -> None:
    tool = a_tool("shop/refund")
    alone = Catalogue.of([tool], about={"shop": About()})
    assert [alone.resolve(name) for name in ("refund", "other")] == ["shop/refund", "other"]
    for more in ({"about": {"shop": About(), "bank": About()}}, {"about": {"shop": About()}, "missing": {"bank": "?"}}):
        assert Catalogue.of([tool], **more).resolve("refund") == "refund"
