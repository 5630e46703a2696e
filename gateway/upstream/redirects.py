"""Where a redirect of an MCP server leads. No I/O.

What goes with a request (headers, tokens, its body) was meant for one origin: there a redirect is followed that keeps
the method, as from `/mcp/` to `/mcp`, a few times. Any other is a reason why the server can't be used.
"""

import httpx2

from gateway.reach import origin
from gateway.upstream.statuses import answered

__all__ = ["MOST_HOPS", "elsewhere", "followed", "is_redirect"]

MOST_HOPS = 3
_KEEPS_METHOD = (307, 308)
_REDIRECTS = (301, 302, 303, *_KEEPS_METHOD)


def is_redirect(response: httpx2.Response) -> bool:
    return response.status_code in _REDIRECTS and "location" in response.headers


def followed(request: httpx2.Request, response: httpx2.Response) -> httpx2.Request | None:
    """The request that a redirect asks for; None where it must not be sent."""
    target = _target(request, response)
    keeps = response.status_code in _KEEPS_METHOD or request.method == "GET"
    if target is None or not keeps or origin(str(target)) != origin(str(request.url)):
        return None
    if target.userinfo not in (b"", request.url.userinfo):
        return None  # it would be sent as a log-in
    url = target.copy_with(userinfo=request.url.userinfo)
    return httpx2.Request(
        request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
    )


def elsewhere(request: httpx2.Request, response: httpx2.Response) -> str:
    """Why a redirect is not followed: without its query, which may hold secrets."""
    target = _target(request, response)
    found = None if target is None else origin(str(target))
    if target is None or found is None:
        return answered(response.status_code, "that is no http or https address")
    named = str(target.copy_with(username=None, password=None, path="/", query=None, fragment=None)).rstrip("/")
    if found == origin(str(request.url)):
        return answered(response.status_code, f"that is within {named}, by another method or log-in")
    return answered(response.status_code, f"nothing is sent to {named} unless that is the `url` of its entry")


def _target(request: httpx2.Request, response: httpx2.Response) -> httpx2.URL | None:
    try:
        return request.url.join(response.headers["location"])
    except (httpx2.InvalidURL, ValueError):
        return None
