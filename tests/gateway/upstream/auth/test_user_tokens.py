import asyncio
import dataclasses
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.call import Subject
from gateway.errors import LogInNeeded, UpstreamUnavailable
from gateway.reach import Reach
from gateway.upstream.auth.authority import Authority, ClientKeys
from gateway.upstream.auth.credentials import Credentials
from gateway.upstream.auth.flow import AuthFailed
from gateway.upstream.auth.grant import Grant
from gateway.upstream.auth.login import LogIn
from gateway.upstream.auth.user_tokens import UserTokens, log_in_command
from gateway.upstream.auth.vault import Binding, Vault
from tests.fixtures.auth_server import SECRET, AuthServer
from tests.gateway.upstream.auth.conftest import ANN, BOB

Show = Callable[[str], Awaitable[None]]


async def logged_in(authority: Authority, vault: Vault, show: Show, subject: Subject = ANN) -> Grant:
    grant = await LogIn(authority, show, headers={}).run()
    vault.write(Binding.of(subject, "tracker", authority.resource), grant)
    return grant


@pytest.mark.parametrize(
    ("subject", "command"),
    [
        (ANN, "toolgate login tracker --as user:ann --tenant acme"),
        (Subject("user:ann", "default", "agent:x"), "toolgate login tracker --as user:ann"),
    ],
)
def test_who_is_not_logged_in_is_told_what_to_type(
    authority: Authority, vault: Vault, subject: Subject, command: str
) -> None:
    assert log_in_command("tracker", subject) == command
    with pytest.raises(LogInNeeded) as needed:
        asyncio.run(Credentials(UserTokens(authority, vault)).headers(subject))
    assert needed.value.why == f"`user:ann` is not logged in: log in with `{command}`"


def test_nobody_has_no_credentials(authority: Authority, vault: Vault, browser: Show) -> None:
    async def go() -> None:
        await logged_in(authority, vault, browser)
        await Credentials(UserTokens(authority, vault)).headers(None)

    with pytest.raises(LogInNeeded, match="nobody is asking"):
        asyncio.run(go())


def test_the_token_of_one_subject_is_never_anothers(
    auth: AuthServer, authority: Authority, vault: Vault, browser: Show
) -> None:
    async def go() -> None:
        credentials = Credentials(UserTokens(authority, vault))
        await logged_in(authority, vault, browser)
        assert (await credentials.headers(ANN))["authorization"].removeprefix("Bearer ") in auth.tokens
        for other in (BOB, dataclasses.replace(ANN, tenant="other"), Subject("user:Ann", "acme")):
            with pytest.raises(LogInNeeded):
                await credentials.headers(other)
            with pytest.raises(LogInNeeded):
                await credentials.renewed(other, {}, "")
        assert await credentials.headers(dataclasses.replace(ANN, agent="agent:x")) == await credentials.headers(ANN)

    asyncio.run(go())


def test_a_token_is_renewed_before_it_ends_and_the_new_one_is_kept(
    auth: AuthServer, authority: Authority, vault: Vault, browser: Show
) -> None:
    async def go() -> None:
        auth.knobs.lifetime = 5  # shorter than the margin
        old = _aged(vault, authority, await logged_in(authority, vault, browser))
        auth.knobs.lifetime = 3600
        headers = await Credentials(UserTokens(authority, vault)).headers(ANN)
        assert headers != old.headers
        again = await Credentials(UserTokens(authority, vault)).headers(ANN)  # another process
        assert again == headers

    asyncio.run(go())
    (form,) = [form for form in auth.asked("/token") if form["grant_type"] == "refresh_token"]
    assert form["resource"] == auth.mcp


def test_after_a_401_the_token_is_renewed_once_however_many_calls_got_it(
    auth: AuthServer, authority: Authority, vault: Vault, browser: Show
) -> None:
    async def go() -> None:
        old = await logged_in(authority, vault, browser)
        old = _aged(vault, authority, old)
        credentials = Credentials(UserTokens(authority, vault))
        other = Credentials(UserTokens(authority, vault))  # another process
        each = [credentials if number % 2 else other for number in range(10)]
        renewed = await asyncio.gather(*(one.renewed(ANN, old.headers, "Bearer") for one in each))
        assert len({str(headers) for headers in renewed}) == 1
        assert renewed[0] != old.headers

    asyncio.run(go())
    assert len([form for form in auth.asked("/token") if form["grant_type"] == "refresh_token"]) == 1


def test_a_token_that_is_refused_as_soon_as_it_is_granted_is_not_renewed(
    auth: AuthServer, authority: Authority, vault: Vault, browser: Show
) -> None:
    async def go() -> None:
        grant = await logged_in(authority, vault, browser)
        credentials = Credentials(UserTokens(authority, vault))
        assert await credentials.renewed(ANN, grant.headers, "Bearer") is None

    asyncio.run(go())
    assert len(auth.asked("/token")) == 1


def test_a_server_that_does_not_rotate_keeps_its_refresh_token(
    auth: AuthServer, authority: Authority, vault: Vault, browser: Show
) -> None:
    async def go() -> None:
        auth.knobs.rotates = False
        old = _aged(vault, authority, await logged_in(authority, vault, browser))
        await Credentials(UserTokens(authority, vault)).renewed(ANN, old.headers, "")
        kept = vault.read(Binding.of(ANN, "tracker", authority.resource))
        assert kept is not None
        assert (kept.refresh_token, kept.access_token != old.access_token) == (old.refresh_token, True)

    asyncio.run(go())


def test_a_log_in_that_was_taken_back_is_forgotten(
    auth: AuthServer, authority: Authority, vault: Vault, browser: Show
) -> None:
    async def go() -> None:
        old = _aged(vault, authority, await logged_in(authority, vault, browser))
        auth.tokens.clear()
        with pytest.raises(LogInNeeded, match="is logged in no more: log in with"):
            await Credentials(UserTokens(authority, vault)).renewed(ANN, old.headers, "")
        assert vault.read(Binding.of(ANN, "tracker", authority.resource)) is None

    asyncio.run(go())


def test_an_authorization_server_that_is_broken_costs_nobody_his_log_in(
    auth: AuthServer, authority: Authority, vault: Vault, browser: Show
) -> None:
    async def go() -> None:
        old = _aged(vault, authority, await logged_in(authority, vault, browser))
        auth.knobs.token_status = 503
        with pytest.raises(UpstreamUnavailable) as wrong:
            await Credentials(UserTokens(authority, vault)).renewed(ANN, old.headers, "")
        assert wrong.value.why == "its log-in could not be renewed: 127.0.0.1 answered HTTP 503 `server_error`"
        auth.knobs.token_status = 200
        assert await Credentials(UserTokens(authority, vault)).renewed(ANN, old.headers, "")

    asyncio.run(go())


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("again", [False, True])
def test_who_logs_out_or_in_during_a_renewal_has_the_last_word(
    authority: Authority, vault: Vault, monkeypatch: pytest.MonkeyPatch, again: bool, ended: bool
) -> None:
    binding = Binding.of(ANN, "tracker", authority.resource)
    old = Grant("old", 1.0, 2.0, "read", "refresh", authority.url, {"client_id": "x"})
    new = dataclasses.replace(old, access_token="new", expires=None, scope="read write")
    vault.write(binding, old)

    async def renewed(*_: object) -> Grant:
        vault.write(binding, new) if again else vault.remove(binding)
        if ended:
            raise AuthFailed("no", "invalid_grant")
        return dataclasses.replace(old, access_token="renewed", expires=None)

    monkeypatch.setattr("gateway.upstream.auth.user_tokens.renewed_grant", renewed)
    monkeypatch.setattr("gateway.upstream.auth.user_tokens._same_client", lambda *_: True)
    credentials = Credentials(UserTokens(authority, vault))
    if again:
        assert asyncio.run(credentials.headers(ANN)) == new.headers
    else:
        with pytest.raises(LogInNeeded, match="is not logged in"):
            asyncio.run(credentials.headers(ANN))
    assert vault.read(binding) == (new if again else None)


def test_a_token_that_can_not_be_renewed_ends(
    auth: AuthServer, authority: Authority, vault: Vault, browser: Show
) -> None:
    async def go() -> None:
        auth.knobs.refresh = False
        old = _aged(vault, authority, await logged_in(authority, vault, browser))
        with pytest.raises(LogInNeeded, match="is logged in no more"):
            await Credentials(UserTokens(authority, vault)).renewed(ANN, old.headers, "")

    asyncio.run(go())


def test_a_renewal_goes_where_the_token_came_from_whatever_the_server_names_now(
    auth: AuthServer, authority: Authority, vault: Vault, browser: Show
) -> None:
    async def go() -> None:
        old = _aged(vault, authority, await logged_in(authority, vault, browser))
        evil = 'Bearer resource_metadata="http://127.0.0.1:9/evil"'
        assert await Credentials(UserTokens(authority, vault)).renewed(ANN, old.headers, evil)

    asyncio.run(go())


def test_a_token_endpoint_that_moved_to_a_private_address_is_not_reached(
    auth: AuthServer, authority: Authority, vault: Vault, browser: Show
) -> None:
    async def go() -> None:
        old = _aged(vault, authority, await logged_in(authority, vault, browser))
        strict = dataclasses.replace(authority, reach=Reach.of([], [auth.mcp]))
        with pytest.raises(UpstreamUnavailable, match="private address"):
            await Credentials(UserTokens(strict, vault)).renewed(ANN, old.headers, "")

    asyncio.run(go())
    assert len(auth.asked("/token")) == 1


def test_another_address_of_the_server_has_another_log_in(authority: Authority, vault: Vault, browser: Show) -> None:
    async def go() -> None:
        await logged_in(authority, vault, browser)
        moved = dataclasses.replace(authority, url="https://elsewhere.example/mcp")
        with pytest.raises(LogInNeeded, match="is not logged in"):
            await Credentials(UserTokens(moved, vault)).headers(ANN)

    asyncio.run(go())


def test_a_renewal_goes_on_when_whoever_waits_for_it_gives_up(
    auth: AuthServer, authority: Authority, vault: Vault, browser: Show
) -> None:
    """The old refresh token is used up by then: without the new one, the user would have to log in again."""

    async def go() -> None:
        old = _aged(vault, authority, await logged_in(authority, vault, browser))
        auth.knobs.held = threading.Event()
        auth.granted.clear()
        credentials = Credentials(UserTokens(authority, vault))
        waiting = asyncio.create_task(credentials.renewed(ANN, old.headers, ""))
        assert await asyncio.to_thread(auth.granted.wait, 60)
        assert auth.used_refresh
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        auth.knobs.held.set()
        assert await credentials.renewed(ANN, old.headers, "") not in (None, old.headers)

    asyncio.run(go())
    assert len([form for form in auth.asked("/token") if form["grant_type"] == "refresh_token"]) == 1


def test_the_secret_of_the_configuration_is_not_kept_and_may_be_changed(
    auth: AuthServer, authority: Authority, vault: Vault, browser: Show
) -> None:
    async def go() -> None:
        pinned = dataclasses.replace(authority, client=ClientKeys("machine", SECRET), issuer=auth.issuer)
        old = _aged(vault, authority, await logged_in(pinned, vault, browser))
        assert SECRET not in str(old.to_json())
        auth.clients["machine"]["secret"] = "another-secret"
        with pytest.raises(UpstreamUnavailable, match="invalid_client") as wrong:
            await Credentials(UserTokens(pinned, vault)).renewed(ANN, old.headers, "")
        assert not isinstance(wrong.value, LogInNeeded)  # it is no fault of ann's log-in
        changed = dataclasses.replace(pinned, client=ClientKeys("machine", "another-secret"))
        assert await Credentials(UserTokens(changed, vault)).renewed(ANN, old.headers, "")

    asyncio.run(go())


@pytest.mark.parametrize("change", ["client", "issuer"])
def test_a_log_in_of_another_client_or_issuer_than_configured_is_not_renewed(
    auth: AuthServer, authority: Authority, vault: Vault, browser: Show, change: str
) -> None:
    async def go() -> None:
        old = _aged(vault, authority, await logged_in(authority, vault, browser))
        now: Any = {"client": ClientKeys("desktop"), "issuer": "https://idp.example"}[change]
        other = dataclasses.replace(authority, **{change: now})
        with pytest.raises(LogInNeeded):
            await Credentials(UserTokens(other, vault)).renewed(ANN, old.headers, "")

    asyncio.run(go())
    assert len(auth.asked("/token")) == 1


def test_a_client_that_registered_itself_and_is_forgotten_has_to_log_in_again(
    auth: AuthServer, authority: Authority, vault: Vault, browser: Show
) -> None:
    async def go() -> None:
        old = _aged(vault, authority, await logged_in(authority, vault, browser))
        for client in auth.clients.values():
            client["secret"] = "it wants one now"
        with pytest.raises(LogInNeeded):
            await Credentials(UserTokens(authority, vault)).renewed(ANN, old.headers, "")

    asyncio.run(go())


def _aged(vault: Vault, authority: Authority, grant: Grant) -> Grant:
    """As if it had been granted a minute ago."""
    old = dataclasses.replace(grant, obtained=grant.obtained - 60)
    vault.write(Binding.of(ANN, "tracker", authority.resource), old)
    return old
