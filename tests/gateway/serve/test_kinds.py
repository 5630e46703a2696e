"""The table has a line for each request that goes to a server, and no other."""

from gateway.catalogue import Catalogue
from gateway.offer import Offer
from gateway.serve.kinds import KINDS

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
