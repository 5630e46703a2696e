"""The four kinds of requests that go on to a server: how each is made, and how its answer is told. A table."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.call import JsonObject
from gateway.catalogue import Catalogue
from gateway.clients import ClientRun, Exchange
from gateway.links import linked, uri_of
from gateway.pipeline import CallResult
from gateway.serve import replies
from gateway.serve.replies import ServerError
from gateway.verbatim import altered

__all__ = ["KINDS", "Answer", "Kind"]

Answer = JsonObject | ServerError
Make = Callable[[ClientRun, JsonObject, JsonObject, Exchange], Awaitable[CallResult]]


@dataclass(frozen=True, slots=True)
class Kind:
    """`path` is what the parameters mean, as `server/...`; `make` takes a run, the parameters and `_meta`.

    `hidden` is the answer where there is nothing for whoever asks; `named` is what a server says, in his
    own names. A kind that has no rounds is never asked back; of one, a server may make a task.
    """

    method: str
    path: Callable[[Catalogue, JsonObject], str]
    make: Make
    told: Callable[[CallResult], Answer]
    hidden: Callable[[ClientRun, JsonObject], Answer]
    has_rounds: bool = True
    may_be_task: bool = False
    named: Callable[[Catalogue, JsonObject, JsonObject], JsonObject] | None = None


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


def _by_tool(catalogue: Catalogue, params: JsonObject, result: JsonObject) -> JsonObject:
    if len(catalogue.uris.servers) < 2:  # nothing can be another's
        return result
    return linked(result, catalogue.resolve(params["name"]).partition("/")[0], catalogue.uris)


def _by_prompt(catalogue: Catalogue, params: JsonObject, result: JsonObject) -> JsonObject:
    return linked(result, catalogue.resolve_prompt(params["name"]).partition("/")[0], catalogue.uris)


def _as_known(catalogue: Catalogue, params: JsonObject, answer: JsonObject) -> JsonObject:
    """What was read, under the URIs by which the client knows it: that of which he asked as he wrote it."""
    found = catalogue.route(params["uri"])
    if found is None or not isinstance(contents := answer.get("contents"), list):
        return answer
    own = {uri for one in contents if (uri := uri_of(one))}
    known = {uri: catalogue.uris.exposed(found.server, uri) for uri in own} | {found.name: params["uri"]}
    if all(known[uri] == uri for uri in own):
        return answer
    told = [{**one, "uri": known[uri]} if (uri := uri_of(one)) else one for one in contents]
    return altered({**answer, "contents": told}, answer)


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
        Kind(
            "tools/call",
            lambda known, params: known.resolve(params["name"]),
            _call,
            replies.reply,
            _no_tool,
            may_be_task=True,
            named=_by_tool,
        ),
        Kind(
            "resources/read",
            _resource_path,
            _read,
            replies.answer,
            lambda _run, params: replies.not_found("resource", params["uri"]),
            named=_as_known,
        ),
        Kind(
            "prompts/get",
            lambda known, params: known.resolve_prompt(params["name"]),
            _get,
            replies.answer,
            lambda _run, params: replies.not_found("prompt", params["name"]),
            named=_by_prompt,
        ),
        Kind("completion/complete", lambda _known, _params: "", _complete, replies.answer, _no_reference, False),
    )
}
