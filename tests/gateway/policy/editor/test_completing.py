import pytest

from gateway.policy.editor.completing import suggestions
from gateway.policy.editor.words import DUTY_WORDS
from gateway.policy.functions import FUNCTIONS
from gateway.policy.obligations import DUTIES
from gateway.policy.origins import ORIGINS
from gateway.policy.wording import ACTIONS, EFFECTS
from tests.gateway.policy.editor.test_words import WORDS


def offered(line: str) -> list[str]:
    return [suggestion.text for suggestion in suggestions(line, len(line), WORDS)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", ["p", "o", "g"]),
        ("o, ", ["*", "role:boss", "role:support", "user:ann"]),
        ("o, *, *, ", ["*/*", "mail/*", "shop/*", "mail/send", "shop/order", "shop/refund"]),
        ("o, *, *, */*, ", ["call", "read", "get"]),
        ("o, *, *, shop/refund, call, args.", ["amount", "note"]),
        (
            "o, *, *, */*, call, , ",
            ["redact=", "max_result_bytes=", "timeout=", "dry_run", "needs=", "escalate=", "remember="],
        ),
        (
            "o, *, *, */*, call, , redact=ssn; ti",
            ["max_result_bytes=", "timeout=", "dry_run", "needs=", "escalate=", "remember="],
        ),
        ("o, *, *, */*, call, , redact=ssn @s", ["@secrets"]),
        ("o, *, *, */*, call, , timeout=1", []),
        ("o, *, *, */*, call, , dry_run, ", []),
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


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("o, *, *, */*, call, , redact=ssn; ti", "o, *, *, */*, call, , redact=ssn; max_result_bytes="),
        ("o, *, *, */*, call, , redact=ssn @s", "o, *, *, */*, call, , redact=ssn @secrets"),
    ],
)
def test_only_the_duty_at_the_cursor_is_replaced(line: str, completed: str) -> None:
    (first, *_) = suggestions(line, len(line), WORDS)
    assert line[: first.start] + first.text == completed


def test_a_condition_may_ask_where_a_value_came_from_and_every_duty_is_known() -> None:
    assert {f"{name}(" for name in ORIGINS} <= set(offered("p, *, *, shop/refund, call, "))
    assert tuple(DUTY_WORDS) == DUTIES
