import pytest

from gateway.policy.editor.completing import suggestions
from gateway.policy.functions import FUNCTIONS
from gateway.policy.wording import ACTIONS, EFFECTS
from tests.gateway.policy.editor.test_words import WORDS


def offered(line: str) -> list[str]:
    return [suggestion.text for suggestion in suggestions(line, len(line), WORDS)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", ["p", "g"]),
        ("p, ", ["*", "role:boss", "role:support", "user:ann"]),
        ("p, role:su", ["*", "role:boss", "role:support", "user:ann"]),
        ("p, *, ", ["*", "acme"]),
        ("p, *, *, ", ["*/*", "mail/*", "shop/*", "mail/send", "shop/order", "shop/refund"]),
        ("p, *, *, */*, ", [*ACTIONS]),
        ("p, *, *, */*, call, , ", [*EFFECTS]),
        ("p, *, *, */*, call, , deny, ", []),
        ("p, *, *, shop/refund, call, args.", ["amount", "note"]),
        ("p, *, *, shop/refund, call, not (args.am", ["amount", "note"]),
        ("p, *, *, shop/refund, call, tool.", ["read_only"]),
        ("p, *, *, shop/refund, call, run.", ["tainted"]),
        ("p, *, *, shop/refund, call, strange.", []),
        ("p, *, *, shop/refund, call, args.note == 'args.", []),
        ("g, ", ["role:boss", "role:support", "user:ann"]),
        ("g, user:ann, ", ["role:boss", "role:support"]),
        ("g, user:ann, role:boss, ", ["*", "acme"]),
        ("# p, ", []),
        ("x, ", []),
    ],
)
def test_each_cell_is_offered_what_fits_it(line: str, expected: list[str]) -> None:
    found = offered(line)
    if line.endswith(("tool.", "run.")):
        assert set(expected) <= set(found)
    else:
        assert found == expected


def test_a_condition_begins_with_a_name_or_a_function() -> None:
    found = offered("p, *, *, shop/refund, call, ")
    assert {"args", "tool", "subject", "run", "now", "has(", "not", "true"} <= set(found)
    assert {f"{name}(" for name in FUNCTIONS} <= set(found)


def test_only_the_last_part_of_a_name_is_replaced() -> None:
    line = "p, *, *, shop/refund, call, args.am"
    (first, *_) = suggestions(line, len(line), WORDS)
    assert (line[: first.start] + first.text, first.about) == (
        "p, *, *, shop/refund, call, args.amount",
        "number: in euros",
    )


def test_a_tool_is_offered_with_what_it_does_and_no_hidden_character_in_it() -> None:
    by_text = {suggestion.text: suggestion.about for suggestion in suggestions("p, *, *, ", 9, WORDS)}
    assert by_text["shop/refund"] == "What refund does."
    assert by_text["shop/*"] == "every tool of shop"
