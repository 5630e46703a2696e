"""What a result links to has the name by which its client can read it."""

from typing import Any

import pytest

from gateway import links
from gateway.links import linked, linked_state, uri_of
from gateway.offer import Offer
from gateway.uris import Uris
from gateway.verbatim import encode, read, whole

VIEW = "ui://v/1"
OFFERS = [Offer("resource", server, uri, {}) for server in ("a", "b") for uri in ("x:1", VIEW)]
TWICE = Uris.of(OFFERS, {})
OTHER = [{"type": "text", "text": "x:1"}, {"uri": 7}, {"resource": {"uri": None}}, {"resource": "x:1"}, None, "x:1"]
LINK: dict[str, Any] = {"type": "resource_link", "uri": "x:1"}
EMBEDDED: dict[str, Any] = {"type": "resource", "resource": {"uri": "x:1", "text": ""}}


def test_links_and_embedded_resources_of_a_tool() -> None:
    result = {"content": [LINK, EMBEDDED, *OTHER], "more": 1}
    link, embedded, *rest = linked(result, "a", TWICE)["content"]
    assert (link["uri"], embedded["resource"]) == ("toolgate://a/x:1", {"uri": "toolgate://a/x:1", "text": ""})
    assert rest == OTHER


def test_those_of_a_prompt_in_one_block_or_in_several() -> None:
    result = {"messages": [{"role": "user", "content": LINK}, {"content": [EMBEDDED, LINK]}, {"content": "x:1"}, None]}
    one, two, *rest = linked(result, "b", TWICE)["messages"]
    assert one == {"role": "user", "content": {**LINK, "uri": "toolgate://b/x:1"}}
    assert two["content"][0]["resource"]["uri"] == two["content"][1]["uri"] == "toolgate://b/x:1"
    assert rest == [{"content": "x:1"}, None]


def test_a_user_interface_that_a_result_names() -> None:
    meta = {"ui": {"resourceUri": VIEW, "more": 1}, "openai/outputTemplate": VIEW, "other": VIEW}
    told = linked({"content": [], "_meta": meta}, "a", TWICE)["_meta"]
    exposed = "ui://toolgate/a/v/1"
    assert told == {"ui": {"resourceUri": exposed, "more": 1}, "openai/outputTemplate": exposed, "other": VIEW}


def test_the_result_in_the_state_of_a_task() -> None:
    state = {"status": "completed", "result": {"content": [LINK]}}
    assert linked_state(state, "a", TWICE)["result"] == {"content": [{**LINK, "uri": "toolgate://a/x:1"}]}
    others: list[dict[str, Any]] = [{"status": "working"}, {"result": None}, {"result": {"content": []}}]
    for other in others:
        assert linked_state(other, "a", TWICE) is other


@pytest.mark.parametrize(
    "result",
    [{}, {"content": "x:1"}, {"messages": "x:1"}, {"content": [{"uri": "x:2"}, None]}, {"_meta": {"ui": "ui://other"}}],
)
def test_a_result_without_a_shared_uri_is_the_same_object(result: dict[str, Any]) -> None:
    assert linked(result, "a", TWICE) is result


def test_what_only_one_server_has_is_left_alone() -> None:
    result = {"content": [LINK]}
    assert linked(result, "a", Uris.of(OFFERS[:2], {})) is result


APART = Uris.of([Offer("resource", "a", "x:1", {}), Offer("template", "b", "b:{n}", {})], {"a": False, "b": False})


@pytest.mark.parametrize(
    ("server", "uri", "told"),
    [
        ("a", "x:1", "x:1"),
        ("a", "x:new", "toolgate://a/x:new"),  # nobody lists it, and two have resources
        ("a", "ui://new", "ui://toolgate/a/new"),
        ("a", "b:1", "toolgate://a/b:1"),  # it would be read of the other one
        ("b", "b:1", "b:1"),
        ("b", "x:1", "toolgate://b/x:1"),
        ("c", "x:new", "x:new"),  # it has none
        ("a", "HTTPS://x.example/", "HTTPS://x.example/"),
    ],
)
def test_a_link_leads_to_the_server_that_gave_it(server: str, uri: str, told: str) -> None:
    assert linked({"content": [{**LINK, "uri": uri}]}, server, APART)["content"][0]["uri"] == told
    found = APART.route(told)
    assert server == "c" or told.startswith("HTTPS") or (found and (found.server, found.name) == (server, uri))
    embedded = {"content": [{"type": "resource", "resource": {"uri": uri, "text": ""}}]}
    assert linked(embedded, server, APART) is embedded  # it is there already


def test_beyond_so_many_templates_a_link_is_named_in_the_form_that_is_always_understood(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(links, "MOST_LOOKED_AT", 3)  # one template, and two links
    told = linked({"content": [{**LINK, "uri": uri} for uri in ("b:1", "b:1", "https://x.example", "x:1")]}, "b", APART)
    assert [one["uri"] for one in told["content"]] == [
        "b:1", "toolgate://b/b:1", "https://x.example", "toolgate://b/x:1",
    ]  # fmt: skip
    listed = linked({"content": [{**LINK, "uri": "x:1"}] * 3}, "a", APART)["content"]
    assert [one["uri"] for one in listed] == ["x:1"] * 3


def test_beside_a_name_that_is_another_one_a_result_keeps_its_text() -> None:
    text = b'{"n":1.10,"content":[{"type":"resource_link","uri":"x:1","v":{"n":1E5}},[ 1.0 ]]}'
    told = text.replace(b"x:1", b"toolgate://a/x:1")
    assert encode(whole(linked(read(text), "a", TWICE))) == told
    around = b'{"status":"completed","result":%b,"n":1E5}'
    assert encode(whole(linked_state(read(around % text), "a", TWICE))) == around % told


def test_the_uri_of_what_has_one() -> None:
    assert [uri_of(one) for one in (LINK, {"uri": 1}, "x:1", None)] == ["x:1", None, None, None]
