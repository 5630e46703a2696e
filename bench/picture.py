"""`python -m bench.picture`: runs `toolgate demo` on a terminal of its own, and draws what it showed as docs/demo.svg.

Nothing in the picture is loaded from elsewhere: its letters are those of whoever looks at it.
"""

import contextlib
import io
import itertools
import os
import pty
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

__all__ = ["FILE", "drawn", "main"]

FILE = Path(__file__).resolve().parent.parent / "docs" / "demo.svg"
COLUMNS = 120
END = "What is on record"  # the scene from which on there is more than a picture holds

# That of Rich, without the letters that it would load, and without the buttons of a window.
_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
    <style>
    .{unique_id}-matrix {{
        font-family: monospace;
        font-size: {char_height}px;
        line-height: {line_height}px;
        font-variant-east-asian: full-width;
    }}
    .{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
    {styles}
    </style>
    <defs>
    <clipPath id="{unique_id}-clip-terminal">
      <rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
    </clipPath>
    {lines}
    </defs>
    {chrome}
    <g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
    {backgrounds}
    <g class="{unique_id}-matrix">
    {matrix}
    </g>
    </g>
</svg>
"""


def main() -> int:
    """Returns the demo's exit code; the picture is written only if that is 0."""
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        code, shown = _run(["toolgate", "demo", "--yes", "--dir", "demo"])
    if code == 0:
        FILE.write_text(drawn(shown), encoding="utf-8")
    return code


def _run(command: list[str]) -> tuple[int, str]:
    """On a terminal, so that it shows colours: the exit code, and what was shown."""
    seen = io.BytesIO()

    def read(terminal: int) -> bytes:
        data = os.read(terminal, 65536)
        seen.write(data)
        return data

    os.environ.update(COLUMNS=str(COLUMNS), LINES="60", TERM="xterm-256color")
    status = pty.spawn(command, read)
    return os.waitstatus_to_exitcode(status), seen.getvalue().decode().replace("\r\n", "\n")


def drawn(text: str) -> str:
    """What a terminal shows, escape codes and all, as SVG."""
    lines = [line.rpartition("\r")[2] for line in text.strip("\n").split("\n")]
    lines = list(itertools.takewhile(lambda line: END not in line, lines))
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi("\n".join(lines)), soft_wrap=False)
    return console.export_svg(title="toolgate demo", code_format=_FORMAT, unique_id="demo")


if __name__ == "__main__":
    sys.exit(main())
