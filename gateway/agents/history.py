"""A run's conversation, as far as a model is told of it. Pure.

`told()` says it of any conversation at once; `History` keeps up with one that grows, and looks at each message once,
so that a turn late in a conversation costs what an early one does.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.agents.shortening import cut_text, shortened, without_calls, without_results
from gateway.conversation import WHOLE, Compaction
from providers import Message, Text, message_from_json

__all__ = ["CAPTION", "History", "told"]

CAPTION = "What was said and done after that, in short, because there is no room for all of it:"
_TASK = 8192  # bytes of the first message that stay in any case


def told(messages: Sequence[Message], compaction: Compaction = WHOLE) -> list[Message]:
    """What the model is told of these. Calls and their results stand together, in the order in which they happened."""
    shown = [_head(messages[0], compaction)] if compaction.messages and messages else []
    following = [*messages[1:], None]
    rest = range(compaction.messages, len(messages))
    return [*shown, *(_shown(messages[index], following[index], index, compaction) for index in rest)]


def _head(first: Message, compaction: Compaction) -> Message:
    """The task in the user's words, and what was made of it since."""
    task = cut_text(first.text, min(_TASK, compaction.longest or _TASK))
    summary = compaction.summary if compaction.longest is None else cut_text(compaction.summary, compaction.longest)
    parts = (Text(task), Text(f"{CAPTION}\n{summary}")) if summary else (Text(task),)
    return Message("user", parts)


def _shown(message: Message, following: Message | None, index: int, compaction: Compaction) -> Message:
    if message.role == "tool" and index < compaction.results:
        message = without_results(message)
    if message.tool_calls and (following is None or following.role != "tool"):
        message = without_calls(message)
    if compaction.longest is None or index >= compaction.cut:
        return message
    return shortened(message, compaction.longest)


class History:
    """One run's conversation: `messages` are all of them, `shown` what is told of them."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._shown: list[Message] = []
        self._of = WHOLE

    def keep_up(self, messages: Sequence[Mapping[str, Any]], compaction: Compaction) -> None:
        """With the run's messages as JSON, of which the first ones are known already."""
        known = len(self.messages)
        self.messages.extend(message_from_json(message) for message in messages[known:])
        if compaction != self._of or not known:
            self._of, self._shown = compaction, told(self.messages, compaction)
            return
        if len(self.messages) == known:
            return
        first = max(
            compaction.messages, known - 1
        )  # the last one that was known: only now are its calls seen to be made
        if first < known:
            self._shown.pop()
        following = [*self.messages[first + 1 :], None]
        self._shown += [
            _shown(self.messages[index], following[index - first], index, compaction)
            for index in range(first, len(self.messages))
        ]

    @property
    def shown(self) -> Sequence[Message]:
        return tuple(self._shown)
