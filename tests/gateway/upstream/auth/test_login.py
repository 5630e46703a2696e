import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from gateway.errors import UpstreamUnavailable
from gateway.reach import Reach
from gateway.upstream.auth.authority import Authority, ClientKeys
from gateway.upstream.auth.grant import Grant
from gateway.upstream.auth.login import LogIn
from tests.fixtures.auth_server import SECRET, AuthServer
from tests.gateway.upstream.auth.conftest import browse

Show = Callable[[str], Awaitable[None]]


def log_in(authority: Authority, show: Show, **more: Any) -> Grant:
    return asyncio.run(LogIn(authority, show, **{"headers": {}, "patience": 30, **more}).run())


def refused(authority: Authority, show: Show, **more: Any) -> str:
    with pytest.raises(UpstreamUnavailable) as wrong:
        log_in(authority, show, **more)
    return wrong.value.why


def test_a_user_logs_in_with_pkce_and_a_token_for_this_server_only(
    auth: AuthServer, authority: Authority, browser: Show
) -> None:
    grant = log_in(authority, browser)
    assert auth.tokens[grant.access_token].user == "ann"
    assert grant.refresh_token == auth.tokens[grant.access_token].refresh
    assert (grant.issuer, grant.expires is not None) == (auth.issuer, True)
    (query,), (form,) = auth.asked("/authorize"), auth.asked("/token")
    assert query["code_challenge_method"] == "S256"
    assert query["resource"] == form["resource"] == auth.mcp
    assert query["redirect_uri"] == form["redirect_uri"]
    assert query["redirect_uri"].startswith("http://127.0.0.1:")


def test_no_token_and_no_secret_is_in_a_repr(auth: AuthServer, authority: Authority, browser: Show) -> None:
    grant = log_in(authority, browser)
    assert not [secret for secret in auth.secrets if secret in repr(grant)]
    assert SECRET not in repr(dataclasses.replace(authority, client=ClientKeys("machine", SECRET)))


def test_a_client_that_is_registered_needs_no_registration(
    auth: AuthServer, authority: Authority, browser: Show
) -> None:
    log_in(dataclasses.replace(authority, client=ClientKeys("desktop")), browser)
    assert auth.asked("/authorize")[0]["client_id"] == "desktop"
    assert auth.asked("/register") == []


def test_a_metadata_document_says_who_we_are(auth: AuthServer, authority: Authority, browser: Show) -> None:
    address = "https://example.com/toolgate.json"
    auth.knobs.documents[address] = {"redirect_uris": ["http://127.0.0.1/callback"]}
    grant = log_in(authority, browser, metadata_url=address)
    assert auth.asked("/authorize")[0]["client_id"] == address
    assert auth.asked("/register") == []
    assert grant.client is not None
    assert grant.client["client_id"] == address


def test_the_scopes_are_those_that_the_admin_wants(auth: AuthServer, authority: Authority, browser: Show) -> None:
    auth.knobs.metadata["scopes_supported"] = ["everything", "read"]
    log_in(dataclasses.replace(authority, scopes="read"), browser)
    assert auth.asked("/authorize")[0]["scope"] == "read"


def test_the_redirect_port_may_be_set_for_clients_that_are_registered_with_it(
    auth: AuthServer, authority: Authority, browser: Show, unused_port: int
) -> None:
    log_in(authority, browser, port=unused_port)
    assert auth.asked("/authorize")[0]["redirect_uri"] == f"http://127.0.0.1:{unused_port}/callback"


def test_a_port_that_is_taken_is_named(authority: Authority, browser: Show) -> None:
    port = urlsplit(authority.url).port or 0
    assert refused(authority, browser, port=port).startswith(f"can't listen on port {port}")


# ---- what is not taken


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"consents": False}, "the authorization server said `access_denied`"),
        ({"iss": "https://evil.example"}, "iss mismatch"),
        ({"lifetime": 0}, "the server does not take the token that it sent us for"),
        ({"pkce_methods": None}, "PKCE"),
        ({"pkce_methods": ["plain"]}, "PKCE"),
        ({"metadata": {"issuer": "https://evil.example"}}, "issuer mismatch"),
        ({"metadata": {"authorization_endpoint": "http://evil.example/authorize"}}, "is not https"),
        ({"metadata": {"token_endpoint": "http://10.0.0.1/token"}}, "is not https"),
        ({"metadata": {"token_endpoint": "https://10.0.0.1/token"}}, "private address"),
        ({"metadata": {"registration_endpoint": "https://169.254.169.254/x"}}, "private address"),
        ({"token_status": 500}, "127.0.0.1 answered HTTP 500 `server_error`"),
    ],
)
def test_what_an_authorization_server_must_not_do(
    auth: AuthServer, authority: Authority, browser: Show, knobs: dict[str, Any], told: str
) -> None:
    for name, value in knobs.items():
        setattr(auth.knobs, name, value)
    why = refused(authority, browser)
    assert told in why
    assert "verifier" not in why
    assert not [code for _, form in auth.seen for code in [form.get("code"), form.get("state")] if code and code in why]


def test_an_answer_to_another_log_in_is_turned_away_and_the_waiting_goes_on(
    auth: AuthServer, authority: Authority
) -> None:
    async def show(url: str) -> None:
        redirect = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        async with httpx2.AsyncClient() as client:
            forged = await client.get(redirect, params={"code": "forged", "state": "guess"})
            assert forged.status_code == 400
        assert (await browse(url)).status_code == 200

    grant = log_in(authority, show)
    assert grant.access_token in auth.tokens


def test_a_pinned_issuer_is_the_only_one_that_is_asked(auth: AuthServer, authority: Authority, browser: Show) -> None:
    keys = ClientKeys("machine", SECRET)
    pinned = dataclasses.replace(authority, client=keys, issuer="https://idp.example")
    why = refused(pinned, browser)
    assert f"names the authorization server `{auth.issuer}`" in why
    assert auth.seen == []


def test_a_server_that_names_no_authorization_server_does_not_get_the_secret_itself(
    open_auth: AuthServer, browser: Show
) -> None:
    reach = Reach.of(["127.0.0.1"], [open_auth.mcp])
    keys = ClientKeys("machine", SECRET)
    why = refused(Authority("tracker", open_auth.mcp, reach, issuer="https://idp.example", client=keys), browser)
    assert "does not name the configured authorization server" in why


def test_an_authorization_server_on_a_private_address_is_reached_only_if_the_admin_lists_it(
    auth: AuthServer, browser: Show
) -> None:
    why = refused(Authority("tracker", auth.mcp, Reach.of([], [auth.mcp])), browser)
    assert "is not to be reached: it is a private address; the admin may list it under `[network] allow`" in why
    assert auth.seen == []


def test_who_says_nothing_is_not_waited_for_for_ever(authority: Authority) -> None:
    async def show(_: str) -> None:
        """Nobody is there."""

    with pytest.raises(TimeoutError):
        log_in(authority, show, patience=0.05)


def test_a_server_that_takes_anybody_can_still_be_logged_in_to(browser: Show, open_auth: AuthServer) -> None:
    authority = Authority("tracker", open_auth.mcp, Reach.of(["127.0.0.1"], [open_auth.mcp]))
    why = refused(authority, browser)
    assert "127.0.0.1 answered HTTP 404" in why  # it has no authorization server: said so, and no browser was opened
