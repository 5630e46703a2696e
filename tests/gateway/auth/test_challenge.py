"""What a refusal says, as RFC 6750 and RFC 9728 write it."""

import pytest

from gateway.auth.challenge import Challenges, Resource

OURS = Resource("https://gate.test/mcp", "https://issuer.test")


def test_a_challenge_says_what_to_bring() -> None:
    challenges = Challenges(frozenset({"use", "more"}), {"/mcp/git": frozenset({"git"})}, OURS)
    where = 'resource_metadata="https://gate.test/.well-known/oauth-protected-resource/mcp"'
    assert challenges.missing("/mcp").challenge == f'Bearer realm="toolgate", scope="more use", {where}'
    assert (
        challenges.invalid("/mcp/git").challenge
        == f'Bearer realm="toolgate", error="invalid_token", scope="git", {where}'
    )
    refused = challenges.insufficient("/mcp")
    assert refused.status == 403
    assert refused.challenge.startswith('Bearer realm="toolgate", error="insufficient_scope", scope="more use"')


STOCK = {"/mcp/stock": frozenset({"stock"}), "/mcp/free": frozenset[str](), "/approvals": frozenset({"approvals"})}


@pytest.mark.parametrize(
    ("serve", "scopes", "opened"),
    [
        ("", "", "/mcp /mcp/free"),
        ("", "stock", "/mcp/stock"),
        ("", "stokc", ""),
        ("", "approvals", "/mcp /mcp/free /approvals"),
        ("", "approvals stock", "/mcp/stock /approvals"),
        ("tools", "stock", "/mcp/stock"),
        ("tools", "", "/mcp/free"),
        ("tools", "tools", "/mcp /mcp/free"),
        ("tools", "tools stock", "/mcp /mcp/stock /mcp/free"),
    ],
)
def test_a_key_that_was_made_for_parts_opens_these_and_nothing_else(serve: str, scopes: str, opened: str) -> None:
    challenges = Challenges(frozenset(serve.split()), STOCK)
    held = frozenset(scopes.split())
    paths = ("/mcp", *STOCK)
    assert [path for path in paths if challenges.opens(path, held, key=True)] == opened.split()


def test_a_tokens_scopes_are_its_issuers() -> None:
    challenges = Challenges(frozenset(), STOCK)
    held = frozenset({"openid", "stock"})
    assert [path for path in ("/mcp", *STOCK) if challenges.opens(path, held, key=False)] == [
        "/mcp",
        "/mcp/stock",
        "/mcp/free",
    ]


def test_where_nothing_that_is_served_asks_for_a_scope_a_keys_have_no_effect() -> None:
    challenges = Challenges(by_path={"/approvals": frozenset({"approvals"})})
    assert challenges.opens("/mcp", frozenset({"any"}), key=True)


def test_without_oauth_and_scopes_it_is_short() -> None:
    assert Challenges().missing("/mcp").challenge == 'Bearer realm="toolgate"'


@pytest.mark.parametrize(
    ("url", "metadata"),
    [
        ("https://gate.test/mcp", "https://gate.test/.well-known/oauth-protected-resource/mcp"),
        ("https://gate.test:8443/a/mcp/", "https://gate.test:8443/.well-known/oauth-protected-resource/a/mcp"),
        ("https://gate.test", "https://gate.test/.well-known/oauth-protected-resource"),
        ("https://gate.test/", "https://gate.test/.well-known/oauth-protected-resource"),
    ],
)
def test_the_well_known_path_stands_before_the_resources_own(url: str, metadata: str) -> None:
    assert Resource(url, "https://issuer.test").metadata_url == metadata


def test_the_metadata_names_the_issuer_and_all_scopes() -> None:
    challenges = Challenges(frozenset({"use"}), {"/mcp/git": frozenset({"git"})}, OURS)
    assert OURS.metadata(challenges.all_scopes) == {
        "resource": "https://gate.test/mcp",
        "authorization_servers": ["https://issuer.test"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Toolgate",
        "scopes_supported": ["git", "use"],
    }
    assert "scopes_supported" not in OURS.metadata(frozenset())
