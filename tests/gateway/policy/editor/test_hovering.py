import pytest

from gateway.policy.editor.hovering import about
from tests.gateway.policy.editor.test_words import WORDS

ASK = "p, role:support, acme, shop/*, call, args.amount > 100 and not under(args.note, 'x'), ask, why"


def hover(line: str, word: str) -> str:
    return about(line, line.index(word) + 1, WORDS)


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("role:support", ["`role:support`: user:ann in acme, role:boss", "**ask**: when `role:support` would call"]),
        ("shop/*", ["- `shop/order` What order does.", "- `shop/refund`"]),
        ("amount", ["`args.amount` integer"]),
        ("under", ["`under(path, 'folder', ...)`", "bool"]),
        ("ask,", ["a person must agree first", "in tenant `acme`", "the line asks"]),
    ],
)
def test_what_stands_under_the_cursor_is_said_in_words(word: str, parts: list[str]) -> None:
    said = hover(ASK, word)
    assert all(part in said for part in parts), said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("p, *, *, */*, call, , allow, why", "**allow**: everybody may call the tool `*/*`."),
        ("p, user:ann, *, a/b, read, , deny, x", "may not read the resource `a/b`, whatever other lines say."),
        ("g, user:ann, role:boss, acme", "`user:ann` has `role:boss` in tenant `acme`."),
        ("g, user:ann, role:boss, *", "`user:ann` has `role:boss` in every tenant."),
        ("p, *, *, a/b, call, tool.trusted, allow, x", "the line does not grant."),
    ],
)
def test_a_line_says_what_it_does(line: str, said: str) -> None:
    assert said in about(line, 0, WORDS)


def test_what_can_not_be_read_says_nothing() -> None:
    assert about("p, *, *, a/b, call, , Deny, x", 0, WORDS) == ""
    assert about("", 0, WORDS) == ""
    assert about("# a comment", 3, WORDS) == ""


KEEP = "o, role:support, acme, shop/*, call, from_user(args.note), redact=ssn @secrets; timeout=10 s, why"


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("role:support", ["`role:support`: user:ann in acme", "**duties**: when `role:support` may call the tool"]),
        ("shop/*", ["- `shop/order` What order does."]),
        ("from_user", ["`from_user(args.x)`: whether every text", "the user's own words."]),
        ("redact", ["`redact=ssn customer.iban *_token @secrets`: takes these fields out"]),
        ("timeout", ["`timeout=10 s`: ends the call"]),
        ("why", ["the call keeps to `redact=ssn @secrets; timeout=10 s`", "allows nothing. If that can't be decided"]),
    ],
)
def test_duties_are_said_in_words(word: str, parts: list[str]) -> None:
    said = hover(KEEP, word)
    assert all(part in said for part in parts), said
