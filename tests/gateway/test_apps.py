"""The URIs by which tools name their user interfaces: found, and told as clients know them, the rest as it was."""

from typing import Any

import pytest

from gateway.apps import for_models, named, renamed
from gateway.uris import qualified

MAIN, OTHER = "ui://dash/main", "ui://dash/other"


def tool(**meta: Any) -> dict[str, Any]:
    return {"name": "show", "inputSchema": {"type": "object"}, "_meta": meta}


def of_one(uri: str) -> str:
    return qualified(f"one/{uri}")


def test_a_tool_names_its_interface_in_each_way_that_hosts_know() -> None:
    assert named(tool(ui={"resourceUri": MAIN, "visibility": ["app"]})) == {MAIN}
    assert named(tool(**{"ui/resourceUri": MAIN, "openai/outputTemplate": OTHER})) == {MAIN, OTHER}


@pytest.mark.parametrize(
    "definition",
    [
        {"name": "show"},
        {"name": "show", "_meta": "ui://x"},
        tool(),
        tool(ui=MAIN),
        tool(ui={"resourceUri": 7}),
        tool(ui={"resourceUri": "https://x.example/"}),
        tool(**{"ui/resourceUri": ["ui://x"]}),
    ],
)
def test_what_is_no_ui_uri_is_none_and_stays_as_it_is(definition: dict[str, Any]) -> None:
    assert named(definition) == frozenset()
    assert renamed(definition, of_one) is definition


def test_what_is_exposed_as_it_is_leaves_the_definition_itself() -> None:
    definition = tool(ui={"resourceUri": MAIN})
    assert renamed(definition, lambda uri: uri) is definition


def test_only_the_uris_are_others_and_the_servers_own_definition_is_not_touched() -> None:
    both = {"ui": {"resourceUri": MAIN, "visibility": ["app"]}, "ui/resourceUri": MAIN, "more": {"x": MAIN}}
    definition = tool(**both, **{"openai/outputTemplate": "https://x.example/"})
    found = renamed(definition, of_one)
    assert found["_meta"] == {
        "ui": {"resourceUri": "ui://toolgate/one/dash/main", "visibility": ["app"]},
        "ui/resourceUri": "ui://toolgate/one/dash/main",
        "openai/outputTemplate": "https://x.example/",
        "more": {"x": MAIN},
    }
    assert definition["_meta"]["ui"]["resourceUri"] == MAIN
    assert list(found) == list(definition)


@pytest.mark.parametrize(
    ("ui", "shown"),
    [
        ({}, True),
        ({"visibility": ["model", "app"]}, True),
        ({"visibility": ["app"]}, False),
        ({"visibility": []}, False),
        ({"visibility": "app"}, True),
        ("x", True),
    ],
)
def test_what_is_for_views_alone_is_not_for_models(ui: Any, shown: bool) -> None:
    assert for_models(tool(ui=ui)) is shown
    assert for_models({"name": "show", "_meta": [ui]})
