"""Policy files with their columns aligned, meaning what they meant before. Pure.

Lines stay where they are, and so do comments and blank lines; line ends and a byte order mark stay as the file has
them. A cell is aligned unless it is long, and loses double quotes that it does not need, for some of Casbin's readers
take those for a part of it. What was made is read again, and compared with what was there.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from gateway.errors import PolicyError, Problem
from gateway.policy.cells import Cell, CellError, split_line
from gateway.policy.custom_rows import reader_of
from gateway.policy.files import Source
from gateway.policy.load import own_model
from gateway.policy.rows import Reader, Row, parse_lines

__all__ = ["WIDEST", "formatted"]

WIDEST = 60  # characters of a cell that others are aligned with; a longer one runs over

_BOM = b"\xef\xbb\xbf"
_BLANK = " \t"


def formatted(source: Source, model: Source | None = None) -> bytes:
    """The file's new content. Raises PolicyError for a file with an error in it: who knows what it means?"""
    reader = _reader(model)
    rows, problems = parse_lines(source.file, _text(source), reader)
    if problems:
        raise PolicyError(problems)
    made = _BOM * source.content.startswith(_BOM) + _aligned(_text(source), reader).encode()
    again = parse_lines(source.file, _text(Source(source.file, made)), reader)
    if again[1] or _meaning(again[0]) != _meaning(rows):
        raise PolicyError.at(source.file, "it can't be aligned without changing what it means", hint="please report it")
    return made


def _reader(model: Source | None) -> type[Reader]:
    problems: list[Problem] = []
    own = own_model(model, problems) if model else None
    if problems:
        raise PolicyError(problems)
    return reader_of(own) if own else Reader


def _text(source: Source) -> str:
    try:
        return source.content.removeprefix(_BOM).decode()
    except UnicodeDecodeError:
        raise PolicyError.at(source.file, "not UTF-8", hint="save the file as UTF-8") from None


def _meaning(rows: Sequence[Row]) -> list[tuple[object, ...]]:
    """All that a decision, or whoever reads about it, can see of the lines; not how they are written."""
    return [(row.where, row.key, getattr(row, "why", "")) for row in rows]


# ---- lines


def _aligned(text: str, reader: type[Reader]) -> str:
    lines = text.split("\n")
    ends = ["\r" if line.endswith("\r") else "" for line in lines]
    split = [_cells(line.removesuffix("\r"), reader.code) for line in lines]
    widths = _widths(split)
    made = [
        _row(cells, widths[cells[0]]) if cells else line.rstrip(f"{_BLANK}\r")
        for line, cells in zip(lines, split, strict=True)
    ]
    if made[-1]:  # the last line has an end, too
        made.append("")
        ends = [*ends[:-1], ends[0], ""]
    return "\n".join(line + end for line, end in zip(made, ends, strict=True))


def _cells(line: str, code: AbstractSet[int]) -> list[str]:
    """The cells of a line as they will be written; none for a comment or a blank line."""
    return [_written(line, cell, code=number in code) for number, cell in enumerate(split_line(line, code))]


def _written(line: str, cell: Cell, *, code: bool) -> str:
    """Bare as it is, if it was bare, or if it can be: it holds no comma, and is read as the same text."""
    quoted = cell.column > 1 and line[cell.column - 2 : cell.column - 1] == '"'
    if not quoted or ("," not in cell.text and _reads_bare(cell.text, code=code)):
        return cell.text
    return '"' + cell.text.replace('"', '""') + '"'


def _reads_bare(text: str, *, code: bool) -> bool:
    if '"' in text or text.startswith("#"):
        return False
    try:
        return [cell.text for cell in split_line(f"p,{text}", {1} if code else frozenset())] == ["p", text]
    except CellError:
        return False


def _widths(split: Sequence[Sequence[str]]) -> Mapping[str, list[int]]:
    """For each kind of line, how wide each column is, without its comma."""
    widths: dict[str, list[int]] = {}
    for cells in split:
        if cells:
            known = widths.setdefault(cells[0], [0] * len(cells))
            for number, cell in enumerate(cells):
                known[number] = max(known[number], len(cell) if len(cell) <= WIDEST else 0)
    return widths


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [f"{cell},".ljust(width + 1) for cell, width in zip(cells[:-1], widths[:-1], strict=True)]
    return " ".join([*padded, cells[-1]]).rstrip(_BLANK)
