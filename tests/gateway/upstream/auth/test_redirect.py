import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.upstream.auth.flow import AuthFailed
from gateway.upstream.auth.redirect import Redirect, listening


def listened(work: Callable[[Redirect], Awaitable[None]]) -> dict[str, str]:
    async def go() -> dict[str, str]:
        async with listening() as redirect:
            redirect.expect("https://idp.example/authorize?state=right&x=1")
            await work(redirect)
            async with asyncio.timeout(30):
                return await redirect.answer()

    return asyncio.run(go())


async def sent(redirect: Redirect, data: bytes) -> bytes:
    port = int(redirect.url.split(":")[2].split("/")[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    if not data.endswith(b"\r\n\r\n"):
        writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


def get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nhost: x\r\n\r\n".encode()


GOOD = get("/callback?code=c&state=right&iss=https%3A%2F%2Fidp.example")


def test_the_answer_with_the_right_state_is_taken() -> None:
    async def work(redirect: Redirect) -> None:
        assert (await sent(redirect, GOOD)).startswith(b"HTTP/1.1 200 OK\r\n")

    assert listened(work) == {"code": "c", "state": "right", "iss": "https://idp.example"}


@pytest.mark.parametrize(
    "data",
    [
        get("/callback"),
        get("/callback?code=x&state=wrong"),
        get("/callback?code=x&state=right&state=right"),
        get("/callback?code=x&state="),
        get("/callback?code=x&state=%ff"),
        get("/other?code=x&state=right"),
        b"POST /callback?code=x&state=right HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\r\n\r\n",
        b"\r\n\r\n",
        b"GET ",
        b"x" * 100_000 + b"\r\n\r\n",
    ],
)
def test_whatever_else_comes_is_turned_away_and_the_waiting_goes_on(data: bytes) -> None:
    async def work(redirect: Redirect) -> None:
        assert b"200 OK" not in await sent(redirect, data)
        await sent(redirect, GOOD)

    assert listened(work)["code"] == "c"


def test_the_first_answer_counts() -> None:
    async def work(redirect: Redirect) -> None:
        await sent(redirect, GOOD)
        assert b"400 Bad Request" in await sent(redirect, get("/callback?code=second&state=right"))

    assert listened(work)["code"] == "c"


def test_before_a_log_in_has_begun_no_state_is_right() -> None:
    async def go() -> None:
        async with listening() as redirect:
            assert b"400" in await sent(redirect, get("/callback?code=x&state="))

    asyncio.run(go())


def test_a_refusal_is_told_in_its_own_word_and_nothing_else_of_it() -> None:
    async def work(redirect: Redirect) -> None:
        await sent(redirect, get("/callback?error=access_denied%1b%5b31m&error_description=%3Cscript%3E&state=right"))

    with pytest.raises(AuthFailed, match=r"^the authorization server said `access_denied31m`$"):
        listened(work)


def test_the_page_holds_nothing_of_what_was_sent_and_allows_no_script() -> None:
    async def work(redirect: Redirect) -> None:
        page = await sent(redirect, get("/callback?code=<b>c</b>&state=right"))
        assert b"<b>" not in page
        assert b"default-src 'none'" in page
        assert b"no-referrer" in page

    listened(work)


def test_it_listens_on_loopback_only_and_no_longer_than_the_log_in() -> None:
    async def go() -> str:
        async with listening() as redirect:
            return redirect.url

    url = asyncio.run(go())
    assert url.startswith("http://127.0.0.1:")
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(asyncio.wait_for(asyncio.open_connection("127.0.0.1", int(url.split(":")[2].split("/")[0])), 5))
