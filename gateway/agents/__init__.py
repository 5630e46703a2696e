"""What an agent is: instructions, a model, and the tools that it may see; and what its model is told. Pure.

offering    which tools a model is shown: all of them, or two with which it finds them
searching   the tools that a query means
sleeping    how a model says until when it waits, or for which news
history     a run's conversation, as far as a model is told of it
shortening  a message with less in it
compaction  what is told no more, when the window is full
summary     what a model is told to put in fewer words
context     one request, put together of these
"""

from collections.abc import Sequence

from gateway.values import value
from providers import Effort

__all__ = ["DEFAULT_OUTPUT", "DEFAULT_WINDOW", "Agent", "Asking", "Context"]

DEFAULT_OUTPUT = 4096  # tokens of one answer, where neither the agent nor its model says
DEFAULT_WINDOW = 128_000  # tokens, of a model of which nobody has said how many it takes


@value(frozen=True, slots=True)
class Context:
    """How much an agent's model is told. `window` and `reserve` (kept free for the reply) are tokens.

    When `compact_at` of what fits is full, less is told. The results of the newest `keep_recent` exchanges stay whole
    as long as that is possible, and so do texts that are `pinned`. `memory` is how many tokens of a session its next
    run begins with, but never more than half the window. Where there are more than `tools_before_search` tools, or they
    fill a fifth of the window, the model searches them; those that `always` names it is shown.
    """

    window: int | None = None
    reserve: int | None = None
    compact_at: float = 0.8
    keep_recent: int = 4
    memory: int = 32_000
    tools_before_search: int = 100
    always: Sequence[str] = ()
    pinned: Sequence[str] = ()


@value(frozen=True, slots=True)
class Asking:
    """How an agent's model is asked, beside what it is told. `effort` None: as is said of the model.

    `tool_choice` is `auto`, `any` (it calls a tool), `none`, or a tool as `server/tool`; what it demands, it demands of
    the first reply to what the user said: a model that had to call at each turn would never come to an end. `strict`:
    only arguments that fit their schema, where the backend can see to it. `stop` are texts at which a reply ends.
    """

    effort: Effort | None = None
    parallel: bool = True
    tool_choice: str = "auto"
    strict: bool = False
    stop: Sequence[str] = ()


@value(frozen=True, slots=True)
class Agent:
    """`tools` are globs of `server/tool`: what the model is shown. What it may call is the policy's affair.

    `max_output_tokens` is the longest answer; None: as long as its model's are. One that `may_wait` is shown how
    to wait for a moment, or for news, too.
    """

    name: str
    instructions: str = ""
    model: str = ""
    tools: Sequence[str] = ("*/*",)
    max_output_tokens: int | None = None
    context: Context = Context()
    asking: Asking = Asking()
    may_wait: bool = False

    @property
    def most_output(self) -> int:
        """Tokens of one answer."""
        return self.max_output_tokens or DEFAULT_OUTPUT

    @property
    def subject(self) -> str:
        """As policies name it: `agent:support`."""
        return f"agent:{self.name}"
