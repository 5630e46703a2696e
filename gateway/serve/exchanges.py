"""A request that goes on to a server, in as many rounds as it takes, whatever the two sides speak.

A server that needs input asks for it, and so does the gateway where a person must agree first (`consent`). A server of
the modern era answers with its questions (`input_required`); one of the older era asks in the middle of the call. A
client of the modern era is asked by an answer, and comes back with what he says (`states`, `parking`); one of the older
era is asked while he waits. A server of the older era may also refuse a request until a page was visited: its own era
knows that error, and the modern one gets it as a question, after whose answer the request is made anew.
"""

import asyncio
import math
from collections.abc import Awaitable, Coroutine, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import mcp_types as types
from mcp.shared.exceptions import MCPError

from gateway.call import PAGE_FIRST, InputRequired, JsonObject, Refused, outcome_from_json
from gateway.caller import Caller, CantAsk, asks
from gateway.clients import Exchange, Round
from gateway.errors import AlreadyUsed
from gateway.events import Denied, Held, Returned
from gateway.following import Following
from gateway.form import APPROVAL
from gateway.keyring import KeyRing
from gateway.pipeline import CallResult
from gateway.results import unforged
from gateway.serve.consent import Consent, Question, said_in
from gateway.serve.envelope import passed_on
from gateway.serve.kinds import Answer, Kind
from gateway.serve.parking import Asked, Gone, Parking
from gateway.serve.questions import QUESTIONS, for_the_handshake_era, for_the_modern_era, lacking, pages_first, unasked
from gateway.serve.replies import ServerError, undeclared
from gateway.serve.sessions import Client, Sessions
from gateway.serve.states import Bond, Carried, States
from gateway.signature import Misleading, signed_result
from gateway.task import follows
from gateway.values import value
from gateway.verbatim import altered

__all__ = ["Exchanges", "Request"]

MOST_ROUNDS = 20  # of one request of a client of the older era, who does not see them
_USED = "This `requestState` has been used; make the request again without it"
_FIRST = Carried()
_ROUND = ("inputResponses", "requestState")  # what a later round adds to a request
PAUSE = 0.1  # seconds; doubled each time that a server wants to be asked again without a question


@value(frozen=True, slots=True)
class Request:
    """Who sends it, what he says, who waits for the answer, and when it `came` (`Work`)."""

    client: Client
    params: JsonObject
    caller: Caller
    came: float = math.inf


@value(frozen=True, slots=True)
class _Pending:
    """A server's questions, as it put them, and what goes on when they are answered; None: the request begins anew."""

    result: JsonObject
    round: Round | None

    @property
    def state(self) -> str | None:
        state = self.result.get("requestState")
        return state if isinstance(state, str) else None

    def questions(self) -> Mapping[str, tuple[str, JsonObject]]:
        """Raises MCPError for rubbish."""
        asked = self.result.get("inputRequests") or {}
        pairs = asked.items() if isinstance(asked, Mapping) else [("", None)]
        return {str(key): _question(one) for key, one in pairs}


class Exchanges:
    """`keys` seal what modern clients carry from one round to the next. Without `consent` nobody is asked to agree."""

    def __init__(
        self,
        sessions: Sessions,
        keys: KeyRing,
        following: Following,
        parking: Parking | None = None,
        consent: Consent | None = None,
    ) -> None:
        self._sessions, self._states, self._following = sessions, States(keys), following
        self._parking, self._consent = parking or Parking(), consent

    async def close(self) -> None:
        """Ends the calls that wait for their clients. Before the runs are closed."""
        await self._parking.close()

    def answer(self, kind: Kind, request: Request) -> Coroutine[Any, Any, Answer]:
        """Raises MCPError for a state that is not ours, and for questions that can't be put to this client."""
        modern = request.caller.modern and kind.has_rounds
        return self._by_answers(kind, request) if modern else self._meanwhile(kind, request)

    async def _meanwhile(self, kind: Kind, request: Request) -> Answer:
        """The older era, and what has one round: whoever has to be asked is asked while he waits."""
        made = await self._made(kind, request, Exchange(request.caller, came=request.came))
        for number in range(MOST_ROUNDS):
            match made:
                case _Pending():
                    answers = await _asked(made, request.caller, PAUSE * 2**number)
                    exchange = Exchange(request.caller, answers, made.round)
                case Question():
                    if not await self._agreed(made, request):
                        return kind.told(request.client.asker.told(made.held))
                    exchange = Exchange(request.caller)
                case _:
                    return made
            made = await self._made(kind, request, exchange)
        raise MCPError(types.INTERNAL_ERROR, f"The server asked more than {MOST_ROUNDS} times")

    async def _by_answers(self, kind: Kind, request: Request) -> Answer:
        """The modern era: whatever has to be asked goes out as the answer."""
        params, caller = request.params, request.caller
        sealed = params.get("requestState")
        carried = self._states.opened(sealed, self._bond(kind, request)) if isinstance(sealed, str) else _FIRST
        if carried.parked is not None:
            return self._told(await self._resumed(carried.parked, request), kind, request)
        if carried.approval is not None:
            return await self._answered(carried, kind, request)
        if carried.again:
            return await self._by_answers(kind, _visited(request))

        answers = _answers(params, carried.state)
        exchange = Exchange(caller, answers, carried.round, carried.once, request.came)
        try:
            if not asks(caller.capabilities) or self._asks_by_answers(kind, request):
                return self._told(await self._made(kind, request, exchange), kind, request)
            work = partial(self._made_for, kind, request, exchange)
            return self._told(await self._parking.begin(caller, work, request.client.asker.subject), kind, request)
        except AlreadyUsed:
            raise MCPError(types.INVALID_PARAMS, _USED) from None

    def _made_for(
        self, kind: Kind, request: Request, exchange: Exchange, caller: Caller
    ) -> Awaitable[Answer | _Pending | Question]:
        return self._made(kind, request, replace(exchange, caller=caller))

    # ---- may it be made?

    async def _agreed(self, question: Question, request: Request) -> bool:
        return self._consent is not None and await self._consent.asked(question, request.client.asker, request.caller)

    async def _answered(self, carried: Carried, kind: Kind, request: Request) -> Answer:
        """A modern client comes back with his answer to our question: his call is made anew, without it."""
        approval, asker, consent = carried.approval or "", request.client.asker, self._consent
        said = said_in(request.params, APPROVAL)
        try:
            again = consent is not None and await consent.answered(approval, carried.once, asker, said)
        except AlreadyUsed:
            raise MCPError(types.INVALID_PARAMS, _USED) from None
        if consent is not None and not again:
            return kind.told(asker.told(await consent.held(approval)))
        return await self._by_answers(kind, _anew(request))

    # ----

    def _bond(self, kind: Kind, request: Request) -> Bond:
        path = kind.path(self._sessions.viewer(request.client).catalogue, request.params)
        asker = request.client.asker
        return Bond(asker.subject, asker.profile.name, kind.method, path, request.params)

    def _asks_by_answers(self, kind: Kind, request: Request) -> bool:
        """Whether the server is of the modern era. What is not known may be of either."""
        catalogue = self._sessions.viewer(request.client).catalogue
        about = catalogue.about.get(kind.path(catalogue, request.params).partition("/")[0])
        return about is not None and about.modern

    async def _resumed(self, parked: str, request: Request) -> Any:
        try:
            return await self._parking.resume(parked, request.caller, request.params.get("inputResponses") or {})
        except Gone:
            text = "Nothing waits for this answer any more; make the request again without `requestState`"
            raise MCPError(types.INVALID_PARAMS, text) from None

    def _told(self, made: Answer | _Pending | Question | Asked, kind: Kind, request: Request) -> Answer:
        match made:
            case Question(approval, params):
                state = self._states.sealed(Carried(approval=approval), self._bond(kind, request))
                asked = {APPROVAL: {"method": "elicitation/create", "params": params}}
                return {"resultType": "input_required", "inputRequests": asked, "requestState": state}
            case Asked(parked, questions):
                state = self._states.sealed(Carried(parked=parked), self._bond(kind, request))
                return {"resultType": "input_required", "inputRequests": dict(questions), "requestState": state}
            case _Pending():
                for method, params in made.questions().values():
                    if missing := lacking(method, params, request.caller.capabilities):
                        raise undeclared(missing)
                carried = Carried(made.state, made.round, again=made.round is None)
                state = self._states.sealed(carried, self._bond(kind, request))
                return altered({**made.result, "requestState": state}, made.result)
        return made

    async def _made(self, kind: Kind, request: Request, exchange: Exchange) -> Answer | _Pending | Question:
        """One round: what the client is told, or what the server asks."""
        params = request.params
        with self._sessions.run(request.client) as turn:
            run = turn.run or await turn.begun()
            result = await kind.make(run, params, passed_on(params.get("_meta")), exchange)
            questions = _questions_in(result)
            if questions is not None and isinstance(result, Returned):
                server = kind.path(run.catalogue, params).partition("/")[0]
                return _Pending(_signed(server, questions), run.next_round(result, exchange))
            if (
                kind.may_be_task
                and follows(request.caller)
                and (task := await self._following.created(result, request.caller, run))
            ):
                return _task_of(task, request.caller)
            if isinstance(result, Denied) and run.hides(result):
                return kind.hidden(run, params)
        if isinstance(result, Held) and (question := await self._question(result, kind, request)):
            return question
        told = kind.told(request.client.asker.told(result))
        if isinstance(told, ServerError):
            if told.code == PAGE_FIRST:
                return _pages_first(kind.path(run.catalogue, params).partition("/")[0], told, request.caller)
            return told
        return told if kind.named is None else kind.named(run.catalogue, params, told)

    async def _question(self, held: Held, kind: Kind, request: Request) -> Question | None:
        """What his client is asked about a call that waits, where it can be asked."""
        if self._consent is None or not kind.has_rounds:
            return None
        return await self._consent.question(held, request.client.asker, request.caller)


def _questions_in(result: CallResult) -> JsonObject | None:
    if not isinstance(result, Returned) or result.outcome["kind"] != "input_required":  # nearly always
        return None
    outcome = outcome_from_json(result.outcome)
    return unforged(outcome.result) if isinstance(outcome, InputRequired) else None


def _anew(request: Request) -> Request:
    params = {key: each for key, each in request.params.items() if key not in _ROUND}
    return Request(request.client, params, request.caller)


def _visited(request: Request) -> Request:
    """The request as it was first, after its client went where the server sent him. Raises MCPError if not."""
    said = request.params.get("inputResponses") or {}
    if any(not isinstance(one, Mapping) or one.get("action") != "accept" for one in said.values()):
        text = "The server wants a page to be visited first, and it was not: nothing is done"
        raise MCPError(types.INVALID_REQUEST, text)
    return _anew(request)


def _task_of(state: JsonObject | Refused, caller: Caller) -> JsonObject:
    """A call that has become a task. What its server asks already, he may ask for with `tasks/get`."""
    if isinstance(state, Refused):
        raise MCPError(state.code, state.message)
    return unasked(state, caller.capabilities)


def _pages_first(server: str, refused: ServerError, caller: Caller) -> ServerError | _Pending:
    """What a client is told of pages to visit before he makes his request again, in the way of his era."""
    pages = pages_first(refused.data)
    if pages is None:
        return ServerError(types.INTERNAL_ERROR if caller.modern else PAGE_FIRST, refused.message)
    written = {key: for_the_modern_era(page) if caller.modern else page for key, page in pages.items()}
    asked = {key: {"method": "elicitation/create", "params": page} for key, page in written.items()}
    signed = _signed(server, {"resultType": "input_required", "inputRequests": asked})
    if caller.modern:
        return _Pending(signed, None)
    elicitations = [one["params"] for one in signed["inputRequests"].values()]
    told = altered({**refused.data, "elicitations": elicitations}, refused.data)
    return ServerError(PAGE_FIRST, refused.message, told)


def _signed(server: str, questions: JsonObject) -> JsonObject:
    try:
        return signed_result(server, questions)
    except Misleading as error:
        raise MCPError(types.INTERNAL_ERROR, str(error)) from None


def _question(one: Any) -> tuple[str, JsonObject]:
    method = one.get("method") if isinstance(one, Mapping) else None
    params = one.get("params", {}) if isinstance(one, Mapping) else None
    if method not in QUESTIONS or not isinstance(params, Mapping):
        raise MCPError(types.INTERNAL_ERROR, "The server's question is not one that clients know")
    return str(method), params


def _answers(params: JsonObject, state: str | None) -> JsonObject | None:
    """`inputResponses` and the server's own state, as far as there are any."""
    if state is None and "inputResponses" not in params:
        return None
    found = {"inputResponses": params["inputResponses"]} if "inputResponses" in params else {}
    return (found | ({} if state is None else {"requestState": state})) or None


async def _asked(pending: _Pending, caller: Caller, pause: float) -> JsonObject:
    """Asks a client of the older era all questions, one after the other."""
    questions = pending.questions()
    if not questions:
        await asyncio.sleep(min(pause, 2.0))
    try:
        responses = {
            key: await caller.ask(method, for_the_handshake_era(method, params))
            for key, (method, params) in questions.items()
        }
    except CantAsk as error:
        raise MCPError(error.code, f"The server asks its client first: {error}", error.data) from None
    return _answers({"inputResponses": responses}, pending.state) or {}
