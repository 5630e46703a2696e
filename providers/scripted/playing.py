"""Plays a script as a model backend: an embedded model that needs no key and no network."""

import asyncio
import hashlib
import json
import re
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from providers import (
    Finished,
    Message,
    Part,
    ProviderError,
    Reply,
    Request,
    Started,
    StreamEvent,
    Text,
    Thinking,
    ToolCall,
    ToolSpec,
    Usage,
    message_to_json,
)
from providers.scripted.condition import miss
from providers.scripted.faults import Fault, altered, error_of
from providers.scripted.nodes import ScriptError, Where
from providers.scripted.place import Place, place_of
from providers.scripted.script import Failure, Script, ToolUse, Turn, parsed
from providers.scripted.template import Form, filled
from providers.streamed import streamed

__all__ = ["Played", "ScriptedProvider", "tokens_of"]

_ENDED = "(the script has ended)"
_WORDLESS = ("status", "html", "silent", "repeat-key")  # faults in place of a stream
_CHARACTERS_PER_TOKEN = 4  # an estimate, as good as any for a model that reads nothing


@dataclass(frozen=True, slots=True)
class Played:
    """A reply, and what goes wrong on its way."""

    reply: Reply
    fault: Fault | None = None


class ScriptedProvider:
    """A `providers.Provider` that plays one script, for any number of conversations at once.

    It keeps nothing of a conversation; only how often a `fail:` was played is counted, in this process.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self._failed: Counter[str] = Counter()

    @classmethod
    def from_file(cls, path: str | Path) -> "ScriptedProvider":
        """Reads the script. Raises ScriptError, also if the file can't be read."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ScriptError(Where(str(path), 0, 0), f"the script can't be read: {why}") from None
        return cls(parsed(text, str(path)))

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        """The reply to this conversation, word by word.

        Raises ProviderError: as a `fail:` says, or `script` if an expectation or a reference is not met.
        """
        played = await self.play(request)
        error = error_of(played.fault) if played.fault else None
        events = [Started(request.model), *streamed(played.reply.message), Finished(played.reply)]
        if error is not None and played.fault is not None:
            heard = 0 if played.fault.kind in _WORDLESS else played.fault.after(len(events))
            events = events[:heard]
        for event in events:
            yield event
        if error is not None:
            raise error

    async def play(self, request: Request) -> Played:
        """The same at once, for a server that plays the fault itself. Raises ProviderError as `stream` does."""
        if request.purpose == "summary":  # that is no step
            turn, place = Turn(Where(self._script.file, 0, 0), say=self._script.summary), Place()
            return Played(_reply(turn, place, request))
        place = place_of(self._script, request.messages)
        turn = self._turn(place)
        _check(turn, place)
        if turn.failure and self._again((turn.where, "fail"), place, request, turn.failure.times):
            raise _failed(turn.failure)
        await asyncio.sleep(turn.delay)
        reply = _reply(turn, place, request)
        fault = turn.fault
        if fault is None or not self._again((turn.where, "fault"), place, request, fault.times):
            return Played(reply)
        return Played(altered(reply, fault), fault)

    async def count(self, request: Request) -> int:
        """The tokens of a request: characters divided by 4."""
        return tokens_of(request)

    def _turn(self, place: Place) -> Turn:
        if place.step >= len(self._script.steps):
            return Turn(Where(self._script.file, 0, 0), say=_ENDED)
        step = self._script.steps[place.step]
        assert isinstance(step, Turn)  # noqa: S101 - `place_of` has passed all forks
        return step

    def _again(self, what: tuple[Where, str], place: Place, request: Request, times: int) -> bool:
        """Whether this happens once more to this conversation; 0 times is always."""
        heard = repr((what, place.step, place.played, _settled(request.messages)))
        conversation = hashlib.sha256(heard.encode(errors="surrogatepass")).hexdigest()
        self._failed[conversation] += 1
        return times == 0 or self._failed[conversation] <= times


def _settled(messages: Sequence[Message]) -> Sequence[Message]:
    """The conversation until its last reply: whoever says more after a failure is still in the same one."""
    last = max((at for at, message in enumerate(messages) if message.role != "user"), default=0)
    return messages[: last + 1]


def _failed(failure: Failure) -> ProviderError:
    return ProviderError(failure.kind, failure.message, retry_after=failure.retry_after)


def _check(turn: Turn, place: Place) -> None:
    for wanted in turn.expect:
        came = miss(wanted, place.seen)
        if came is not None:
            raise ProviderError("script", f"{wanted.where}: {came}")


def _reply(turn: Turn, place: Place, request: Request) -> Reply:
    message = Message("assistant", tuple(_parts(turn, place, request.tools)))
    return Reply(
        message=message,
        finish=turn.finish or ("tool_calls" if turn.calls else "stop"),
        usage=_usage(turn, message, request),
        model=request.model,
        response_id=f"scripted-{place.turn}",
        cost_nanos=turn.cost_nanos,
    )


def _parts(turn: Turn, place: Place, tools: Sequence[ToolSpec]) -> Iterator[Part]:
    """Thinking, text, calls; the first one carries the mark."""
    marks = iter((place.mark(),))
    if turn.think is not None:
        yield Thinking(_written(turn.think, turn, place), next(marks, {}))
    if turn.say is not None:
        yield Text(_written(turn.say, turn, place), next(marks, {}))
    for index, use in enumerate(turn.calls, 1):
        arguments = _arguments(use, turn, place)
        yield ToolCall(f"c{place.turn}_{index}", _exposed(use.tool, tools), arguments, next(marks, {}))


def _arguments(use: ToolUse, turn: Turn, place: Place) -> str:
    return json.dumps(_filled(use.args, turn, place), ensure_ascii=False) if use.raw is None else use.raw


def _filled(form: Form, turn: Turn, place: Place) -> Any:
    try:
        return filled(form, place.seen.look)
    except LookupError as error:
        raise ProviderError("script", f"{turn.where}: a reference can't be filled: {error.args[0]}") from None


def _written(form: Form, turn: Turn, place: Place) -> str:
    value = _filled(form, turn, place)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _usage(turn: Turn, message: Message, request: Request) -> Usage:
    said, tokens = "".join(_spoken(part) for part in message.parts), turn.tokens
    return Usage(
        input=tokens_of(request) if tokens.input is None else tokens.input,
        output=_tokens(len(said)) if tokens.output is None else tokens.output,
        cache_read=tokens.cache_read,
        cache_write=tokens.cache_write,
        reasoning=tokens.reasoning,
        estimated=tokens.input is None or tokens.output is None,
    )


def tokens_of(request: Request) -> int:
    """An estimate: characters divided by 4."""
    heard = [request.system, *(json.dumps(message_to_json(item)) for item in request.messages)]
    offered = (f"{tool.name}{tool.description}{json.dumps(tool.input_schema)}" for tool in request.tools)
    return _tokens(sum(len(text) for text in (*heard, *offered)))


def _tokens(characters: int) -> int:
    return -(-characters // _CHARACTERS_PER_TOKEN)


def _spoken(part: Part) -> str:
    if isinstance(part, ToolCall):
        return part.name + part.arguments
    return part.text if isinstance(part, Text | Thinking) else ""


def _exposed(tool: str, offered: Sequence[ToolSpec]) -> str:
    """The name by which a model sees `server/tool`; a tool that is not offered is called all the same.

    The rule is the gateway's (`gateway/names.py`): `server__tool`, and with a hash where that doesn't fit or collides.
    """
    server, slash, name = tool.partition("/")
    if not slash:
        return tool
    fitted = re.sub(r"[^A-Za-z0-9_-]", "_", f"{server}__{name}")
    fitted = fitted if fitted[0].isalpha() else f"t{fitted}"
    hashed = f"{fitted[:57]}_{hashlib.sha256(tool.encode()).hexdigest()[:6]}"
    plain = fitted if fitted == f"{server}__{name}" and len(fitted) <= 64 else hashed
    names = {spec.name for spec in offered}
    return hashed if hashed in names and plain not in names else plain
