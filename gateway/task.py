"""A task: a call whose answer comes later, and how its client is told where it stands. Pure.

MCP's extension `io.modelcontextprotocol/tasks` (SEP-2663): a result of the type `task` stands in the place of an
answer, and `tasks/get` says what became of it. A server makes a task of a call, or the gateway does, of a call that
waits for a person: then the approval's id is the task's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.approval import Approval
from gateway.call import Answered, Arguments, Call, InDoubt, JsonObject, Outcome, Refused, Subject
from gateway.caller import Caller
from gateway.dates import dated
from gateway.results import unforged
from gateway.verbatim import altered

__all__ = ["EXTENSION", "STATES", "TERMINAL", "Task", "declares", "ended", "error_of", "follows", "is_run_of_task"]
__all__ += ["named", "only_as_task", "run_of", "state_of", "without_task"]

EXTENSION = "io.modelcontextprotocol/tasks"
TERMINAL = frozenset({"completed", "failed", "cancelled"})
STATES = TERMINAL | {"working", "input_required"}
POLL = 2_000  # milliseconds: what a person decides need not be seen sooner
_RUN = "t-"
_INTERNAL_ERROR, _HOP_CODES = -32603, frozenset({-32020, -32021, -32022})


@dataclass(frozen=True, slots=True)
class Task:
    """A task that a server made of a call: whose it is, and which call of which run. `theirs` is the server's own id.

    `approval_id` is what the call was admitted on, `done` says that its outcome has been recorded. `created` is
    milliseconds since 1970 (UTC).
    """

    id: str
    run_id: str
    key: str
    user: str
    agent: str | None
    tenant: str
    path: str
    pin: str
    arguments: str
    approval_id: str | None
    theirs: str
    created: int
    done: bool = False

    @property
    def call(self) -> Call:
        return Call(self.run_id, self.key, self.subject, self.path, Arguments.parse(self.arguments))

    @property
    def subject(self) -> Subject:
        return Subject(self.user, self.tenant, self.agent)


def only_as_task(definition: Mapping[str, Any]) -> bool:
    """Whether its server makes a call of this tool as a task only (MCP 2025-11-25): then the gateway waits for it."""
    said = definition.get("execution")
    return isinstance(said, Mapping) and said.get("taskSupport") == "required"


def without_task(definition: JsonObject) -> JsonObject:
    """A tool as clients are shown it: theirs refuse to call one that is made as a task only."""
    if not only_as_task(definition):
        return definition
    said = {name: item for name, item in definition["execution"].items() if name != "taskSupport"}
    return {name: said if name == "execution" else item for name, item in definition.items()}


def declares(capabilities: Mapping[str, Any]) -> bool:
    """Whether a client that declares this knows what a task is."""
    extensions = capabilities.get("extensions")
    if not extensions or not isinstance(extensions, Mapping):
        return False
    return isinstance(extensions.get(EXTENSION), Mapping)


def follows(caller: Caller) -> bool:
    """Whether this caller may be answered with a task. The extension belongs to the modern era."""
    return caller.modern and declares(caller.capabilities)


def run_of(approval: Approval) -> str:
    """The run in which an approved call is made for its task: one for each approval, so it is begun once."""
    return _RUN + approval.id.partition("-")[2]


def is_run_of_task(run_id: str) -> bool:
    return run_id.startswith(_RUN)


def state_of(approval: Approval, status: str, message: str, updated: int, **more: Any) -> JsonObject:
    """MCP's `Task` for a call that waits, or waited, for a person. What is over is kept as long as the record."""
    return {
        "taskId": approval.id,
        "status": status,
        "statusMessage": message,
        "createdAt": _iso(approval.created),
        "lastUpdatedAt": _iso(updated),
        "ttlMs": None if status in TERMINAL else approval.expires - approval.created,
        "pollIntervalMs": POLL,
        **more,
    }


def _iso(milliseconds: int) -> str:
    return dated(milliseconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def named(state: JsonObject, task_id: str) -> JsonObject:
    """What a server said of its task, under our id. Nothing else is touched, but for words that only we may say."""
    result = state.get("result")
    kept = {"result": unforged(result)} if isinstance(result, Mapping) else {}
    return altered({**unforged(state), **kept, "taskId": task_id}, state)


def ended(state: JsonObject) -> Outcome | None:
    """The outcome of a call in the final state of its task; None while there is none."""
    match state.get("status"):
        case "completed":
            result = state.get("result")
            return Answered(result) if isinstance(result, dict) else InDoubt("the task ended without a result")
        case "failed":
            error = state.get("error")
            return Refused.of(error if isinstance(error, Mapping) else {})
        case "cancelled":
            return InDoubt("the task was cancelled")
    return None


def error_of(refused: Refused) -> JsonObject:
    """A JSON-RPC error object. What is about our own request to the server is not its client's to mend."""
    code = _INTERNAL_ERROR if refused.code in _HOP_CODES else refused.code
    return {**refused.to_json(), "code": code}
