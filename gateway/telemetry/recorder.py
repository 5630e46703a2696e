"""Telemetry that keeps its spans in memory: for tests and for looking at one run in a process."""

from gateway.telemetry.span import Span

__all__ = ["Recorder"]


class Recorder:
    """Keeps what it is given, in order, in `spans`. Implements `gateway.telemetry.Telemetry`."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def emit(self, span: Span) -> None:
        """Keeps the span."""
        self.spans.append(span)

    def close(self) -> int:
        """Nothing is ever lost: 0."""
        return 0

    def tree(self, run_id: str) -> list[str]:
        """One line for each span of a run, parents first, two spaces for each level, siblings by start then key."""
        return _below(None, [span for span in self.spans if span.run_id == run_id], "")


def _below(parent: str | None, spans: list[Span], indent: str) -> list[str]:
    children = sorted((span for span in spans if span.parent == parent), key=lambda span: (span.start_ns, span.key))
    return [line for span in children for line in (f"{indent}{span.name}", *_below(span.key, spans, f"{indent}  "))]
