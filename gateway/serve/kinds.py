"""The four kinds of requests that go on to a server: how each is made, and how its answer is told. A table."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.call import JsonObject
from gateway.catalogue import Catalogue
from gateway.clients import ClientRun, Exchange
from gateway.pipeline import CallResult
from gateway.serve import replies
from gateway.serve.replies import ServerError

__all__ = ["KINDS", "Answer", "Kind"]

Answer = JsonObject | ServerError
Make = Callable[[ClientRun, JsonObject, JsonObject, Exchange], Awaitable[CallResult]]


@dataclass(frozen=True, slots=True)
class Kind:
    """`path` is what the parameters mean, as `server/...`; `make` takes a run, the parameters and `_meta`.

    `hidden` is the answer where there is nothing for whoever asks. A kind that has no rounds is never asked back.
    """

    method: str
    path: Callable[[Catalogue, JsonObject], str]
    make: Make
    told: Callable[[CallResult], Answer]
    hidden: Callable[[ClientRun, JsonObject], Answer]
    has_rounds: bool = True


def _call(run: ClientRun, params: JsonObject, meta: JsonObject, exchange: Exchange) -> Awaitable[CallResult]:
    return run.call(params["name"], params.get("arguments") or {}, meta, exchange)


def _read(run: ClientRun, params: JsonObject, meta: JsonObject, exchange: Exchange) -> Awaitable[CallResult]:
    return run.read(params["uri"], meta, exchange)


def _get(run: ClientRun, params: JsonObject, meta: JsonObject, exchange: Exchange) -> Awaitable[CallResult]:
    return run.get(params["name"], params.get("arguments") or {}, meta, exchange)


def _complete(run: ClientRun, params: JsonObject, meta: JsonObject, exchange: Exchange) -> Awaitable[CallResult]:
    return run.complete(params, meta, exchange)


def _resource_path(catalogue: Catalogue, params: JsonObject) -> str:
    found = catalogue.route(params["uri"])
    return found.path if found else str(params["uri"])


def _no_tool(run: ClientRun, params: JsonObject) -> Answer:
    return replies.not_offered(params["name"], [name for name, _ in run.tools()])


def _no_reference(_run: ClientRun, params: JsonObject) -> Answer:
    reference: Any = params.get("ref")
    named = reference if isinstance(reference, Mapping) else {}
    if named.get("type") == "ref/resource":
        return replies.not_found("resource", str(named.get("uri")))
    return replies.not_found("prompt", str(named.get("name")))


KINDS: Mapping[str, Kind] = {
    kind.method: kind
    for kind in (
        Kind("tools/call", lambda known, params: known.resolve(params["name"]), _call, replies.reply, _no_tool),
        Kind(
            "resources/read",
            _resource_path,
            _read,
            replies.answer,
            lambda _run, params: replies.not_found("resource", params["uri"]),
        ),
        Kind(
            "prompts/get",
            lambda known, params: known.resolve_prompt(params["name"]),
            _get,
            replies.answer,
            lambda _run, params: replies.not_found("prompt", params["name"]),
        ),
        Kind("completion/complete", lambda _known, _params: "", _complete, replies.answer, _no_reference, False),
    )
}
