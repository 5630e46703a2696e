"""Long lines on a terminal: broken between words, and indented below their mark. Elsewhere a line stays one line."""

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

__all__ = ["Flow", "show"]

_NARROWEST = 20  # columns of text, however narrow the terminal


def show(console: Console, text: Text, indent: int) -> None:
    """Prints a line whose first `indent` columns are its mark, or blank."""
    if not console.is_terminal:
        console.print(text, soft_wrap=True)
        return
    head, body = text.divide([indent])
    for line in body.wrap(console, _room(console, indent)):
        line.rstrip()
        console.print(Text.assemble(head, line), soft_wrap=True)
        head = Text(" " * indent)


class Flow:
    """Text that comes in pieces, of which no one knows the next. Each of its lines begins with `indent` blanks."""

    def __init__(self, console: Console, indent: int) -> None:
        self._room = _room(console, indent) if console.is_terminal else None
        self._break = "\n" + " " * indent
        self._column = 0
        self._within = False  # a word, which may go on in the next piece

    def start(self) -> None:
        """A new line has begun."""
        self._column, self._within = 0, False

    def placed(self, piece: str) -> str:
        """The piece, without a line break of its own, with a break before each word that does not fit any more."""
        return "".join(map(self._placed, _words(piece)))

    def _placed(self, word: str) -> str:
        full = self._room is not None and self._column + cell_len(word.rstrip()) > self._room
        moved = full and self._column > 0 and not self._within
        self._column = cell_len(word) + (0 if moved else self._column)
        self._within = not word.endswith(" ")
        return self._break + word if moved else word


def _room(console: Console, indent: int) -> int:
    return max(_NARROWEST, console.width - indent)


def _words(text: str) -> list[str]:
    """Each with the blank behind it."""
    return [word for word in text.replace(" ", " \n").split("\n") if word]
