"""Requests that carry credentials, on both lanes: the SDK's HTTP client, and our own pool.

A request that the server answers with 401 is sent once more, with renewed credentials: 401 says that the request "has
not been applied" (RFC 9110 section 15.5.2), so a call that got it did not run. The same holds for a 403 that says which
scopes are missing (RFC 6750 section 3.1): once more, with a token for these, where it takes no person to get it. Each
of the two happens once for a request. After any other answer, and after none, nothing is ever sent again. An answer
that says 401 or 403 and brings a result is taken for what it brings.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Mapping
from urllib.parse import urlsplit

import httpx2

from gateway.call import InDoubt, Subject, Unsent
from gateway.errors import StoreError, UpstreamUnavailable
from gateway.reach import origin
from gateway.upstream.auth.credentials import Carrier, Credentials
from gateway.upstream.auth.scopes import challenge_in, lacking, named
from gateway.upstream.outcomes import HELD_BACK, Fate, transport_error
from gateway.upstream.pool import Pool, Replied
from gateway.upstream.safe_transport import LIMITS
from gateway.upstream.spec import Http
from gateway.upstream.statuses import answered
from gateway.upstream.wire import dump
from gateway.upstream.wires import Hear
from gateway.values import value

Reply = Replied | Unsent | InDoubt

__all__ = ["CarryingTransport", "Message", "carrying", "certificates", "post"]


@value(frozen=True, slots=True)
class Message:
    """One JSON-RPC request, as the pool sends it."""

    request_id: int
    body: bytes
    headers: Mapping[str, str]
    hear: Hear | None = None

    def over(self, pool: Pool, timeout: float, more: Mapping[str, str] | None = None) -> Awaitable[Reply]:
        """With more headers than its own."""
        headers = {**self.headers, **more} if more else self.headers
        return pool.post(self.request_id, self.body, headers, timeout=timeout, hear=self.hear)


def post(
    pool: Pool, carrier: Carrier | None, subject: Subject | None, message: Message, timeout: float
) -> Awaitable[Reply]:
    """As `Pool.post`, with this subject's credentials (the connection's owner's for None).

    A refusal comes as an error in the reply, marked as ours: one subject's missing log-in says nothing about the
    connection, which others use.
    """
    if carrier is None:
        return message.over(pool, timeout)
    return _carried(pool, carrier, subject, message, timeout)


async def _carried(pool: Pool, carrier: Carrier, subject: Subject | None, message: Message, timeout: float) -> Reply:
    subject, end = subject or carrier.owner, asyncio.get_running_loop().time() + timeout
    attempts = Attempts(carrier.credentials, subject)
    try:
        async with asyncio.timeout_at(end):
            headers = await attempts.first()
        while True:
            reply = await message.over(pool, _left(end), headers)
            if (challenge := _challenge(reply)) is None:
                return reply
            async with asyncio.timeout_at(end):
                again = await attempts.next(challenge)
            if again is None:
                return attempts.refused(challenge)
            headers = again
    except TimeoutError:
        return _refusal("unsent", f"no token came within {timeout:.3g} s", HELD_BACK)
    except (UpstreamUnavailable, StoreError) as error:
        return _refusal("unsent", _why(error), HELD_BACK)


class Attempts:
    """What one request of a subject carries, each time that it is sent."""

    def __init__(self, credentials: Credentials, subject: Subject | None) -> None:
        self._credentials, self._subject = credentials, subject
        self._sent: Mapping[str, str] = {}
        self._mended: set[bool] = set()  # whether it was the scopes

    async def first(self) -> Mapping[str, str]:
        """Raises LogInNeeded or UpstreamUnavailable, as `next` does."""
        self._sent = await self._credentials.headers(self._subject)
        return self._sent

    async def next(self, challenge: str) -> Mapping[str, str] | None:
        """After a refusal with this challenge; None when nothing is to be sent again."""
        scopes = lacking(challenge) is not None
        if scopes in self._mended:
            return None
        self._mended.add(scopes)
        again = await self._credentials.renewed(self._subject, self._sent, challenge)
        self._sent = again or self._sent
        return again

    def refused(self, challenge: str) -> Replied:
        """A last refusal, in words."""
        of = f" of `{self._subject.user}`" if self._subject else ""
        scopes = lacking(challenge)
        if scopes is None:
            mend = self._credentials.mend(self._subject)
            return _refusal("refused", answered(401, f"it does not take the credentials{of}: {mend}"), 401)
        return _refusal(
            "refused", answered(403, f"it wants {named(scopes)}, and the credentials{of} have no more"), 403
        )


def _challenge(reply: Replied | Unsent | InDoubt) -> str | None:
    """What came with a refusal that is nothing but one; None for any other answer, and for none."""
    if not isinstance(reply, Replied) or (isinstance(reply.message, Mapping) and "result" in reply.message):
        return None
    return reply.challenge


def _left(end: float) -> float:
    return max(0.001, end - asyncio.get_running_loop().time())


def _refusal(fate: Fate, why: str, code: int) -> Replied:
    return Replied({"error": transport_error(fate, why, code).model_dump()})


def _why(error: UpstreamUnavailable | StoreError) -> str:
    return error.why if isinstance(error, UpstreamUnavailable) else str(error)


def _answered(request: httpx2.Request, reply: Replied) -> httpx2.Response:
    body = {"jsonrpc": "2.0", "id": None, **reply.message}
    return httpx2.Response(502, headers={"content-type": "application/json"}, content=dump(body), request=request)


class CarryingTransport(httpx2.AsyncBaseTransport):
    """Stands below `SafeTransport`. What fails for want of credentials is answered here, as the error of that one
    request, marked as ours; so it is never taken for a connection that broke.

    Only requests to the server's own origin carry anything.
    """

    def __init__(self, carrier: Carrier, url: str, inner: httpx2.AsyncBaseTransport) -> None:
        self._carrier = carrier
        self._origin = origin(url)
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises httpx2.ConnectError when there are no credentials for a stream of events: nothing was opened."""
        if origin(str(request.url)) != self._origin:
            return await self._inner.handle_async_request(request)
        try:
            return await self._carried(request)
        except (UpstreamUnavailable, StoreError) as error:
            if request.method != "POST":
                raise httpx2.ConnectError(_why(error)) from None
            return _answered(request, _refusal("unsent", _why(error), HELD_BACK))

    async def _carried(self, request: httpx2.Request) -> httpx2.Response:
        attempts = Attempts(self._carrier.credentials, self._carrier.owner)
        request.headers.update(await attempts.first())
        while True:
            response = await self._inner.handle_async_request(request)
            challenge = challenge_in(response.status_code, response.headers.get("www-authenticate"))
            if challenge is None:
                return response
            again = await attempts.next(challenge)
            if again is None:
                return response if request.method != "POST" else await _told(request, response, attempts, challenge)
            await response.aclose()
            request.headers.update(again)

    async def aclose(self) -> None:
        await self._inner.aclose()


async def _told(
    request: httpx2.Request, response: httpx2.Response, attempts: Attempts, challenge: str
) -> httpx2.Response:
    await response.aclose()
    return _answered(request, attempts.refused(challenge))


def carrying(http: Http) -> httpx2.AsyncBaseTransport:
    """What `SafeTransport` wraps: with credentials for a server that wants to know who is there."""
    inner = httpx2.AsyncHTTPTransport(limits=LIMITS, verify=certificates(http.url))
    return inner if http.carrier is None else CarryingTransport(http.carrier, http.url, inner)


def certificates(url: str) -> ssl.SSLContext | bool:
    """Whose certificates count: those that the system trusts; nobody's, where none will be shown. (To read the system's
    costs 50 ms, and a megabyte for each server.)
    """
    return urlsplit(url).scheme != "http" or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
