"""What an admitted call is on the wire: its method, and parameters that are the judged text, byte for byte. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.call import Action, Call, JsonObject, Subject
from gateway.names import split_path
from gateway.task import Task
from gateway.upstream import wire
from gateway.values import value
from gateway.verbatim import encode

__all__ = ["Wanted", "about_task", "wanted"]


@value(frozen=True, slots=True)
class Wanted:
    """`fields` are the parameters as JSON text, without `_meta`; `name` is what HTTP repeats in `Mcp-Name`.

    `subject` is whose credentials the request carries, where the server acts for each user. `as_task`: what is answered
    is a task, whose result is the answer (`augmented`).
    """

    method: str
    name: str | None
    fields: Mapping[str, bytes]
    subject: Subject | None = None
    as_task: bool = False

    def params(self, meta: JsonObject) -> dict[str, Any]:
        """The parameters as values. Written out again, they are the same bytes."""
        return {**{name: wire.read(text) for name, text in self.fields.items()}, "_meta": meta}

    def body(self, request_id: int, meta: JsonObject) -> bytes:
        return wire.request_body(request_id, self.method, {**self.fields, "_meta": encode(meta)})


def wanted(call: Call, answers: JsonObject | None = None) -> Wanted:
    """`answers` are `inputResponses` and `requestState` of a further round."""
    method, name, fields = _SHAPES[call.action](call)
    for key, item in answers.items() if answers else ():
        fields[key] = encode(item)
    return Wanted(method, name, fields, call.subject)


def about_task(method: str, task: Task, answers: JsonObject | None = None) -> Wanted:
    """`tasks/get`, `tasks/update` or `tasks/cancel`, by the server's own id, which HTTP repeats."""
    more = {} if answers is None else {"inputResponses": encode(answers)}
    return Wanted(method, task.theirs, {"taskId": encode(task.theirs), **more}, task.subject)


_Shape = tuple[str, str | None, dict[str, bytes]]


def _call(call: Call) -> _Shape:
    name = split_path(call.path)[1]
    return "tools/call", name, {"name": wire.quoted(name), "arguments": call.arguments.text.encode()}


def _get(call: Call) -> _Shape:
    name = split_path(call.path)[1]
    return "prompts/get", name, {"name": encode(name), "arguments": call.arguments.text.encode()}


def _read(call: Call) -> _Shape:
    uri = split_path(call.path)[1]
    return "resources/read", uri, {"uri": encode(uri)}


def _complete(call: Call) -> _Shape:
    return "completion/complete", None, {key: encode(value) for key, value in call.arguments.value.items()}


_SHAPES: Mapping[Action, Callable[[Call], _Shape]] = {"call": _call, "get": _get, "read": _read, "complete": _complete}
