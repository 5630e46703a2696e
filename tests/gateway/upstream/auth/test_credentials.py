"""The rules for renewing, with a source that only counts. With real sources: test_user_tokens, test_on_behalf."""

import asyncio
import gc
from collections.abc import Sequence

import pytest

from gateway.call import Subject
from gateway.errors import LogInNeeded
from gateway.upstream.auth import credentials as module
from gateway.upstream.auth.credentials import Carrier, Credentials
from gateway.upstream.auth.grant import Grant
from tests.gateway.upstream.auth.conftest import ANN, BOB


class Counting:
    """Grants `t1`, `t2`, ... to anybody, each for `lifetime` seconds of a clock that stands still."""

    server = "tracker"

    def __init__(self, *, per_subject: bool = True, lifetime: float = 100) -> None:
        self.per_subject = per_subject
        self.lifetime = lifetime
        self.now = 1000.0
        self.asked: list[tuple[str, str | None]] = []
        self.grants: dict[str, Grant] = {}

    def current(self, subject: Subject | None) -> Grant | None:
        return self.grants.get(str(subject))

    async def obtain(self, subject: Subject | None, old: Grant | None, challenge: str | None) -> Grant | None:
        del old
        self.asked.append((str(subject), challenge))
        grant = Grant(f"token-{len(self.asked)}", self.now, self.now + self.lifetime)
        await asyncio.sleep(0)
        self.grants[str(subject)] = grant
        return self.grants[str(subject)]

    def mend(self, subject: Subject | None) -> str:
        del subject
        return "look there"

    async def widen(self, subject: Subject | None, old: Grant | None, scopes: Sequence[str]) -> Grant | None:
        return await self.obtain(subject, old, f"wider: {' '.join(scopes)}")


def made(**more: object) -> tuple[Credentials, Counting]:
    source = Counting(**more)  # type: ignore[arg-type] # passed on
    return Credentials(source, clock=lambda: source.now), source


def test_a_fresh_token_is_used_until_it_is_about_to_end() -> None:
    async def go() -> None:
        credentials, source = made()
        first = await credentials.headers(ANN)
        source.now += 80
        assert await credentials.headers(ANN) == first
        source.now += 15
        assert await credentials.headers(ANN) != first
        assert source.asked == [("user:ann", None), ("user:ann", None)]

    asyncio.run(go())


def test_of_a_subject_who_renews_nothing_is_kept_but_what_he_got() -> None:
    async def go() -> None:
        credentials, source = made()
        for number in range(20):
            await credentials.headers(Subject(f"user:{number}", "default"))
        assert len(source.asked) == 20
        assert not credentials._turns  # noqa: SLF001 - nothing else tells what it holds

    asyncio.run(go())


def test_a_token_that_is_granted_for_a_moment_is_used_for_that_moment() -> None:
    async def go() -> None:
        credentials, source = made(lifetime=1)
        for _ in range(10):
            await credentials.headers(ANN)
        assert len(source.asked) == 1

    asyncio.run(go())


def test_each_subject_waits_for_his_own_renewal_only() -> None:
    async def go() -> None:
        credentials, source = made()
        headers = await asyncio.gather(*(credentials.headers(subject) for subject in (ANN, BOB) * 5))
        assert len({str(found) for found in headers}) == 2
        assert sorted(source.asked) == [("user:ann", None), ("user:bob", None)]

    asyncio.run(go())


def test_of_whom_nothing_is_renewed_nothing_is_kept() -> None:
    async def go() -> None:
        credentials, _ = made()
        everybody = [Subject(f"user:u{number}", "acme") for number in range(100)]
        await asyncio.gather(*(credentials.headers(one) for one in everybody))
        gc.collect()  # tasks that ended
        assert not len(credentials._turns)  # noqa: SLF001 - a lock for each who renews, and for nobody else

    asyncio.run(go())


def test_a_401_brings_the_challenge_to_the_source() -> None:
    async def go() -> None:
        credentials, source = made()
        refused = await credentials.headers(ANN)
        source.now += 60
        assert await credentials.renewed(ANN, refused, "Bearer x") == {"authorization": "Bearer token-2"}
        assert source.asked[-1] == ("user:ann", "Bearer x")

    asyncio.run(go())


def test_a_401_to_an_old_token_is_answered_with_the_new_one_that_is_there() -> None:
    async def go() -> None:
        credentials, source = made()
        refused = await credentials.headers(ANN)
        source.now += 60
        renewed = await credentials.renewed(ANN, refused, "")
        assert await credentials.renewed(ANN, refused, "") == renewed
        assert len(source.asked) == 2

    asyncio.run(go())


def test_a_server_that_refuses_every_token_does_not_cause_a_storm_of_renewals() -> None:
    async def go() -> None:
        credentials, source = made()
        for _ in range(10):
            refused = await credentials.headers(ANN)
            await credentials.renewed(ANN, refused, "")
        assert len(source.asked) == 1

    asyncio.run(go())


def test_scopes_are_asked_for_once_by_all_who_miss_them_at_the_same_time() -> None:
    async def go() -> None:
        credentials, source = made()
        refused = await credentials.headers(ANN)
        challenge = 'Bearer error="insufficient_scope", scope="read write"'
        wider = await asyncio.gather(*(credentials.renewed(ANN, refused, challenge) for _ in range(5)))
        assert wider == [{"authorization": "Bearer token-2"}] * 5
        assert source.asked == [("user:ann", None), ("user:ann", "wider: read write")]

    asyncio.run(go())


def test_without_a_subject_there_is_nothing_where_each_has_his_own() -> None:
    async def go() -> None:
        credentials, source = made()
        for question in (credentials.headers(None), credentials.renewed(None, {}, "")):
            with pytest.raises(LogInNeeded):
                await question
        assert source.asked == []
        shared, _ = made(per_subject=False)
        assert await shared.headers(None)

    asyncio.run(go())


def test_the_tokens_that_were_given_out_are_known_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)

    async def go() -> None:
        credentials, source = made(lifetime=1)
        for _ in range(3):
            await credentials.headers(ANN)
            source.now += 10
        assert credentials.secrets == ("token-2", "token-3")
        assert "token" not in repr(credentials)
        assert "token" not in repr(Carrier(credentials, ANN))

    asyncio.run(go())


def test_a_connection_is_foreign_to_others_where_each_has_his_own() -> None:
    own, shared = Carrier(made()[0], ANN), Carrier(made(per_subject=False)[0], ANN)
    assert own.foreign(BOB)
    assert own.foreign(Subject("user:ann", "other"))
    assert not own.foreign(Subject("user:ann", "acme", "agent:x"))
    assert not own.foreign(None)
    assert Carrier(made()[0]).foreign(ANN)
    assert not shared.foreign(BOB)
