"""The duties of one decision beside those of another."""

import pytest

from gateway.duties import Duties
from gateway.policy.loosening import loosens, same
from gateway.policy.obligations import parse_duties


def duties(text: str) -> Duties | None:
    return parse_duties(text) if text else None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("redact=ssn", ""),
        ("redact=ssn iban", "redact=ssn"),
        ("redact=iban", "redact=customer.iban"),
        ("redact=*_token", "redact=api_token"),
        ("redact=ssn @secrets", "redact=ssn"),
        ("max_result_bytes=1 KB", "max_result_bytes=2 KB"),
        ("max_result_bytes=1 KB", "redact=ssn"),
        ("timeout=1 s", "timeout=2 s"),
        ("timeout=1 s", ""),
        ("dry_run", ""),
        ("dry_run", "redact=ssn"),
        ("redact=ssn", "timeout=1 s"),
        ("needs=3", "needs=2"),
        ("remember=no", ""),
        ("", "remember=yes"),
        ("", "escalate=role:boss@2h"),
    ],
)
def test_what_may_pass_that_could_not_is_looser(before: str, after: str) -> None:
    assert loosens(duties(before), duties(after))
    assert not same(duties(before), duties(after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "redact=ssn"),
        ("redact=customer.iban", "redact=iban"),
        ("redact=api_token", "redact=*_token"),
        ("redact=SSN", "redact=ssn iban"),
        ("max_result_bytes=2 KB", "max_result_bytes=1 KB"),
        ("timeout=2 s", "timeout=1 s; redact=ssn"),
        ("", "needs=2; remember=no"),
        ("escalate=role:boss@2h", "needs=2"),
        ("", "dry_run"),
        ("redact=ssn; timeout=1 s", "dry_run"),
    ],
)
def test_what_holds_back_as_much_or_more_is_not(before: str, after: str) -> None:
    assert not loosens(duties(before), duties(after))
    assert not same(duties(before), duties(after))


def test_who_says_it_and_in_which_order_does_not_matter() -> None:
    one, other = parse_duties("redact=ssn IBAN"), parse_duties("redact=iban ssn")
    assert same(Duties(one.redact, rules=("a:1",)), Duties(other.redact, rules=("b:2",)))
    assert same(None, Duties())
    assert not loosens(one, other)
