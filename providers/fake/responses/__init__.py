"""OpenAI Responses: `shapes` (what a request may hold), `reading` (one that the `rules` allow), `writing` (a reply)."""

from providers.fake.openai import error
from providers.fake.responses.reading import read
from providers.fake.responses.writing import counted, events, interrupted, whole
from providers.fake.wire import Event, Format

__all__ = ["RESPONSES"]

_UNKNOWN = "response.weather_report"
_WORDS = "response.output_text.delta"
_MISTYPED = {"output_index": 0, "item_id": "msg_fake", "content_index": 0, "delta": 7, "sequence_number": 999_999}

RESPONSES = Format(
    name="responses",
    request_id="x-request-id",
    read=read,
    whole=whole,
    events=events,
    error=error,
    interrupted=interrupted,
    unknown=Event(_UNKNOWN, {"type": _UNKNOWN, "sequence_number": 999_999, "sky": "blue"}),
    mistyped=Event(_WORDS, {"type": _WORDS, **_MISTYPED}),
    counted=counted,
)
