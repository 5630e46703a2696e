"""Which tools a model is shown, and what it wants by those with which it finds the others."""

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.agents import Agent, Asking, Context
from gateway.agents.offering import MISCALLED, OURS, SEARCH, Offer, answered, offer, offered, wanted
from gateway.catalogue import Catalogue
from providers import ToolCall, ToolSpec
from tests.builders import a_tool

AGENT = Agent("support", "Be kind.", max_output_tokens=1_000)
CATALOGUE = Catalogue.of(
    [a_tool(path, description=f"does {path}") for path in ("shop/refund", "bank/send", "shop/order", "shop.eu/x")]
)
MANY = Catalogue.of([a_tool(f"shop/tool{number:03}", description=f"number {number}") for number in range(150)])


@pytest.mark.parametrize(
    ("globs", "names"),
    [
        (("*/*",), ["bank__send", "shop__order", "shop__refund"]),
        (("shop/*",), ["shop__order", "shop__refund"]),
        (("*/refund", "bank/*"), ["bank__send", "shop__refund"]),
        (("SHOP/*", "shop", "refund", "shop__refund"), []),  # case counts, and a glob is for paths
        ((), []),
    ],
)
def test_an_agent_is_shown_the_tools_that_its_globs_name_in_a_stable_order(globs: Any, names: list[str]) -> None:
    tools = offered(replace(AGENT, tools=globs), CATALOGUE, lambda _: True)
    assert [tool.name for tool in tools if not tool.name.startswith("shop_eu")] == names


def test_a_tool_that_no_policy_line_could_allow_is_not_shown() -> None:
    tools = offered(AGENT, CATALOGUE, lambda tool: tool.path != "bank/send")
    assert "bank__send" not in [tool.name for tool in tools]


def test_what_is_for_a_servers_own_user_interface_alone_is_not_shown() -> None:
    plain = a_tool("shop/refresh")
    for visibility, names in ((["app"], []), (["model", "app"], ["shop__refresh"])):
        tool = replace(plain, definition={**plain.definition, "_meta": {"ui": {"visibility": visibility}}})
        assert [each.name for each in offered(AGENT, Catalogue.of([tool]), lambda _: True)] == names


def test_a_tool_is_shown_with_the_servers_own_words_and_schema() -> None:
    schema = {"type": "object", "properties": {"amount": {"type": "number"}}, "x-own": 1}
    tool = a_tool("shop/refund", schema, description="Pays back.")
    assert offered(AGENT, Catalogue.of([tool]), lambda _: True) == (ToolSpec("shop__refund", "Pays back.", schema),)


def many(agent: Agent = AGENT, catalogue: Catalogue = MANY, window: int = 100_000) -> Offer:
    return offer(agent, catalogue, lambda _: True, window)


def want(name: str, arguments: str, made: Offer | None = None) -> dict[str, str]:
    return dict(wanted(ToolCall("c1", name, arguments), made or many(), MANY.resolve))


def test_few_tools_are_all_shown_and_nothing_else_is() -> None:
    made = offer(AGENT, CATALOGUE, lambda _: True)
    assert made.shown == made.everything
    assert len(made.shown) == 4


def test_too_many_tools_are_found_by_search_and_those_that_are_always_wanted_are_shown() -> None:
    agent = replace(AGENT, context=Context(always=("shop/tool00[12]",)))
    assert [tool.name for tool in many(agent).shown] == ["shop__tool001", "shop__tool002", "search_tools", "call_tool"]
    assert len(many(replace(AGENT, context=Context(tools_before_search=150))).shown) == 150


def test_a_few_tools_that_fill_a_fifth_of_the_window_are_searched_too() -> None:
    heavy = Catalogue.of([a_tool(f"shop/t{number}", description="x" * 6_000) for number in range(4)])
    assert many(catalogue=heavy, window=40_000).search == "search_tools"
    assert many(catalogue=heavy, window=50_000).search == ""


def test_a_servers_own_search_tools_is_not_taken_for_ours() -> None:
    tools = [a_tool("own/search_tools"), *MANY.tools.values()]
    made = many(catalogue=Catalogue.of(tools, unprefixed={"own"}))
    assert (made.search, made.call) == ("search_tools_", "call_tool")


def test_what_is_wanted_by_call_tool_is_the_call_of_the_tool_that_it_names() -> None:
    given = json.dumps({"name": "shop__tool007", "arguments": {"amount": 900, "note": "né"}})
    assert want("call_tool", given) == {"path": "shop/tool007", "arguments": '{"amount": 900, "note": "né"}'}
    assert want("call_tool", '{"name":"shop/tool007","arguments":"{}"}') == {"path": "shop/tool007", "arguments": "{}"}
    assert want("call_tool", '{"name":"shop__tool007"}') == {"path": "shop/tool007", "arguments": "{}"}


def test_a_tool_that_was_found_may_be_called_by_its_own_name_as_well() -> None:
    assert want("shop__tool007", '{"a": 1}') == {"path": "shop/tool007"}


@pytest.mark.parametrize(
    "arguments",
    ["", "{", "[]", "{}", '{"name": 7, "arguments": {}}', '{"name": "a", "arguments": []}', '{"name":"a","name":"b"}'],
)
def test_a_call_tool_that_names_no_one_call_calls_nothing_and_is_told_so(arguments: str) -> None:
    assert want("call_tool", arguments) == {"path": MISCALLED}
    told = answered(MISCALLED, arguments, many())
    assert told.is_error
    assert told.content[0]["text"].startswith("Not done: ")


def test_without_a_search_its_names_are_names_like_all() -> None:
    made = offer(AGENT, CATALOGUE, lambda _: True)
    assert want("call_tool", '{"name":"shop__refund","arguments":{}}', made) == {"path": "call_tool"}
    assert want("search_tools", "{}", made) == {"path": "search_tools"}


@pytest.mark.parametrize("path", sorted(OURS))
def test_what_is_ours_can_not_be_had_by_its_path(path: str) -> None:
    few = offer(AGENT, CATALOGUE, lambda _: True)
    for made in (few, many(), many(replace(AGENT, may_wait=True))):
        assert want(path, "{}", made) == {"path": f"unknown {path}"}
    assert want("call_tool", json.dumps({"name": path, "arguments": {}}))["path"] == f"unknown {path}"


def test_a_search_tells_names_descriptions_and_parameters() -> None:
    assert want("search_tools", '{"query": "x"}') == {"path": SEARCH}
    told = answered(SEARCH, '{"query": "number 42", "limit": 2}', many())
    assert told.found[0] == "shop__tool042"
    head, *lines = told.content[0]["text"].splitlines()
    assert head == "2 of 150 tools; use call_tool to call one."
    assert json.loads(lines[0])["description"] == "number 42"


@pytest.mark.parametrize("arguments", ["nothing", '{"query": 7}', '{"query": "a", "limit": true}', "{}", "[]"])
def test_a_search_for_nothing_in_particular_is_told_what_it_needs(arguments: str) -> None:
    told = answered(SEARCH, arguments, many())
    assert (told.is_error, told.found) == (True, ())


def test_what_the_policy_hides_is_not_found() -> None:
    made = offer(AGENT, MANY, lambda tool: tool.path != "shop/tool042", 100_000)
    assert "shop__tool042" not in answered(SEARCH, '{"query": "number 42", "limit": 20}', made).found


def test_tools_are_strict_and_one_is_demanded_as_the_agent_says() -> None:
    agent = replace(AGENT, asking=Asking(tool_choice="shop/order", strict=True))
    made = offer(agent, CATALOGUE, lambda _tool: True)
    assert {tool.strict for tool in made.shown} == {True}
    assert CATALOGUE.names[made.demanded] == "shop/order"
    assert offer(AGENT, CATALOGUE, lambda _tool: True).demanded == ""
