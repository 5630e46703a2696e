"""Requests that carry credentials, on both lanes: the SDK's HTTP client, and our own pool.

A request that the server answers with 401 is sent once more, with renewed credentials, and only then: 401 says that
the request "has not been applied" (RFC 9110 section 15.5.2), so a call that got it did not run. After any other answer,
and after none, nothing is ever sent again. An answer that says 401 and brings a result is taken for what it brings.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import httpx2

from gateway.call import InDoubt, Subject, Unsent
from gateway.errors import StoreError, UpstreamUnavailable
from gateway.upstream.auth.credentials import Carrier
from gateway.upstream.auth.reach import origin
from gateway.upstream.outcomes import TRANSPORT_ERROR, Fate, transport_error
from gateway.upstream.pool import Pool, Replied
from gateway.upstream.spec import Http
from gateway.upstream.wire import dump
from gateway.upstream.wires import Hear

__all__ = ["CarryingTransport", "Message", "carrying", "post"]

_LIMITS = httpx2.Limits(max_connections=1024, max_keepalive_connections=64)  # as `SafeTransport` has them


@dataclass(frozen=True, slots=True)
class Message:
    """One JSON-RPC request, as the pool sends it."""

    request_id: int
    body: bytes
    headers: Mapping[str, str]
    hear: Hear | None = None

    async def over(self, pool: Pool, more: Mapping[str, str], timeout: float) -> Replied | Unsent | InDoubt:
        headers = {**self.headers, **more}
        return await pool.post(self.request_id, self.body, headers, timeout=timeout, hear=self.hear)


async def post(
    pool: Pool, carrier: Carrier | None, subject: Subject | None, message: Message, timeout: float
) -> Replied | Unsent | InDoubt:
    """As `Pool.post`, with this subject's credentials (the connection's owner's for None).

    A refusal comes as an error in the reply, marked as ours: one subject's missing log-in says nothing about the
    connection, which others use.
    """
    if carrier is None:
        return await message.over(pool, {}, timeout)
    subject, end = subject or carrier.owner, asyncio.get_running_loop().time() + timeout
    try:
        async with asyncio.timeout_at(end):
            sent = await carrier.credentials.headers(subject)
        reply = await message.over(pool, sent, _left(end))
        if (challenge := _challenge(reply)) is None:
            return reply
        async with asyncio.timeout_at(end):
            again = await carrier.credentials.renewed(subject, sent, challenge)
    except TimeoutError:
        return _refusal("unsent", f"no token came within {timeout:.3g} s")
    except (UpstreamUnavailable, StoreError) as error:
        return _refusal("unsent", _why(error))
    if again is not None:
        reply = await message.over(pool, again, _left(end))
    if _challenge(reply) is None:
        return reply
    return _refused(subject)


def _challenge(reply: Replied | Unsent | InDoubt) -> str | None:
    """What came with a 401 that is nothing but one; None for any other answer, and for none."""
    if not isinstance(reply, Replied) or (isinstance(reply.message, Mapping) and "result" in reply.message):
        return None
    return reply.challenge


def _left(end: float) -> float:
    return max(0.001, end - asyncio.get_running_loop().time())


def _refused(subject: Subject | None) -> Replied:
    """A last 401, in words."""
    of = f" of `{subject.user}`" if subject else ""
    return _refusal("refused", f"the server does not take the credentials{of} (HTTP 401)", 401)


def _refusal(fate: Fate, why: str, code: int = TRANSPORT_ERROR) -> Replied:
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
            return _answered(request, _refusal("unsent", _why(error)))

    async def _carried(self, request: httpx2.Request) -> httpx2.Response:
        credentials, owner = self._carrier.credentials, self._carrier.owner
        sent = await credentials.headers(owner)
        request.headers.update(sent)
        response = await self._inner.handle_async_request(request)
        if response.status_code != 401:
            return response
        await response.aclose()
        again = await credentials.renewed(owner, sent, response.headers.get("www-authenticate", ""))
        if again is not None:
            request.headers.update(again)
            response = await self._inner.handle_async_request(request)
        if response.status_code != 401 or request.method != "POST":
            return response
        await response.aclose()
        return _answered(request, _refused(owner))

    async def aclose(self) -> None:
        await self._inner.aclose()


def carrying(http: Http) -> httpx2.AsyncBaseTransport | None:
    """What `SafeTransport` wraps for a server that wants to know who is there; None for any other."""
    if http.carrier is None:
        return None
    return CarryingTransport(http.carrier, http.url, httpx2.AsyncHTTPTransport(limits=_LIMITS))
