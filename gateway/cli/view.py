"""A run on a terminal, as it happens: what the model says, each call with its verdict, what waits."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from gateway.cli.discretion import told
from gateway.cli.folding import Flow, show
from gateway.cli.lines import Line, Said, line
from gateway.events import Admitted, Held, ModelAnswered, ModelFailed, Recorded
from gateway.visible import visible
from providers import StreamEvent, TextDelta, ThinkingDelta

__all__ = ["LiveView", "show_line"]

_INDENT = 2  # columns before all that is said in a run


class LiveView:
    """A `gateway.loop.Watcher` that prints to a console (stderr: stdout is for the answer)."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._calls: dict[str, Said] = {}
        self._flow = Flow(console, _INDENT)
        self._talking = False  # in the middle of a line of the model's
        self._breaks = ""  # line breaks that came and were not printed: there may be nothing behind them
        self._style = ""
        self._streamed = False  # this reply's words have been shown as they came
        self._seen: dict[str, int] = {}  # run -> the last seq that was shown: a run is shown once, however often driven

    def streamed(self, event: StreamEvent) -> None:
        """Words as they come; thoughts on lines of their own."""
        if not isinstance(event, (TextDelta, ThinkingDelta)):
            return
        style = "" if isinstance(event, TextDelta) else "dim italic"
        if self._talking and style != self._style:
            self._stop_talking()
        self._style = style
        self._say(event.text, style)

    def recorded(self, recorded: Recorded) -> None:
        """One fact, on a line of its own."""
        if recorded.seq <= self._seen.get(recorded.run_id, 0):
            return
        recorded = told(recorded)
        self._know(recorded)
        if isinstance(recorded.event, ModelAnswered) and recorded.event.purpose == "answer":
            self._answered(recorded.event)
        elif isinstance(recorded.event, ModelFailed):
            self._streamed = False  # what was shown of this reply is void: what follows is another
        described = line(recorded.event, self._calls)
        if described is not None:
            self._stop_talking()
            show_line(self._console, described)

    def passed(self, history: Sequence[Recorded]) -> None:
        """What was before this view: it is known, and not shown."""
        for recorded in history:
            self._know(recorded)

    def _know(self, recorded: Recorded) -> None:
        self._seen[recorded.run_id] = max(recorded.seq, self._seen.get(recorded.run_id, 0))
        event = recorded.event
        if isinstance(event, Admitted):
            self._calls[event.key] = Said(event.path, event.arguments)
        elif isinstance(event, Held):
            self._calls.setdefault(event.key, Said(event.path))

    def _answered(self, event: ModelAnswered) -> None:
        """The words of a reply that this process did not hear itself."""
        if not self._streamed:
            self._say("".join(part["text"] for part in event.message["parts"] if part["kind"] == "text"), "")
        self._stop_talking()
        self._streamed = False

    def _say(self, text: str, style: str) -> None:
        text, self._breaks = _without_breaks(self._breaks + text)
        if not text:
            return
        first, *more = (visible(part) for part in text.split("\n"))
        shown = self._flow.placed(first) if self._talking else self._begun(first)
        shown += "".join("\n" + self._begun(part) for part in more)
        self._console.print(Text(shown, style=style), end="", soft_wrap=True)
        self._talking = self._streamed = True

    def _begun(self, line: str) -> str:
        self._flow.start()
        return " " * _INDENT + self._flow.placed(line)

    def _stop_talking(self) -> None:
        if self._talking:
            self._console.print()
        self._talking, self._breaks = False, ""


def _without_breaks(text: str) -> tuple[str, str]:
    """The text without the line breaks at its end, and those."""
    kept = text.rstrip("\n")
    return kept, text[len(kept) :]


def show_line(console: Console, described: Line) -> None:
    """A mark, what happened, and dimly why."""
    text = Text.assemble((f"  {described.mark} ", described.style), described.text)
    if described.detail:
        text.append(f"  {described.detail}", style="dim")
    show(console, text, _INDENT + 2)
