"""The pages that anybody may see: `/health`, `/ready`, and what OAuth clients are told about us (RFC 9728).

They say nothing of policies, tools or people; the name of a server only to somebody who may use anything of it. Which
policy is in force, and where an edit of it is wrong, is for whoever has logged in; not what is wrong.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

from gateway.auth.challenge import METADATA_PATH, Challenges, Resource
from gateway.call import Subject
from gateway.errors import PolicyError, StoreError, TooNew, TooOld
from gateway.identity import Identity
from gateway.serve.door import MCP_PATH, Page
from gateway.serve.response import Response, in_json

__all__ = ["Parts", "Readiness", "pages"]

CHECK_SECONDS = 2.0
FRESH = 1.0

_KEPT = {"cache-control": "max-age=300", "vary": "origin"}  # what a page is told names its origin

_NO_WRITES = "takes no writes"
_UNUSABLE: Mapping[type[StoreError], str] = {TooNew: "is of a newer version", TooOld: "is of an older version"}

log = logging.getLogger("toolgate.serve")


@dataclass(frozen=True, slots=True)
class Parts:
    """What `/ready` looks at. `write` raises StoreError when the store takes no transaction, or none of ours (TooNew,
    TooOld); `problem` is what is wrong with the policy's files (the last good policy stays in force); `servers` says of
    each whether it is up; `may_use` whether this subject may use anything of a server; `digest` is that of the policy
    in force.
    """

    write: Callable[[], Awaitable[object]]
    problem: Callable[[], PolicyError | None]
    servers: Callable[[], Mapping[str, bool]]
    may_use: Callable[[Subject, str], bool]
    digest: Callable[[], str]


class Readiness:
    """The page `/ready`. The store is tried once in a second, however many strangers ask; while it does not answer, all
    of them wait for the same attempt, which goes on when they have gone.
    """

    def __init__(self, parts: Parts, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._parts, self._clock = parts, clock
        self._told = float("-inf")
        self._store = ""
        self._attempt: asyncio.Task[str] | None = None

    async def page(self, who: Identity | None) -> Response:
        """200 when calls can be decided and recorded, 503 when not. A server that is down takes only its own tools."""
        store, servers = await self._tried_store(), self._parts.servers()
        problem = self._parts.problem()
        found: dict[str, Any] = {
            "status": "ready" if store == "ok" else "not ready",
            "store": store,
            "policy": "ok" if problem is None else "an edit is refused, the last good policy is in force",
            "servers": {"up": sum(servers.values()), "down": len(servers) - sum(servers.values())},
        }
        if who is not None:
            found["servers"] = {
                name: "up" if up else "down" for name, up in servers.items() if self._parts.may_use(who.subject, name)
            }
            found |= {"policy_digest": self._parts.digest()} | _refused_at(problem)
        return in_json(found, 200 if store == "ok" else 503)

    async def _tried_store(self) -> str:
        if self._clock() - self._told <= FRESH:
            return self._store
        attempt = self._attempt = self._attempt or asyncio.create_task(self._try())
        done, _ = await asyncio.wait({attempt}, timeout=CHECK_SECONDS)
        if done:
            return attempt.result()
        if self._clock() - self._told > FRESH:  # the first of those who have waited
            log.warning("not ready: the store has not answered for %g s", CHECK_SECONDS)
            self._tell(_NO_WRITES)
        return self._store

    async def _try(self) -> str:
        try:
            await self._parts.write()
        except StoreError as error:  # the path and the reason are not for strangers
            log.warning("not ready: %s", error)
            self._tell(_UNUSABLE.get(type(error), _NO_WRITES))
        else:
            self._tell("ok")
        finally:
            self._attempt = None
        return self._store

    def _tell(self, store: str) -> None:
        self._store, self._told = store, self._clock()


def _refused_at(problem: PolicyError | None) -> dict[str, str]:
    """Where the first mistake is, without the folder."""
    if problem is None:
        return {}
    first = problem.problems[0]
    name = PurePath(first.file).name
    return {"policy_refused_at": f"{name}:{first.line}:{first.column}" if first.line else name}


def pages(
    challenges: Challenges, readiness: Readiness | None = None, profiles: Iterable[str] = ()
) -> Mapping[str, Page]:
    """By path."""
    found: dict[str, Page] = {"/health": _health}
    if readiness is not None:
        found["/ready"] = readiness.page
    if challenges.resource is not None:
        metadata = _Metadata(challenges).page
        found |= dict.fromkeys(_where_clients_look(challenges.resource, tuple(profiles)), metadata)
    return found


def _where_clients_look(resource: Resource, profiles: Sequence[str]) -> Iterator[str]:
    """At the path that a refusal names, which a proxy may have in front of ours; or, who has not heard of that, below
    the URL that he knows. A profile is a part of the one resource that tokens are for.
    """
    yield METADATA_PATH
    named = urlsplit(resource.metadata_url).path
    for base in (named, f"{METADATA_PATH}{MCP_PATH}"):
        yield base
        yield from (f"{base}/{name}" for name in profiles)


async def _health(_who: Identity | None) -> Response:
    return in_json({"status": "ok"})


@dataclass(frozen=True, slots=True)
class _Metadata:
    challenges: Challenges

    async def page(self, _who: Identity | None) -> Response:
        resource = self.challenges.resource
        assert resource is not None  # noqa: S101 - there is no such page without
        return in_json(resource.metadata(self.challenges.all_scopes), headers=_KEPT)
