"""What is pinned against what is there."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.call import Tool, pin_of
from gateway.pins.entries import Accepted, Identity, PinnedEntry, PinnedServer, Pins
from gateway.pins.review import BY_RULE, Review, Seen, Trust, review, unpinned
from gateway.pins.things import Thing, thing_of
from gateway.screens.finding import Finding

SHOP = Identity("npx shop", "shop", "1")
ANN = Accepted("user:ann", "then")
NOW = "2026-11-25T15:30:00Z"
HIDDEN = {"shop/add": [Finding("hidden_text", "description", "x", "medium")]}


def tool(name: str = "add", **more: Any) -> Tool:
    definition = {"name": name, "description": "Adds.", "inputSchema": {"type": "object"}, **more}
    return Tool("shop", name, definition, pin_of(definition))


def pinned(*tools: Tool, identity: Identity = SHOP, accepted: Accepted | None = None) -> Pins:
    entries = {tool.name: PinnedEntry.of(tool.definition, accepted) for tool in tools}
    return {"shop": PinnedServer(identity, entries)}


def seen(*tools: Tool, identity: Identity = SHOP, **more: Any) -> list[Seen]:
    return [Seen("shop", identity, [thing_of(tool) for tool in tools], **more)]


def held(found: Review) -> dict[str, str]:
    return {path: note.reason for path, note in found.held.items()}


def test_the_first_sight_is_learned_whole_and_nothing_is_held() -> None:
    found = review({}, seen(tool(), tool("sub")), Trust({"shop": "hold"}), NOW)
    assert (found.held, found.learned, found.strangers) == ({}, pinned(tool(), tool("sub")), {})


def test_what_there_is_to_learn_is_worked_out_for_who_writes_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server may list as much as it likes, and whenever any server lists anew all of it is reviewed."""
    now, written = seen(tool(), tool("sub")), []
    monkeypatch.setattr(PinnedEntry, "of", lambda *said: written.append(said))
    found = review({}, now, Trust(), NOW)
    assert list(found.fresh) == ["shop"]
    assert list(unpinned(found, {}, now, "why").held) == ["shop/add", "shop/sub"]
    assert written == []


def test_what_is_as_it_was_needs_nothing() -> None:
    assert review(pinned(tool()), seen(tool()), Trust(), NOW) == Review()
    assert review(pinned(tool()), seen(tool(), identity=Identity("npx shop", "shop", "2")), Trust(), NOW) == Review()


def test_a_server_without_its_tools_loses_no_pin() -> None:
    assert review(pinned(tool()), seen(), Trust(), NOW) == Review()
    assert review(pinned(tool()), [], Trust(), NOW) == Review()


def test_a_changed_tool_is_held_with_what_was_seen_and_the_others_are_not() -> None:
    now = tool(description="Adds, and tells.")
    found = review(pinned(tool(), tool("sub")), seen(now, tool("sub")), Trust(), NOW)
    assert held(found) == {"shop/add": "changed"}
    assert found.held["shop/add"].definition == now.definition
    assert found.held["shop/add"].seen_at == NOW
    assert found.learned == {}


def test_a_new_tool_of_a_pinned_server_is_learned_with_the_time_or_held() -> None:
    both = seen(tool(), tool("late"))
    (server,) = review(pinned(tool()), both, Trust(), NOW).learned.values()
    assert (server.entries["late"].added_at, server.entries["add"].added_at) == (NOW, "")
    found = review(pinned(tool()), both, Trust({"shop": "hold"}), NOW)
    assert held(found) == {"shop/late": "new"}
    assert found.learned == {}


def test_a_harmless_change_is_learned_by_rule_only_where_the_rule_holds() -> None:
    titled = seen(tool(title="Add"))
    assert held(review(pinned(tool()), titled, Trust(), NOW)) == {"shop/add": "changed"}
    found = review(pinned(tool()), titled, Trust(accept_changes="harmless"), NOW)
    assert found.held == {}
    assert found.learned["shop"].entries["add"].accepted == Accepted(BY_RULE, NOW)
    worse = seen(tool(description="Adds all."))
    assert held(review(pinned(tool()), worse, Trust(accept_changes="harmless"), NOW)) == {"shop/add": "changed"}


def test_another_program_learns_nothing_and_changes_nothing() -> None:
    evil = Identity("npx evil", "shop", "1")
    found = review(
        pinned(tool(), tool("same")),
        seen(tool(title="Add"), tool("late"), tool("same"), identity=evil),
        Trust(accept_changes="harmless"),
        NOW,
    )
    assert held(found) == {"shop/add": "changed", "shop/late": "new"}
    assert found.strangers == {"shop": evil}
    assert found.learned == {}
    assert "another program answers as `shop` now" in found.held["shop/late"].why


def test_a_tool_with_what_the_admin_fears_is_pinned_and_held_until_a_person_vouches_for_exactly_it() -> None:
    trust = Trust(hold_on=frozenset({"hidden_text"}))
    found = review({}, seen(tool(), tool("sub"), findings=HIDDEN), trust, NOW)
    assert held(found) == {"shop/add": "suspicious"}
    assert found.learned == pinned(tool(), tool("sub"))
    assert "hidden_text" in found.held["shop/add"].why
    assert held(review(pinned(tool()), seen(tool(), findings=HIDDEN), trust, NOW)) == {"shop/add": "suspicious"}
    assert held(review(pinned(tool(), accepted=ANN), seen(tool(), findings=HIDDEN), trust, NOW)) == {}
    by_rule = pinned(tool(), accepted=Accepted(BY_RULE, NOW))
    assert held(review(by_rule, seen(tool(), findings=HIDDEN), trust, NOW)) == {"shop/add": "suspicious"}
    assert held(review(pinned(tool()), seen(tool(), findings=HIDDEN), Trust(), NOW)) == {}


def test_a_harmless_change_of_a_vouched_tool_does_not_carry_the_persons_word_on() -> None:
    trust = Trust(accept_changes="harmless", hold_on=frozenset({"hidden_text"}))
    found = review(pinned(tool(), accepted=ANN), seen(tool(title="Add"), findings=HIDDEN), trust, NOW)
    assert held(found) == {"shop/add": "suspicious"}


def test_what_can_not_be_written_down_is_held_and_what_is_pinned_goes_on() -> None:
    now = seen(tool(), tool("late"))
    found = unpinned(review(pinned(tool()), now, Trust(), NOW), pinned(tool()), now, "the disk is full")
    assert held(found) == {"shop/late": "unpinned"}
    assert "the disk is full" in found.held["shop/late"].why
    assert found.learned == {}
    first = unpinned(review({}, now, Trust(), NOW), {}, now, "the disk is full")
    assert held(first) == {"shop/add": "unpinned", "shop/late": "unpinned"}


# ---- what is no tool

GREET = Thing("shop", "prompt:greet", {"name": "greet"}, pin_of({"name": "greet"}))
NOTE = Thing("shop", "resource:file:///a", {"uri": "file:///a"}, pin_of({"uri": "file:///a"}))
SAID = Thing("shop", "about:instructions", {"instructions": "x"}, pin_of({"instructions": "x"}))


def whole(*things: Thing, **more: Any) -> list[Seen]:
    return [Seen("shop", SHOP, [thing_of(tool()), *things], **more)]


def test_prompts_and_instructions_are_learned_and_resources_are_not() -> None:
    found = review({}, whole(GREET, NOTE, SAID), Trust(), NOW)
    assert (set(found.learned["shop"].entries), held(found)) == ({"add", "prompt:greet", "about:instructions"}, {})
    assert review(found.learned, whole(GREET, NOTE, SAID), Trust(), NOW) == Review()


def test_a_changed_prompt_is_held_like_a_tool() -> None:
    pins = review({}, whole(GREET), Trust(), NOW).learned
    other = replace(GREET, definition={"name": "greet", "x": 1}, pin="other")
    assert held(review(pins, whole(other), Trust(), NOW)) == {"shop/prompt:greet": "changed"}


def test_where_only_tools_were_pinned_the_rest_is_at_first_sight_whatever_is_said_of_new_tools() -> None:
    old = {name: replace(server, tools_only=True) for name, server in pinned(tool()).items()}
    hold = Trust({"shop": "hold"})
    found = review(old, whole(GREET, SAID), hold, NOW)
    entries = found.learned["shop"].entries
    assert (held(found), entries["prompt:greet"].added_at, found.learned["shop"].tools_only) == ({}, "", False)
    assert held(review(old, seen(tool(), tool("late")), hold, NOW)) == {"shop/late": "new"}
    assert held(review(found.learned, whole(GREET, SAID, replace(GREET, name="prompt:b")), hold, NOW)) == {
        "shop/prompt:b": "new"
    }


def test_of_another_program_not_even_the_rest_is_taken_at_first_sight() -> None:
    old = {name: replace(server, tools_only=True) for name, server in pinned(tool()).items()}
    (server,) = whole(GREET)
    found = review(old, [replace(server, identity=Identity("npx evil", "shop"))], Trust(), NOW)
    assert (held(found), found.learned) == ({"shop/prompt:greet": "new"}, {})


def test_a_resource_is_held_for_what_deceives_in_it_and_never_for_a_change() -> None:
    trust = Trust(hold_on=frozenset({"hidden_text"}))
    found = {NOTE.path: HIDDEN["shop/add"]}
    look = review(pinned(tool()), whole(NOTE, findings=found), trust, NOW)
    assert (held(look), look.learned) == ({NOTE.path: "suspicious"}, {})
    vouched = {"shop": replace(pinned(tool())["shop"], entries={NOTE.name: PinnedEntry.of(NOTE.definition, ANN)})}
    vouched["shop"] = replace(vouched["shop"], entries={**pinned(tool())["shop"].entries, **vouched["shop"].entries})
    assert review(vouched, whole(NOTE, findings=found), trust, NOW) == Review()
    other = replace(NOTE, definition={**NOTE.definition, "size": 3}, pin="other")
    assert review(vouched, whole(other), trust, NOW) == Review()
    assert held(review(vouched, whole(other, findings=found), trust, NOW)) == {NOTE.path: "suspicious"}


def test_where_nothing_can_be_written_down_prompts_are_held_and_resources_are_not() -> None:
    sight = whole(GREET, NOTE)
    found = unpinned(review({}, sight, Trust(), NOW), {}, sight, "the disk is full")
    assert held(found) == {"shop/add": "unpinned", "shop/prompt:greet": "unpinned"}
