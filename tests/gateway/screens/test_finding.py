"""A finding, as people and programs read it."""

from gateway.screens.finding import KINDS, Finding


def test_a_finding_says_what_where_and_how_bad() -> None:
    found = Finding("bidi", "description", "a\\u{202e}b", "high")
    assert str(found) == "bidi (high) in description: a\\u{202e}b"
    assert found.to_json() == {"kind": "bidi", "severity": "high", "where": "description", "excerpt": "a\\u{202e}b"}


def test_the_kinds_are_those_that_the_configuration_names() -> None:
    assert KINDS == ("hidden_text", "bidi", "terminal_escape", "look_alike", "instructions", "shadowing")
