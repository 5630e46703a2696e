"""A conversation as Markdown, for people: what was said, and which calls were made. Pure."""

from collections.abc import Iterator, Sequence

from gateway.cli.lines import Said, line
from gateway.conversation import UserSpoke
from gateway.dates import dated
from gateway.events import Admitted, Held, ModelAnswered, Queued, Recorded, Resumed, Waited
from gateway.run import Run

__all__ = ["written"]


def written(run: Run, events: Sequence[Recorded]) -> str:
    """All of it, in its order. Words stay as they were said; calls are quoted lines."""
    began = dated(run.created).strftime("%Y-%m-%d %H:%M UTC")
    blocks = [f"# {run.subject.agent or run.subject.user}, {began}", f"Run `{run.id}`."]
    return "\n\n".join([*blocks, *_blocks(events)]) + "\n"


def _blocks(events: Sequence[Recorded]) -> Iterator[str]:
    calls: dict[str, Said] = {}
    for recorded in events:
        event = recorded.event
        match event:
            case Queued():
                yield f"**{event.user}**\n\n{event.input}"
            case UserSpoke():
                yield f"**{event.by}**\n\n{event.text}"
            case ModelAnswered(purpose="answer"):
                yield from _answer(event)
            case Admitted():
                calls[event.key] = Said(event.path, event.arguments)
            case Held():
                calls.setdefault(event.key, Said(event.path))
        if not isinstance(event, (Queued, UserSpoke, Waited, Resumed)) and (told := line(event, calls)) is not None:
            yield f"> {told.mark} {told.text}  {told.detail}".rstrip()


def _answer(event: ModelAnswered) -> Iterator[str]:
    text = "".join(part["text"] for part in event.message["parts"] if part["kind"] == "text").strip()
    if text:
        yield f"**{event.model}**\n\n{text}"
