"""The values: what is hashed, what is the same program, who has said yes."""

import json
import tracemalloc

import pytest

from gateway.call import canonical, pin_of
from gateway.pins.entries import Accepted, Identity, Note, PinnedEntry, schema_hash

DEFINITION = {"name": "add", "description": "Adds.", "inputSchema": {"type": "object"}, "annotations": {"x": 1}}


def test_a_pin_is_of_the_whole_definition_and_the_other_hash_of_what_programs_rely_on() -> None:
    entry = PinnedEntry.of(DEFINITION)
    reworded = PinnedEntry.of({**DEFINITION, "description": "Adds more."})
    assert entry.pin == pin_of(DEFINITION) != reworded.pin
    assert entry.schema == schema_hash(DEFINITION) == reworded.schema


def test_an_entry_gives_back_the_definition_that_it_was_made_of() -> None:
    definition = {**DEFINITION, "_meta": {"é": ["\ud800", 1e22, None, True], "": {}}}
    assert PinnedEntry.of(definition).definition == definition


def test_an_entry_takes_little_more_memory_than_the_text_of_its_definition() -> None:
    properties = {f"argument_{number}": {"type": "string", "title": f"Number {number}"} for number in range(100)}
    text = json.dumps({**DEFINITION, "inputSchema": {"type": "object", "properties": properties}})
    tracemalloc.start()
    try:
        entries = [PinnedEntry.of(json.loads(text)) for _ in range(10)]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 2 * sum(len(canonical(entry.definition)) for entry in entries)


@pytest.mark.parametrize("key", ["inputSchema", "outputSchema", "annotations"])
def test_schemas_and_annotations_count(key: str) -> None:
    assert schema_hash({**DEFINITION, key: {"type": "object", "y": 2}}) != schema_hash(DEFINITION)


def test_another_version_is_the_same_program_and_another_command_or_name_is_not() -> None:
    one = Identity("npx shop", "shop", "1")
    assert one.same_as(Identity("npx shop", "shop", "2"))
    assert not one.same_as(Identity("npx evil", "shop", "1"))
    assert not one.same_as(Identity("npx shop", "evil", "1"))
    assert str(one) == "npx shop (calls itself shop 1)"
    assert str(Identity("npx shop")) == "npx shop"


def test_only_a_persons_yes_vouches() -> None:
    assert PinnedEntry.of(DEFINITION, Accepted("user:ann", "now")).vouched
    assert not PinnedEntry.of(DEFINITION, Accepted("rule: harmless change", "now")).vouched
    assert not PinnedEntry.of(DEFINITION).vouched


def test_a_note_has_the_pin_of_what_was_seen() -> None:
    assert Note("changed", "why", Identity("x"), DEFINITION, "now").pin == pin_of(DEFINITION)
