"""What every HTTP request passes first: a ladder of checks on its head alone, before anybody looks at its body.

Not too large, from a place that may ask, while we are open; then the pages that anybody may see; then who is asking,
and for which part. The first rung that fails answers. What got through has an `Asker` in its scope, and its
`Authorization` header is gone: nothing behind the door can pass it on. Who comes to answer (`people`) has a `Visit`
there instead.
"""

import time
from collections.abc import Callable, Coroutine, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from gateway.auth import Authenticator, Refusal
from gateway.call import Subject
from gateway.identity import Identity
from gateway.profile import WHOLE, Profile
from gateway.serve.asking import ASKER, STILL, Asker, Standing, Still
from gateway.serve.crossing import origin_of, preflight
from gateway.serve.origins import Origins
from gateway.serve.people.visit import PREFIX, Visit, is_here, is_visit_of_a_page
from gateway.serve.response import Response, in_json
from gateway.serve.watching import Watching, is_watched

__all__ = ["MAX_BODY", "MCP_PATH", "VISIT", "Door", "Entry", "Page"]

Scope = MutableMapping[str, Any]
Headers = list[tuple[bytes, bytes]]

# A page that anybody may see; it is told who asks, None for somebody who did not log in.
Page = Callable[[Identity | None], Coroutine[Any, Any, Response]]

# Answers a visit at `/approvals`.
Counter = Callable[[Visit], Coroutine[Any, Any, Response]]

MCP_PATH = "/mcp"
WELL_KNOWN = "/.well-known/"
VISIT = "toolgate.visit"  # where a request's `Visit` stands in its state
MAX_BODY = 4 * 1024 * 1024
MAX_HEADERS = 100
MAX_HEAD = 32 * 1024  # bytes
RETRY_SECONDS = 1
_CODINGS = {
    b"content-encoding": (415, b"identity"),
    b"transfer-encoding": (501, b"chunked"),
}  # the ones that change nothing

_REASONS: Mapping[int, str] = {
    401: "who are you?",
    403: "this needs more than you were given",
    503: "it can't be found out who you are; try again",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """Who may come in. Without an `authenticator`, everybody is `local`; with one, nobody is.

    `agent` is the agent of the policy's through which all clients ask, if one is named. Without a `counter`, nobody
    answers over HTTP; without `watching`, nobody watches a run.
    """

    local: Subject
    authenticator: Authenticator | None = None
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    pages: Mapping[str, Page] = field(default_factory=dict)
    counter: Counter | None = None
    watching: Watching | None = None
    origins: Origins = field(default_factory=Origins)
    max_body: int = MAX_BODY


class Door:
    """`let_in` is asked once for each request. After `close()`, nobody new comes in."""

    def __init__(self, entry: Entry) -> None:
        self._entry, self._local = entry, Identity(entry.local)
        self._closed = False

    def close(self) -> None:
        self._closed = True
        if self._entry.watching is not None:
            self._entry.watching.close()

    @property
    def closed(self) -> bool:
        return self._closed

    def asker(self, headers: Headers, path: str) -> Asker | None:
        """Who sends any request with this head, where nobody has to log in; None where more has to be known, or
        something is wrong.
        """
        entry = self._entry
        if entry.authenticator is not None or path in entry.pages or self._looked_at(headers) is not None:
            return None
        profile = self._profile(path)
        return None if profile is None else _asker(entry.local, entry.local.since, entry.local.agent, profile)

    async def let_in(self, scope: Scope) -> Response | None:
        """The answer for a request that does not get in; None for one that does: its scope is ready then.

        `scope["headers"]` is a list of stripped pairs. The path of a profile becomes that of all.
        """
        path: str = scope["path"]
        answers = self._entry.counter is not None and is_here(path)
        refused = self._looked_at(self._headers_of(scope, answers=answers))
        if refused is not None:
            return _closing(*refused)
        if scope["method"] == "OPTIONS" and self.page_of(scope) is not None:
            methods = "GET" if path in self._entry.pages else "GET, POST, DELETE"
            if (may := preflight(scope["headers"], methods)) is not None:
                return may
        if self._closed:
            return _closing(503, "the gateway is about to end", {"retry-after": str(RETRY_SECONDS)})
        if self._entry.watching is not None and is_watched(path):
            return await self._watched(self._entry.watching, scope)
        who = await self._who(scope["headers"], PREFIX if answers else path)
        if answers:
            visit = Visit(scope["method"], path.removeprefix(PREFIX).strip("/"), scope["headers"], who)
            scope.setdefault("state", {})[VISIT] = visit
            return None
        if path in self._entry.pages:
            return await self._page(path, scope["method"], who)
        return self._client(scope, path, who)

    def page_of(self, scope: Scope) -> bytes | None:
        """The origin of the page that may see the answer to this request, if it is one of another origin: of those that
        are listed, and of any for what is public. What people answer and watch is for our own pages alone.
        """
        path: str = scope["path"]
        public = self._is_public(path)
        if not public and not self._entry.origins.origins:
            return None
        origin = origin_of(scope["headers"])
        if origin is None or public:
            return origin
        served = path in self._entry.pages or path == MCP_PATH or path.startswith(f"{MCP_PATH}/")
        return origin if served and self._entry.origins.lists(origin.decode("latin-1").lower()) else None

    def _is_public(self, path: str) -> bool:
        """What OAuth clients are told about us: those that are pages read it wherever they come from."""
        return path.startswith(WELL_KNOWN) and path in self._entry.pages

    def _client(self, scope: Scope, path: str, who: Identity | Refusal) -> Response | None:
        """Who comes to call."""
        if isinstance(who, Refusal):
            return _refused(who)
        profile = self._profile(path)
        if profile is None:
            return in_json({"error": "there is nothing here"}, 404)
        if self._entry.authenticator is not None:
            scope.setdefault("state", {})[STILL] = _still(self._entry.authenticator, who, scope["headers"], path)
        _admit(scope, _asker(who.subject, who.subject.since, self._entry.local.agent, profile))
        return None

    async def _watched(self, watching: Watching, scope: Scope) -> Response:
        """By whoever may answer."""
        if scope["method"] != "GET":
            return in_json({"error": "a run is watched with GET"}, 405, {"allow": "GET"})
        who = await self._who(scope["headers"], PREFIX)
        if isinstance(who, Refusal):
            return _refused(who)
        known = self._entry.authenticator
        still = None if known is None else _still(known, who, scope["headers"], PREFIX)
        return await watching.answer(scope, who.subject, still)

    async def answer(self, visit: Visit) -> Response:
        """Of somebody who was let in to answer."""
        if self._entry.counter is None:
            raise LookupError("nobody answers here")
        return await self._entry.counter(visit)

    def _looked_at(self, headers: Headers) -> tuple[int, str] | None:
        size = 0
        for name, value in headers:
            size += len(name) + len(value)
            if name == b"content-length" and value.isdigit() and int(value[:20]) > self._entry.max_body:
                return 413, f"the body is larger than {self._entry.max_body} bytes"
            if name in _CODINGS and value.lower() != _CODINGS[name][1]:
                return _CODINGS[name][0], f"a body is read as it is: `{name.decode()}` names a coding"
        if size > MAX_HEAD or len(headers) > MAX_HEADERS:
            return 431, f"the head of a request has at most {MAX_HEADERS} fields and {MAX_HEAD} bytes"
        return self._entry.origins.refusal(headers)

    def _headers_of(self, scope: Scope, *, answers: bool) -> Headers:
        """Those by which it is looked at: for what is public, from where it comes does not count; and where the link
        stood that led somebody to a page of ours is nobody's business.
        """
        headers: Headers = scope["headers"]
        if self._is_public(scope["path"]):
            return [(name, value) for name, value in headers if name not in (b"origin", b"sec-fetch-site")]
        of_a_page = answers and is_visit_of_a_page(scope["method"], headers)
        return [header for header in headers if header[0] != b"sec-fetch-site"] if of_a_page else headers

    async def _who(self, headers: Headers, path: str) -> Identity | Refusal:
        if self._entry.authenticator is None:
            return self._local
        return await self._entry.authenticator.authenticate(headers, path)

    async def _page(self, path: str, method: str, who: Identity | Refusal) -> Response:
        if method not in ("GET", "HEAD"):
            return in_json({"error": "this page can only be read"}, 405, {"allow": "GET, HEAD"})
        return await self._entry.pages[path](None if isinstance(who, Refusal) else who)

    def _profile(self, path: str) -> Profile | None:
        if path in (MCP_PATH, f"{MCP_PATH}/"):
            return WHOLE
        return self._entry.profiles.get(path.removeprefix(f"{MCP_PATH}/")) if path.startswith(f"{MCP_PATH}/") else None


def _admit(scope: Scope, asker: Asker) -> None:
    scope["path"], scope["raw_path"] = MCP_PATH, MCP_PATH.encode()
    scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
    scope.setdefault("state", {})[ASKER] = asker


def _still(authenticator: Authenticator, who: Identity, headers: Headers, path: str) -> Still:
    """What he presented is kept in here, where nothing can read it."""
    presented = [(name, value) for name, value in headers if name == b"authorization"]

    async def still() -> Standing:
        now = await authenticator.authenticate(presented, path)
        if isinstance(now, Identity):
            return "good" if now.subject == who.subject else "gone"  # a belt: a credential does not become another's
        ended = now.status == 503 or (who.expires is not None and who.expires <= time.time())
        return "ended" if ended else "gone"

    return still


@lru_cache(1024)  # whoever asks, asks again
def _asker(subject: Subject, _since: float | None, agent: str | None, profile: Profile) -> Asker:
    """By `_since`, too: equal subjects may have shown at different times who they are."""
    return Asker(replace(subject, agent=agent), profile)


def _refused(refusal: Refusal) -> Response:
    headers = {"www-authenticate": refusal.challenge} if refusal.challenge else {}
    if refusal.retry_after is not None:
        headers["retry-after"] = str(refusal.retry_after)
    return in_json({"error": _REASONS[refusal.status]}, refusal.status, headers)


def _closing(status: int, why: str, headers: Mapping[str, str] | None = None) -> Response:
    """The body was not read: whatever comes on this connection is not looked at any more."""
    return in_json({"error": why}, status, {**(headers or {}), "connection": "close"})
