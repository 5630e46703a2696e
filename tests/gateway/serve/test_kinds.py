"""The table has a line for each request that goes to a server, and no other."""

from typing import Any

from gateway.catalogue import Catalogue
from gateway.offer import Offer
from gateway.serve.kinds import KINDS
from gateway.verbatim import encode, read, whole

TWICE = Catalogue.of(
    [], offers=[*(Offer("resource", server, "x:1", {}) for server in ("a", "b")), Offer("prompt", "b", "p", {})]
)
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


def test_what_a_tool_or_a_prompt_links_to_has_the_name_by_which_the_client_can_read_it() -> None:
    link = {"type": "resource_link", "uri": "x:1"}
    (block,) = told("tools/call", TWICE, {"name": "a/t"}, {"content": [link]})["content"]
    said = {"messages": [{"role": "user", "content": link}]}
    (message,) = told("prompts/get", TWICE, {"name": "b__p"}, said)["messages"]
    assert (block["uri"], message["content"]["uri"]) == ("toolgate://a/x:1", "toolgate://b/x:1")


def test_beside_a_name_that_is_another_one_what_was_read_keeps_its_text() -> None:
    text = b'{"contents":[{"uri":"x:1","text":"\\u00e9","v":1.10}],"n":1E5}'
    result = told("resources/read", TWICE, {"uri": "toolgate://a/x:1"}, read(text))
    assert encode(whole(result)) == text.replace(b"x:1", b"toolgate://a/x:1")
