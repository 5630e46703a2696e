"""One question and its answer: checked, played, broken as it shall be, in the words of its wire format."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from providers import Message, ProviderError, Reply, Usage
from providers.fake.cache import PromptCache
from providers.fake.checks import Refused
from providers.fake.echo import repeated, with_key
from providers.fake.line import Received
from providers.fake.marks import marked, recognised
from providers.fake.plan import PAGE, Action, End, Head, Send, complaint_of, planned, refusal
from providers.fake.routes import Route, key_of
from providers.fake.wire import Ask, Complaint, Format, Told, body, headers_of
from providers.fake.wording import said
from providers.scripted import ScriptedProvider
from providers.scripted.faults import ODD, Fault, altered, parsed
from providers.scripted.playing import Played, tokens_of

__all__ = ["Answer", "Answering", "broken"]

_EMPTY = Reply(Message("assistant", ()), "stop", Usage(), "")

# How a backend fails that a script makes fail: as an answer, or on the wire.
_FAILURES: Mapping[str, str] = {
    "rate_limit": "429", "overloaded": "529", "server": "500", "auth": "401", "permission": "403", "not_found": "404",
    "bad_request": "400", "too_large": "413", "refused": "400 type=content_policy_violation",
    "quota": "429 type=insufficient_quota",
    "timeout": "silent", "network": "reset after=0", "protocol": "garbled after=0",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent, and what the record says of it."""

    actions: Sequence[Action]
    status: int
    fault: str = ""
    error: str = ""


def broken(form: Format, complaint: Complaint, headers: Mapping[str, str]) -> Answer:
    return Answer(tuple(refusal(form, complaint, headers)), complaint.status, error=complaint.message)


class Answering:
    """Plays one script to whoever asks, and remembers which prompts it has read."""

    def __init__(self, provider: ScriptedProvider) -> None:
        self._provider, self._cache = provider, PromptCache()

    async def answer(self, received: Received, route: Route, number: int, fault: Fault | None) -> Answer:
        """The answer to one request. `fault` comes before what the script says of faults."""
        form, headers, key = route.form, headers_of(route.form, number), key_of(received)
        fault = with_key(fault, key)
        if fault is not None and (found := _before(form, fault, headers)):
            return found
        try:
            ask = _read(received, route)
        except Refused as error:
            return broken(form, said(form, error), headers)
        if route.counting:
            return _counted(form, ask, headers)
        try:
            played = await self._provider.play(replace(ask.request, messages=recognised(ask.request.messages)))
        except ProviderError as error:
            return _failed(form, error, ask, number)
        reply = self._metered(ask, marked(played.reply))
        befell = with_key(played.fault, key) if fault is None else fault
        return _told(form, ask, number, Played(repeated(altered(reply, fault), befell), befell))

    def _metered(self, ask: Ask, reply: Reply) -> Reply:
        """The reply with the tokens that were cached, unless the script counts them."""
        read, written = self._cache.look(ask.request.model, ask.prompt)
        if not reply.usage.estimated:
            return reply
        read = min(read, reply.usage.input)
        written = min(written, reply.usage.input - read)
        return replace(reply, usage=replace(reply.usage, cache_read=read, cache_write=written))


def _read(received: Received, route: Route) -> Ask:
    try:
        return route.form.read(received.json(), counting=route.counting)
    except ValueError as error:
        sentence = f"We could not parse the JSON body of your request: {error}"
        raise Refused((), "rule", sentence) from None


def _counted(form: Format, ask: Ask, headers: Mapping[str, str]) -> Answer:
    sent = body(form.counted(tokens_of(ask.request)))
    return Answer((Head(200, {"content-type": "application/json", **headers}, len(sent)), Send(sent), End()), 200)


def _told(form: Format, ask: Ask, number: int, played: Played) -> Answer:
    fault, headers = played.fault, headers_of(form, number)
    if fault is not None and (found := _before(form, fault, headers)):
        return found
    odd = frozenset({fault.kind} if fault and fault.kind in ODD else ())
    told = Told(ask, played.reply, number, odd)
    return Answer(tuple(planned(form, told, fault, headers)), 200, fault.kind if fault else "")


def _before(form: Format, fault: Fault, headers: Mapping[str, str]) -> Answer | None:
    """The answer of a fault that does not look at the request."""
    match fault.kind:
        case "status":
            complaint = complaint_of(fault)
            actions = refusal(form, complaint, headers, fault.settings.get("retry_after"), time.time())
            return Answer(tuple(actions), complaint.status, "status", complaint.message)
        case "repeat-key" if "status" in fault.settings:
            complaint = complaint_of(fault)
            return Answer(tuple(refusal(form, complaint, headers)), complaint.status, "repeat-key", "(the key)")
        case "html":
            head = Head(200, {"content-type": "text/html; charset=utf-8", **headers}, len(PAGE))
            return Answer((head, Send(PAGE), End()), 200, "html")
        case "silent":
            return Answer((End("hang"),), 0, "silent")
    return None


def _failed(form: Format, error: ProviderError, ask: Ask, number: int) -> Answer:
    headers = headers_of(form, number)
    if error.kind == "script":
        return broken(form, Complaint(400, "invalid", f"the script can't go on: {error}"), headers)
    fault = parsed(_FAILURES[error.kind])
    if found := _before(form, _worded(fault, error), headers):
        return found
    nothing = Told(ask, _EMPTY, number)
    return Answer(tuple(planned(form, nothing, fault, headers)), 200, fault.kind, str(error))


def _worded(fault: Fault, error: ProviderError) -> Fault:
    wait = {} if error.retry_after is None else {"retry_after": f"{error.retry_after:g}"}
    return Fault(fault.kind, {**fault.settings, "message": str(error), **wait})
