"""`toolgate runs show`: a run as a timeline, with times, waits and what was spent."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from gateway.cli.console import console as stdout
from gateway.cli.discretion import told
from gateway.cli.folding import show
from gateway.cli.lines import Said, budget_line, doubt, doubts, line
from gateway.dates import dated
from gateway.doubts import in_doubt
from gateway.events import Admitted, Held, ModelAnswered, Recorded, Returned
from gateway.run import ENDED, Run
from gateway.standing import held_back
from gateway.visible import shortened, visible

__all__ = ["print_timeline"]

_TEXT_WIDTH = 96
_INDENT = 12  # columns: the seconds, and the mark


def print_timeline(run: Run, events: Sequence[Recorded], console: Console | None = None) -> None:
    """To stdout: this is what was asked for. Each line has the seconds since the run began."""
    console = console or stdout()
    said: dict[str, Said] = {}
    sent: dict[str, int] = {}
    console.print(
        Text.assemble((visible(run.id), "bold"), f"  {run.status}  ", (_clock(run.created), "dim")), soft_wrap=True
    )
    for recorded in map(told, events):
        event = recorded.event
        if isinstance(event, Admitted):
            said[event.key], sent[event.key] = Said(event.path, event.arguments), recorded.at
        elif isinstance(event, Held):
            said.setdefault(event.key, Said(event.path))
        for text in _texts(recorded, said, sent):
            since = (f"{(recorded.at - run.created) / 1000:8.2f}s ", "dim")
            show(console, Text.assemble(since, text), _INDENT)
    show(console, Text(f"          spent {budget_line(run.limits, run.spend)}", style="dim"), _INDENT)
    for how in doubts(run) if run.status not in ENDED else _left_in_doubt(run, events):
        console.print(Text(f"          {how}"), soft_wrap=True)


def _left_in_doubt(run: Run, events: Sequence[Recorded]) -> list[str]:
    """Of a run that has ended; what somebody may still be at is not in doubt yet."""
    left = {} if run.moved else in_doubt(events)
    under_way = held_back(events) if left else {}
    return [doubt(run.id, key, made.path) for key, made in left.items() if key not in under_way]


def _texts(recorded: Recorded, said: dict[str, Said], sent: dict[str, int]) -> list[Text]:
    event = recorded.event
    if isinstance(event, ModelAnswered):
        return _words(event)
    described = line(event, said)
    if described is None:
        return []
    took = f"{recorded.at - sent[event.key]} ms" if isinstance(event, Returned) and event.key in sent else ""
    detail = "  ".join(part for part in (described.detail, took) if part)
    return [Text.assemble((f"{described.mark} ", described.style), described.text, (f"  {detail}", "dim"))]


def _words(event: ModelAnswered) -> list[Text]:
    words = " ".join(part["text"] for part in event.message["parts"] if part["kind"] == "text")
    usage = f"{event.usage.get('input', 0)} tokens in, {event.usage.get('output', 0)} out"
    what = f"turn {event.turn}" if event.purpose == "answer" else "a summary of the conversation"
    head = Text.assemble(("· ", "cyan"), (f"{what}: {visible(event.model)}", "cyan"), (f"  {usage}", "dim"))
    return [head, Text("  " + shortened(words, _TEXT_WIDTH), style="italic")] if words.strip() else [head]


def _clock(milliseconds: int) -> str:
    return dated(milliseconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
