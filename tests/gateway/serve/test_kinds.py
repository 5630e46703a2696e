"""The table has a line for each request that goes to a server, and no other."""

from typing import Any

import pytest

from gateway.catalogue import Catalogue
from gateway.offer import Offer
from gateway.serve.kinds import KINDS
from gateway.verbatim import encode, read, whole

TWICE = Catalogue.of([], offers=[Offer("resource", server, "x:1", {}) for server in ("a", "b")])
KNOWN = Catalogue.of([], offers=[Offer("prompt", "crm", "p", {}), Offer("resource", "crm", "file:///a", {})])


def test_these_methods_go_to_a_server_and_a_completion_is_never_asked_back() -> None:
    assert {method: kind.has_rounds for method, kind in KINDS.items()} == {
        "tools/call": True,
        "resources/read": True,
        "prompts/get": True,
        "completion/complete": False,
    }
    assert all(kind.method == method for method, kind in KINDS.items())


def test_a_state_is_bound_to_what_the_names_mean() -> None:
    assert KINDS["prompts/get"].path(KNOWN, {"name": "crm__p"}) == "crm/p"
    assert KINDS["resources/read"].path(KNOWN, {"uri": "file:///a"}) == "crm/file:///a"
    assert KINDS["resources/read"].path(KNOWN, {"uri": "toolgate://crm/file:///a"}) == "crm/file:///a"
    assert KINDS["tools/call"].path(KNOWN, {"name": "crm/t"}) == "crm/t"


def told(method: str, known: Catalogue, params: dict[str, Any], result: dict[str, Any]) -> Any:
    named = KINDS[method].named
    assert named is not None
    return named(known, params, result)


def test_links_and_resources_in_a_result_have_the_names_by_which_the_client_can_read_them() -> None:
    other = [{"type": "text", "text": "x:1"}, {"uri": 7}, {"resource": {"uri": None}}, None, "x:1"]
    content = [{"type": "resource_link", "uri": "x:1"}, {"type": "resource", "resource": {"uri": "x:1", "text": ""}}]
    result = {"content": [*content, *other], "more": 1}
    link, embedded, *rest = told("tools/call", TWICE, {"name": "a/t"}, result)["content"]
    assert (link["uri"], embedded["resource"]) == ("toolgate://a/x:1", {"uri": "toolgate://a/x:1", "text": ""})
    assert rest == other


@pytest.mark.parametrize("result", [{}, {"content": "x:1"}, {"content": [{"uri": "x:2"}, None]}])
def test_a_result_without_a_shared_uri_is_the_same_object(result: dict[str, Any]) -> None:
    assert told("tools/call", TWICE, {"name": "a/t"}, result) is result
    assert told("tools/call", KNOWN, {"name": "crm/t"}, {"content": [{"uri": "file:///a"}]}) == {
        "content": [{"uri": "file:///a"}]
    }


def test_beside_a_name_that_is_another_one_a_result_keeps_its_text() -> None:
    text = b'{"n":1.10,"content":[{"type":"resource_link","uri":"x:1","v":{"n":1E5}},[ 1.0 ]]}'
    result = told("tools/call", TWICE, {"name": "a/t"}, read(text))
    assert encode(whole(result)) == text.replace(b"x:1", b"toolgate://a/x:1")
    text = b'{"contents":[{"uri":"x:1","text":"\\u00e9","v":1.10}],"n":1E5}'
    result = told("resources/read", TWICE, {"uri": "toolgate://a/x:1"}, read(text))
    assert encode(whole(result)) == text.replace(b"x:1", b"toolgate://a/x:1")
