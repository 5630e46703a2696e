"""OpenAI Chat Completions, as OpenAI and as compatible servers speak it: `shapes` (what a request may hold), `reading`
(a request that its `rules` allow), `writing` (a reply).

A model named as OpenAI's own are (`gpt-`, `o3`) is as strict as theirs. Any other is a compatible server's: it takes
`max_tokens` and shows its thinking as `reasoning_content`. `makers` knows those with ways of their own.
"""

from providers.fake.chat.reading import read
from providers.fake.chat.writing import counted, events, interrupted, whole
from providers.fake.openai import error
from providers.fake.wire import Event, Format

__all__ = ["CHAT"]

_MISTYPED = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": 7}}]}

CHAT = Format(
    name="chat",
    request_id="x-request-id",
    read=read,
    whole=whole,
    events=events,
    error=error,
    interrupted=interrupted,
    unknown=Event(None, {"object": "weather.report", "sky": "blue", "choices": []}),
    mistyped=Event(None, _MISTYPED),
    counted=counted,
)
