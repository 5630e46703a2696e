"""The line that is typed in `toolgate chat`.

With prompt_toolkit: the event loop goes on while somebody thinks (servers are kept connected), pasted lines stay one
message, and Up finds what was said before. `input()` with readline blocks the loop, and sends a paste line by line.
Nothing of what is typed is written to a file of its own: what was said is in the run, and read from there.
"""

from collections.abc import Callable, Iterable, Sequence

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.formatted_text import HTML
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import create_output

__all__ = ["Prompt"]

_MARK = HTML("<b>&gt; </b>")
_MORE = "  "


class Prompt:
    """`line()` returns what is typed next. `below` is what stands at the foot of the screen meanwhile."""

    def __init__(self, commands: Sequence[str], said: Iterable[str], below: Callable[[], str]) -> None:
        history = InMemoryHistory()
        for text in said:
            history.append_string(text)
        self._session: PromptSession[str] = PromptSession(
            history=history,
            multiline=True,
            reserve_space_for_menu=0,
            key_bindings=_keys(),
            completer=WordCompleter(list(commands), sentence=True),
            complete_while_typing=False,
            prompt_continuation=_MORE,
            bottom_toolbar=below,
            output=create_output(always_prefer_tty=True),
        )

    async def line(self) -> str:
        """Raises EOFError at Ctrl-D, and KeyboardInterrupt at Ctrl-C."""
        return await self._session.prompt_async(_MARK)


def _keys() -> KeyBindings:
    """Enter sends; Alt-Enter begins a new line."""
    keys = KeyBindings()

    @keys.add("enter")
    def _send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _break(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys
