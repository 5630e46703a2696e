from gateway.offer import Offer
from gateway.pins.entries import Identity, PinnedEntry, PinnedServer
from gateway.pins.known import NOT_PINNED, pinned_catalogue

REFUND = {"name": "refund", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}}
PINS = {
    "shop": PinnedServer(
        Identity("shop"),
        {
            "refund": PinnedEntry.of(REFUND),
            "prompt:greet": PinnedEntry.of({"name": "greet"}),
            "resource:file:///a": PinnedEntry.of({"uri": "file:///a"}),
            "template:file:///{x}": PinnedEntry.of({"uriTemplate": "file:///{x}"}),
            "about:instructions": PinnedEntry.of({"instructions": "hello"}),
        },
    ),
    "gone": PinnedServer(Identity("gone"), {"x": PinnedEntry.of({"name": "x"})}),
}


def test_pinned_tools_and_prompts_are_known_with_the_trust_of_their_server() -> None:
    known = pinned_catalogue(PINS, {"shop": True})
    tool = known.tools["shop/refund"]
    assert (tool.definition, tool.pin, tool.read_only) == (REFUND, PINS["shop"].entries["refund"].pin, True)
    assert [*known.prompts] == ["shop/greet"]
    assert not pinned_catalogue(PINS, {"shop": False}).tools["shop/refund"].read_only


def test_resources_and_templates_are_found_by_what_is_done_with_them() -> None:
    known = pinned_catalogue(PINS, {"shop": True})
    for action, path, kind in (
        ("get", "shop/greet", "prompt"),
        ("complete", "shop/greet", "prompt"),
        ("read", "shop/file:///a", "resource"),
        ("complete", "shop/file:///{x}", "template"),
    ):
        found = known.find(action, path)  # type: ignore[arg-type]
        assert isinstance(found, Offer)
        assert (found.kind, found.trusted) == (kind, True)
    assert known.find("get", "shop/refund") is None
    assert known.find("call", "shop/greet") is None


def test_a_server_that_was_never_seen_is_missing_and_one_that_is_not_configured_is_not_there() -> None:
    known = pinned_catalogue(PINS, {"shop": True, "new": True})
    assert known.missing == {"new": NOT_PINNED}
    assert [*known.tools] == ["shop/refund"]
