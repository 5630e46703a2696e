import pytest

from gateway.upstream.auth.scopes import MOST, challenge_in, lacking, named, scopes_in, united

LACKING = 'Bearer error="insufficient_scope", scope="a b", resource_metadata="https://x.example/"'


@pytest.mark.parametrize(
    ("status", "header", "challenge"),
    [
        (401, None, ""),
        (401, "Bearer", "Bearer"),
        (403, LACKING, LACKING),
        (403, None, None),
        (403, "Bearer", None),
        (403, 'Bearer error="access_denied"', None),
        (403, 'Bearer error="insufficient_scope_of_another_kind"', None),
        (403, 'Bearer x_error="insufficient_scope"', None),
        (200, LACKING, None),
        (400, LACKING, None),
        (500, LACKING, None),
    ],
)
def test_other_credentials_could_mend_a_401_and_a_403_for_want_of_scopes(
    status: int, header: str | None, challenge: str | None
) -> None:
    assert challenge_in(status, header) == challenge


@pytest.mark.parametrize(
    ("challenge", "scopes"),
    [
        (LACKING, ["a", "b"]),
        ("Bearer error=insufficient_scope", []),
        ('Bearer scope="a", error="insufficient_scope"', ["a"]),
        ('Bearer Error = "insufficient_scope", Scope = "a"', ["a"]),
        ('Bearer error="insufficient_scope", x_scope="a"', []),
        ('Bearer error="insufficient_scope", scope="a a  b"', ["a", "b"]),
        ("Bearer", None),
        ('Bearer error="invalid_token", scope="a"', None),
    ],
)
def test_a_challenge_says_which_scopes_are_missing(challenge: str, scopes: list[str] | None) -> None:
    assert lacking(challenge) == scopes


def test_of_what_a_server_says_only_what_can_be_a_scope_is_taken() -> None:
    assert scopes_in('Bearer scope="good \x1b[31m b\u00e4d `x` \\ $(rm)"') == ["good", "`x`", "$(rm)"]
    many = " ".join(f"s{number}" for number in range(1000))
    assert len(scopes_in(f'Bearer scope="{many}"')) == MOST
    assert scopes_in(f'Bearer scope="{"x" * 1000}"') == []


def test_scopes_are_united_in_their_order() -> None:
    assert united("a b", None, "", "b c") == "a b c"


def test_scopes_are_named_for_people() -> None:
    assert named(["a"]) == "the scope `a`"
    assert named(["a", "b"]) == "the scopes `a`, `b`"
    assert named([]) == "another scope, which it does not name"
