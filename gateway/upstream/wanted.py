"""What an admitted call is on the wire: its method, and parameters that are the judged text, byte for byte. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import replace
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
    """`members` are the parameters as the text of a JSON object, without its braces and `_meta`; `name` is what HTTP
    repeats in `Mcp-Name`.

    `subject` is whose credentials the request carries, where the server acts for each user. `as_task`: what is answered
    is a task, whose result is the answer (`augmented`).
    """

    method: str
    name: str | None
    members: bytes
    subject: Subject | None = None
    as_task: bool = False

    def params(self, meta: JsonObject) -> dict[str, Any]:
        """The parameters as values. Written out again, they are the same bytes."""
        return {**wire.read(b"{%s}" % self.members), "_meta": meta}

    def body(self, request_id: int, meta: JsonObject) -> bytes:
        return wire.request_body(request_id, self.method, self.members, encode(meta))

    def with_member(self, name: str, value: Any) -> "Wanted":
        """The same with one parameter more."""
        return replace(self, members=_joined(self.members, {name: encode(value)}))


def wanted(call: Call, answers: JsonObject | None = None) -> Wanted:
    """`answers` are `inputResponses` and `requestState` of a further round."""
    method, name, members = _SHAPES[call.action](call)
    if answers:
        members = _joined(members, {key: encode(item) for key, item in answers.items()})
    return Wanted(method, name, members, call.subject)


def about_task(method: str, task: Task, answers: JsonObject | None = None) -> Wanted:
    """`tasks/get`, `tasks/update` or `tasks/cancel`, by the server's own id, which HTTP repeats."""
    more = {} if answers is None else {"inputResponses": encode(answers)}
    members = _joined(b"", {"taskId": encode(task.theirs), **more})
    return Wanted(method, task.theirs, members, task.subject)


_Shape = tuple[str, str | None, bytes]


def _joined(members: bytes, more: Mapping[str, bytes]) -> bytes:
    written = [b"%s:%s" % (encode(name), text) for name, text in more.items()]
    return b",".join([members, *written] if members else written)


def _named(name: str, call: Call) -> bytes:
    return b'"name":%s,"arguments":%s' % (wire.quoted(name), call.arguments.text.encode())


def _call(call: Call) -> _Shape:
    name = split_path(call.path)[1]
    return "tools/call", name, _named(name, call)


def _get(call: Call) -> _Shape:
    name = split_path(call.path)[1]
    return "prompts/get", name, _named(name, call)


def _read(call: Call) -> _Shape:
    uri = split_path(call.path)[1]
    return "resources/read", uri, b'"uri":%s' % encode(uri)


def _complete(call: Call) -> _Shape:
    return "completion/complete", None, call.arguments.text[1:-1].encode()


_SHAPES: Mapping[Action, Callable[[Call], _Shape]] = {"call": _call, "get": _get, "read": _read, "complete": _complete}
