"""An HTTP client for addresses that somebody else named: resolved once, checked, and connected to as checked.

The connection goes to the very address that was looked at, so a name that resolves differently a moment later (DNS
rebinding) gains nothing; Host header and TLS still name the host. No connection is used twice: a kept one to the same
address might have been opened for another name. Redirects come back as they are, and pass here again if they are
followed. Answers are short, or cut off.
"""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import cast

import httpx2

from gateway.reach import Address, Reach

__all__ = ["CEILING", "GuardedTransport", "OutOfReach", "Resolve", "TooLong", "guarded_client"]

CEILING = 256 * 1024  # bytes of an answer
PATIENCE = 10.0  # seconds for each step of a request

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


async def resolved(host: str, port: int) -> Sequence[str]:
    """Every address of the host, as the system knows it: names, and numbers in whatever notation."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(item[4][0]) for item in found]


def guarded_client(reach: Reach, resolve: Resolve = resolved) -> httpx2.AsyncClient:
    """A client that reaches only what `reach` lets it. Enter it, or close it."""
    return httpx2.AsyncClient(
        transport=GuardedTransport(reach, resolve),
        timeout=PATIENCE,
        follow_redirects=False,
        trust_env=False,  # a proxy would do the resolving, where nobody checks it; .netrc has nothing for these
        headers={"accept-encoding": "identity", "user-agent": "toolgate"},
    )


class OutOfReach(httpx2.ConnectError):
    """An address that may not be reached. Its text says why, and what the admin can do. Nothing was sent."""


class TooLong(httpx2.ReadError):
    """An answer above the ceiling. Its text says so."""


class GuardedTransport(httpx2.AsyncBaseTransport):
    """`inner` does the sending; it is given addresses, never names."""

    def __init__(
        self, reach: Reach, resolve: Resolve = resolved, inner: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self._reach = reach
        self._resolve = resolve
        self._inner = inner or httpx2.AsyncHTTPTransport(
            limits=httpx2.Limits(max_connections=64, max_keepalive_connections=0), trust_env=False
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises OutOfReach for an address that may not be reached: nothing was sent."""
        addresses = await self._allowed(request.url)
        for address in addresses[:-1]:
            try:
                return await self._sent(request, address)
            except httpx2.ConnectError:
                continue
        return await self._sent(request, addresses[-1])

    async def _allowed(self, url: httpx2.URL) -> Sequence[Address]:
        where = f"{url.scheme}://{url.host}"
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            async with asyncio.timeout(PATIENCE):
                names = await self._resolve(url.host, port)
        except (OSError, UnicodeError):
            raise httpx2.ConnectError(f"`{url.host}` can't be resolved") from None
        addresses = [ipaddress.ip_address(name.partition("%")[0]) for name in names]
        flaws = [self._reach.flaw(str(url), address) for address in addresses]
        fit = [address for address, flaw in zip(addresses, flaws, strict=True) if not flaw]
        if not fit:
            why = next(iter(flaws), "it has no address")
            hint = "; the admin may list it under `[network] allow`" if "private" in why else ""
            raise OutOfReach(f"`{where}` is not to be reached: {why}{hint}")
        return fit

    async def _sent(self, request: httpx2.Request, address: Address) -> httpx2.Response:
        pinned = httpx2.Request(
            request.method,
            request.url.copy_with(host=str(address)),
            headers=request.headers,  # Host among them
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.host},
        )
        response = await self._inner.handle_async_request(pinned)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            await response.aclose()
            raise httpx2.ReadError(f"`{request.url.host}` answered compressed, which it was not asked to")
        response.stream = _Short(cast("httpx2.AsyncByteStream", response.stream))
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Short(httpx2.AsyncByteStream):
    """A body up to the ceiling."""

    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = CEILING
        async for piece in self._inner:
            left -= len(piece)
            if left < 0:
                raise TooLong(f"the answer is longer than {CEILING} bytes")
            yield piece

    async def aclose(self) -> None:
        await self._inner.aclose()
