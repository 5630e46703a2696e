"""Whom a verified token speaks for: only what the admin named, and never a role."""

from typing import Any

import pytest

from gateway.call import Subject
from gateway.claims import ClaimRules, Template, Unmapped, identity_of

RULES = ClaimRules(Template.of("user:{email}"), Template.of("{https://acme.test/org}"))
CLAIMS = {
    "iss": "https://issuer.test",
    "exp": 100,
    "sub": "7",
    "email": "ann@acme.test",
    "https://acme.test/org": "acme",
}


def who(**other: Any) -> Any:
    return identity_of({**CLAIMS, **other}, RULES, 30.0)


def test_the_named_claims_are_the_subject() -> None:
    identity = who(scope="use more", groups=["role:admin"], tenant="globex", user="user:eve")
    assert identity.subject == Subject("user:ann@acme.test", "acme")
    assert (identity.scopes, identity.expires, identity.by) == ({"use", "more"}, 130.0, "token of https://issuer.test")


@pytest.mark.parametrize(
    ("told", "since"),
    [
        ({"auth_time": 50, "iat": 90}, 50.0), ({"iat": 90}, 90.0), ({"iat": 90.5}, 90.5), ({}, None),
        ({"auth_time": "50", "iat": 90}, None), ({"auth_time": True}, None), ({"auth_time": -1}, None),
        ({"auth_time": float("nan")}, None), ({"iat": 1e300}, None), ({"auth_time": None, "iat": 90}, None),
    ],
)  # fmt: skip
def test_when_he_logged_in_is_what_the_issuer_says_and_else_when_the_token_was_made(
    told: dict[str, Any], since: float | None
) -> None:
    assert who(**told).subject.since == since


@pytest.mark.parametrize("name", ["ann+work@acme.test", "auth0|123", "A-1_b.c", "7", "x=y~z", 7])
def test_names_that_issuers_use_are_taken(name: Any) -> None:
    assert who(email=name).subject.user == f"user:{name}"


@pytest.mark.parametrize(
    "name",
    [
        None, "", [], ["ann"], {"a": 1}, True, 1.5, "role:admin", "user:ann", "team:ops", "agent:x", "*", "ann*", "a b",
        "ann,role:admin", "ann\n", "\u202eann", "änn", "a/b", "a\\b", "-ann", "a" * 256, 'a"b', "ann\x00",
    ],
)  # fmt: skip
def test_what_no_policy_line_can_hold_is_nobody_and_is_not_repeated(name: Any) -> None:
    with pytest.raises(Unmapped) as refused:
        who(email=name)
    assert str(refused.value) in (
        "the token has no claim `email` that is text",
        "the claim `email` is no name that a policy line can hold",
    )


@pytest.mark.parametrize("tenant", [None, "", "*", "a:b", "a b", "a,b", "-a", "a" * 129])
def test_a_tenant_that_can_not_be_one_is_refused_and_never_the_default(tenant: Any) -> None:
    with pytest.raises(Unmapped, match="org"):
        who(**{"https://acme.test/org": tenant})


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_an_address_that_nobody_verified_is_nobodys(verified: Any) -> None:
    with pytest.raises(Unmapped, match="not verified"):
        who(email_verified=verified)
    assert who(email_verified=True)


@pytest.mark.parametrize(
    ("given", "scopes"),
    [
        ({"scope": "a  b"}, {"a", "b"}), ({"scp": ["a", "b", 7, "c d"]}, {"a", "b"}), ({"scp": "a b"}, {"a", "b"}),
        ({}, set()), ({"scope": None}, set()), ({"scope": 'a" b\\'}, set()), ({"scope": {"a": 1}}, set()),
    ],
)  # fmt: skip
def test_scopes_are_read_as_issuers_write_them(given: dict[str, Any], scopes: set[str]) -> None:
    assert who(**given).scopes == scopes


@pytest.mark.parametrize("text", ["{a}{b}", "{", "}", "{}", "{a b}", "x{a}}", "{{a}}"])
def test_a_template_has_one_claim(text: str) -> None:
    with pytest.raises(ValueError, match="one claim in braces"):
        Template.of(text)


def test_a_template_may_be_plain() -> None:
    assert Template.of("acme").filled({}) == "acme"
    assert Template.of("org-{id}.test").filled({"id": "7"}) == "org-7.test"
