"""Tool, Call, Verdict and Outcome: the values that travel the path of a call.

Pure: no clock, no I/O.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import Any, Literal

from gateway.arguments import Arguments, ArgumentsError, JsonObject
from gateway.duties import Duties
from gateway.values import value

__all__ = [
    "PAGE_FIRST",
    "Action",
    "Allow",
    "Answered",
    "Arguments",
    "ArgumentsError",
    "Ask",
    "Call",
    "Deed",
    "Deny",
    "InDoubt",
    "InputRequired",
    "JsonObject",
    "Objection",
    "Outcome",
    "Refused",
    "Subject",
    "TaskAction",
    "TaskCreated",
    "Tool",
    "Unsent",
    "Verdict",
    "canonical",
    "nothing_done",
    "outcome_from_json",
    "outcome_to_json",
    "pin_of",
    "says",
    "unopposed",
]

Action = Literal["call", "read", "get", "complete"]  # what leaves the gateway; policies know more
TaskAction = Literal["update", "cancel"]  # what leaves it for a task that was made of a call
Deed = Literal[Action, TaskAction]  # whatever is written down before it leaves

_PARTS = json.JSONEncoder()


@value(frozen=True, slots=True)
class Tool:
    """Something that an MCP server offers.

    `definition` is the server's own JSON, unchanged. The four hints are MCP's annotations; for a server that the admin
    did not mark as trusted they have MCP's worst-case defaults, whatever the server says (MCP 2026-07-28, Tools:
    annotations are untrusted unless they come from a trusted server).
    """

    server: str
    name: str
    definition: JsonObject = field(repr=False)
    pin: str
    trusted: bool = False
    path: str = field(init=False, compare=False, repr=False)  # `server/tool`, the name that people and policies use

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", f"{self.server}/{self.name}")

    @property
    def description(self) -> str:
        return str(self.definition.get("description") or "")

    @property
    def input_schema(self) -> JsonObject:
        schema = self.definition.get("inputSchema")
        return schema if isinstance(schema, (dict, Mapping)) else {}

    @property
    def read_only(self) -> bool:
        return self._hint("readOnlyHint", default=False)

    @property
    def destructive(self) -> bool:
        return not self.read_only and self._hint("destructiveHint", default=True)

    @property
    def idempotent(self) -> bool:
        return self.read_only or self._hint("idempotentHint", default=False)

    @property
    def open_world(self) -> bool:
        return self._hint("openWorldHint", default=True)

    def _hint(self, key: str, *, default: bool) -> bool:
        annotations = self.definition.get("annotations") if self.trusted else None
        value = annotations.get(key) if isinstance(annotations, Mapping) else None
        return value if isinstance(value, bool) else default


def canonical(definition: JsonObject) -> str:
    """JSON in ASCII that is the same for the same definition, in whichever order its keys stand."""
    return json.dumps(definition, ensure_ascii=True, sort_keys=True, separators=(",", ":"))


def pin_of(definition: JsonObject) -> str:
    """SHA-256 in hex of a tool's definition in canonical JSON: another hash is another tool."""
    return hashlib.sha256(canonical(definition).encode()).hexdigest()


@value(frozen=True, slots=True)
class Subject:
    """Who is asking: a user, perhaps through an agent, within a tenant.

    `user` is written `user:ann`, `agent` is written `agent:reporter`. When both are given, both must be allowed.
    `since` is when the user showed who he is, in seconds since 1970; None: nobody has said. Who he is does not depend
    on it: two subjects that differ in it alone are equal.
    """

    user: str
    tenant: str
    agent: str | None = None
    since: float | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.user} via {self.agent}" if self.agent else self.user

    @property
    def person(self) -> tuple[str, str]:
        """Tenant and user: who it is, through whichever agent he asks. What is kept for somebody is kept by this."""
        return self.tenant, self.user


@value(frozen=True, slots=True)
class Call:
    """One attempt by a subject to use one tool with frozen arguments, in a run.

    Or to read a resource (`path` is `server/uri`), to get a prompt (`server/prompt`), or to have an argument of one of
    those completed (the arguments are then `completion/complete`'s parameters, in the server's own words).
    `key` names the call within its run (`t1/call/c1`); with the run's id it is the idempotency key. `keyed` is the name
    of the argument that has this key, because its server wants it there.
    """

    run_id: str
    key: str
    subject: Subject
    path: str
    arguments: Arguments
    action: Action = "call"
    keyed: str | None = None

    @property
    def server(self) -> str:
        """The first part of the path; the whole of a name that is no path, which no server has."""
        return self.path.partition("/")[0]

    @property
    def idempotency_key(self) -> str:
        return f"{self.run_id}/{self.key}"

    @property
    def own(self) -> Arguments:
        """The arguments that whoever asks has given: without the key, which every call has another one of."""
        if self.keyed is None:
            return self.arguments
        return Arguments.parse({name: item for name, item in self.arguments.value.items() if name != self.keyed})

    def with_key(self, name: str) -> "Call":
        """The same with its idempotency key as the argument of this name, whatever stood there."""
        given = {**self.arguments.value, name: self.idempotency_key}
        return replace(self, arguments=Arguments.parse(given), keyed=name)

    @property
    def digest(self) -> str:
        """What an approval is bound to: who, which tool, which arguments of his own."""
        subject = self.subject
        other = () if self.action == "call" else (self.action,)
        keyed = () if self.keyed is None else (f"keyed {self.keyed}",)
        parts = (subject.tenant, subject.user, subject.agent, self.path, self.own.digest, *other, *keyed)
        return hashlib.sha256(_PARTS.encode(parts).encode()).hexdigest()  # JSON: no part can run into the next


@value(frozen=True, slots=True)
class _Decision:
    gate: str
    why: str = ""
    rule: str | None = None  # `policies/policy.csv:12`, as an admin would look it up


@value(frozen=True, slots=True)
class Allow(_Decision):
    """The call may be forwarded, within these duties."""

    effect: Literal["allow"] = "allow"
    duties: Duties | None = None


@value(frozen=True, slots=True)
class Ask(_Decision):
    """A person must agree first."""

    effect: Literal["ask"] = "ask"


@value(frozen=True, slots=True)
class Deny(_Decision):
    """Not forwarded. `stops`: a run of ours pauses for this unit of this `budget`; in `retry_after` seconds it fits."""

    effect: Literal["deny"] = "deny"
    stops: str | None = None
    budget: str | None = None
    retry_after: float | None = None


Verdict = Allow | Ask | Deny


@value(frozen=True, slots=True)
class Answered:
    """The server's result, unmodified: a `CallToolResult` as raw JSON, with its text (`verbatim`) where that is known.

    A tool's own error is an answer too.
    """

    result: JsonObject

    @property
    def is_error(self) -> bool:
        return self.result.get("isError") is True


PAGE_FIRST = -32042  # MCP 2025-11-25, URL mode elicitation: a page must be visited, then the request made again


@value(frozen=True, slots=True)
class Refused:
    """The server answered with a JSON-RPC error: it did not run the tool.

    `more` is what else stands in the error object.
    """

    code: int
    message: str
    data: Any = None
    more: JsonObject | None = None

    @classmethod
    def of(cls, error: Mapping[str, Any]) -> "Refused":
        """What an error object says, well formed or not."""
        code, message = error.get("code"), error.get("message")
        more = {key: item for key, item in error.items() if key not in _OF_ERRORS}
        number, text = int(code) if isinstance(code, int) else 0, message if isinstance(message, str) else ""
        return cls(number, text, error.get("data"), more or None)

    def to_json(self) -> JsonObject:
        """The error object."""
        data = {} if self.data is None else {"data": self.data}
        return {"code": self.code, "message": self.message, **data, **(self.more or {})}


_OF_ERRORS = ("code", "message", "data")


@value(frozen=True, slots=True)
class Unsent:
    """Nothing left the gateway: safe to try again."""

    why: str


@value(frozen=True, slots=True)
class InDoubt:
    """It was sent, and no answer came: it may have happened or not."""

    why: str


@value(frozen=True, slots=True)
class InputRequired:
    """The server answers once its client has answered its questions (MCP 2026-07-28, multi round-trip requests).

    `result` is raw: `inputRequests`, and a `requestState` that goes back with the answers.
    """

    result: JsonObject


@value(frozen=True, slots=True)
class TaskCreated:
    """The server answers later: it made a task of the call (MCP's extension `io.modelcontextprotocol/tasks`).

    `result` is raw, with the server's own `taskId`; `id` is ours, by which the client knows the task.
    """

    result: JsonObject
    id: str = ""


Outcome = Answered | InputRequired | TaskCreated | Refused | Unsent | InDoubt
Objection = Callable[[], Unsent | None]  # why something must not leave after all, asked in the last moment


def unopposed() -> None:
    """It may leave, whatever has happened meanwhile."""


def nothing_done(outcome: Outcome) -> bool:
    """Whether it was for nothing: not sent, or the server has only asked back, in either era's way."""
    if type(outcome) is Answered:  # nearly always
        return False
    return isinstance(outcome, (Unsent, InputRequired)) or (isinstance(outcome, Refused) and outcome.code == PAGE_FIRST)


def says(outcome: Outcome) -> bool:
    """Whether it holds words of a server: an answer, a question, a refusal."""
    return isinstance(outcome, (Answered, InputRequired, TaskCreated, Refused))


_OUTCOMES: Mapping[str, type[Outcome]] = {
    "answered": Answered,
    "input_required": InputRequired,
    "task_created": TaskCreated,
    "refused": Refused,
    "unsent": Unsent,
    "in_doubt": InDoubt,
}
_NAMES: Mapping[type[Outcome], str] = {cls: name for name, cls in _OUTCOMES.items()}


def outcome_to_json(outcome: Outcome) -> JsonObject:
    """`{"kind": "answered", "result": {...}}` and so on: the form in which an outcome is stored."""
    if type(outcome) is Answered:  # nearly always
        return {"kind": "answered", "result": outcome.result}
    said = {"kind": _NAMES[type(outcome)]} | {name: getattr(outcome, name) for name in outcome.__dataclass_fields__}
    if "more" in said and not said["more"]:
        del said["more"]
    return said


def outcome_from_json(value: JsonObject) -> Outcome:
    """The inverse of `outcome_to_json`. Raises KeyError for an unknown kind; fields that it has no place for go."""
    if value["kind"] == "answered":
        return Answered(value["result"])
    cls = _OUTCOMES[value["kind"]]
    return cls(**{name: item for name, item in value.items() if name in cls.__dataclass_fields__})
