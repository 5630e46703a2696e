"""What was asked of the policy in a run, with the facts that it saw: a run's events, read once from the first. Pure.

`gateway.run` folds the same events into all that a run is; this keeps only what conditions look at, and costs a few
microseconds an event. Whoever drives a run himself (`loop`) judges all calls of one step by what the run was when the
step began; a client's call is judged by what its run is when it comes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, get_args

from gateway.call import Action, Subject
from gateway.policy.scope import RunFacts
from gateway.policy.wording import Effect

__all__ = ["Passed", "Recalled", "Stopped"]

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Recalled:
    """A call that the policy judged. `effect` and `rule` are what it said, `policy` is its digest where that is known.

    `arguments` are JSON text, None where they were not kept whole, or are kept with the `approval`. `worker` is who
    judged; `pin` the hash of the tool's definition, where known. `aged`: it is known since when the subject had been
    recognised, or that nobody knew.
    """

    key: str
    at: int
    subject: Subject
    action: str
    path: str
    arguments: str | None
    effect: Effect
    rule: str | None
    run: RunFacts
    worker: str = ""
    pin: str | None = None
    policy: str | None = None
    approval: str | None = None
    aged: bool = False


@dataclass(frozen=True, slots=True)
class Stopped:
    """A call that ended at another gate, which says nothing of the policy."""

    at: int
    gate: str


_ACTIONS = frozenset(get_args(Action))
_NOT_WORK = frozenset(  # `gateway.transitions.FROM_OUTSIDE`
    {
        "decided", "resolved", "limits_raised", "cancelled", "user_spoke", "pinned", "model_chosen", "interrupted",
        "notified", "imported",
    }
)  # fmt: skip
_STEPS = frozenset({"started", "resumed", "model_answered"})
_RUNNING: Mapping[str, bool] = {"resumed": True, "waited": False, "paused": False}
_SAYING = frozenset({"answered", "input_required", "task_created", "refused"})  # `gateway.call.says`
_UNITS = ("tool_calls", "tokens", "nanos")


class Passed:
    """A run, event after event: `add` says what the policy was asked in this one, if anything."""

    __slots__ = (
        "_active", "_asleep", "_client", "_held", "_news", "_recognised", "_reserved", "_running",
        "_sent", "_servers", "_spent", "_step", "_subject", "_tainted", "_tried", "_worker",
    )  # fmt: skip

    def __init__(self) -> None:
        self._subject, self._worker = Subject("", ""), ""
        self._client, self._tainted, self._running = False, False, False
        self._servers: frozenset[str] | None = frozenset()
        self._sent: dict[str, str] = {}  # the server of each call under way
        self._active = 0
        self._spent = [0, 0, 0, 0]  # by `_UNITS`, then milliseconds at work
        self._reserved: dict[str, tuple[int, int, int]] = {}  # by call; the model's under no name
        self._step: RunFacts | None = None
        self._held: set[str] = set()
        self._recognised: tuple[str, float | None] = ("", None)  # the call that is to be judged, and since when
        self._tried: set[str] = set()
        self._asleep: dict[str, str] = {}  # the news for which each call waits
        self._news: list[Event] = []  # for which none has waited yet

    def add(self, at: int, event: Event) -> Recalled | Stopped | None:
        name = event["event"]
        if name == "resumed" and event.get("queued"):
            return None  # it has not begun
        found = self._ASKED[name](self, at, event) if name in self._ASKED else None
        self._work(at, name)
        if name in self._TOLD:
            self._TOLD[name](self, event)
        if name in _STEPS:
            self._step = self._facts()
        return found

    # ---- what it has become

    def _work(self, at: int, name: str) -> None:
        if self._running and not self._client and name not in _NOT_WORK and name != "started":
            self._spent[3] += max(0, at - self._active)
        if name not in _NOT_WORK:
            self._active = at
        self._running = _RUNNING.get(name, self._running)

    def _facts(self) -> RunFacts:
        calls, tokens, nanos, millis = self._spent
        for amounts in self._reserved.values():
            calls, tokens, nanos = calls + amounts[0], tokens + amounts[1], nanos + amounts[2]
        return RunFacts(calls, tokens, nanos, millis, self._tainted, self._servers)

    @property
    def seen(self) -> RunFacts:
        """What a call that comes now is judged by."""
        return self._facts() if self._client or self._step is None else self._step

    def _settle(self, key: str, event: Event) -> None:
        self._reserved.pop(key, None)
        for place, amount in enumerate(_amounts(event.get("spent", {}))):
            self._spent[place] += amount

    def _queued(self, event: Event) -> None:
        self._subject = Subject(event["user"], event["tenant"], event.get("agent"))
        self._client, self._tainted = event["driver"] == "client", event.get("tainted", False)
        brought = event.get("servers", ())
        self._servers = None if brought is None else frozenset(brought)

    def _carried(self, event: Event) -> None:
        self._tainted = self._tainted or event.get("tainted", False)
        brought = event.get("servers", ())
        self._servers = None if self._servers is None or brought is None else self._servers | set(brought)

    def _imported(self, _event: Event) -> None:
        self._tainted, self._servers = True, None

    def _started(self, event: Event) -> None:
        self._worker = event["worker"]
        self._running = self._running or self._step is None

    def _recognise(self, event: Event) -> None:
        self._recognised = event["key"], event["since"]

    def _reserve(self, event: Event) -> None:
        self._reserved[event.get("key", "")] = _amounts(event["reserved"])

    def _send(self, event: Event) -> None:
        self._reserve(event)
        self._sent[event["key"]] = event["path"].partition("/")[0]

    def _model_said(self, event: Event) -> None:
        self._settle("", event)
        if event.get("purpose", "answer") == "answer":
            self._asleep.clear()  # calls of the turn before

    def _slept(self, event: Event) -> None:
        name = event.get("news", "")
        early = next((news for news in self._news if name and news["name"] == name), None)
        if early is None:
            self._asleep[event["key"]] = name
        else:
            self._news.remove(early)
            self._heard(early)

    def _woke(self, event: Event) -> None:
        self._asleep.pop(event["key"], None)

    def _notified(self, event: Event) -> None:
        waiting = next((key for key, name in self._asleep.items() if name == event["name"]), None)
        if waiting is not None:
            del self._asleep[waiting]
            self._heard(event)
        elif not self._client:
            self._news.append(event)

    def _heard(self, news: Event) -> None:
        self._tainted = self._tainted or news.get("tainting", True)

    def _returned(self, event: Event) -> None:
        self._settle(event["key"], event)
        self._tainted = self._tainted or event.get("tainting", False)
        server = self._sent.pop(event["key"], None)
        if server is not None and self._servers is not None and event.get("outcome", {}).get("kind") in _SAYING:
            self._servers |= {server}
        if event["key"] in self._tried:  # a step of its own came before the calls that were left
            self._step = self._facts()

    # ---- what was asked

    def _denied(self, at: int, event: Event) -> Recalled | Stopped | None:
        if event["gate"] not in ("permitted", "approved"):
            return Stopped(at, event["gate"])
        if event["key"] in self._held:
            return None
        effect: Effect = "deny" if event["gate"] == "permitted" else "ask"
        return self._recalled(at, event, effect, None if event.get("whole") else event["arguments"])

    def _put(self, at: int, event: Event) -> Recalled | None:
        if event["key"] in self._held:
            return None
        self._held.add(event["key"])
        return self._recalled(at, event, "ask", None)

    def _admitted(self, at: int, event: Event) -> Recalled | None:
        if event["attempt"] > 1:
            self._tried.add(event["key"])
            return None
        if event["key"] in self._held or event.get("action", "call") not in _ACTIONS:
            return None
        return self._recalled(at, event, "ask" if event.get("approval_id") else "allow", event["arguments"])

    def _recalled(self, at: int, event: Event, effect: Effect, arguments: str | None) -> Recalled:
        key, since = self._recognised
        return Recalled(
            event["key"],
            at,
            replace(self._subject, since=since) if key == event["key"] else self._subject,
            event.get("action", "call"),
            event["path"],
            arguments,
            effect,
            event.get("rule"),
            self.seen,
            self._worker,
            event.get("pin"),
            event.get("policy"),
            event.get("approval_id"),
            key == event["key"],
        )

    _ASKED: ClassVar[Mapping[str, Callable[["Passed", int, Event], Recalled | Stopped | None]]] = {
        "denied": _denied,
        "held": _put,
        "admitted": _admitted,
    }
    _TOLD: ClassVar[Mapping[str, Callable[["Passed", Event], None]]] = {
        "queued": _queued,
        "carried": _carried,
        "started": _started,
        "recognised": _recognise,
        "model_asked": _reserve,
        "model_answered": _model_said,
        "model_failed": _model_said,
        "admitted": _send,
        "returned": _returned,
        "doubted": _returned,
        "slept": _slept,
        "woke": _woke,
        "notified": _notified,
        "imported": _imported,
    }


def _amounts(spend: Mapping[str, int]) -> tuple[int, int, int]:
    return spend.get("tool_calls", 0), spend.get("tokens", 0), spend.get("nanos", 0)
