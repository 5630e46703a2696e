"""Anthropic Messages, as of the API's version 2026-10-21: `shapes` (what a request may hold), `reading` (a request that
its `rules` allow), `writing` (a reply).
"""

from providers.fake.anthropic.reading import read
from providers.fake.anthropic.writing import counted, error, events, interrupted, whole
from providers.fake.wire import Event, Format

__all__ = ["ANTHROPIC"]

_MISTYPED = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 7}}

ANTHROPIC = Format(
    name="anthropic",
    request_id="request-id",
    read=read,
    whole=whole,
    events=events,
    error=error,
    interrupted=interrupted,
    unknown=Event("weather_report", {"type": "weather_report", "sky": "blue"}),
    mistyped=Event("content_block_delta", _MISTYPED),
    counted=counted,
)
