"""How one types this program here: its messages show commands that can be pasted."""

import shlex
import shutil
import sys
from pathlib import Path

__all__ = ["near", "program"]


def program() -> str:
    """`toolgate` where a shell finds it, else its path, quoted; without either, the module for this Python."""
    if shutil.which("toolgate"):
        return "toolgate"
    script = Path(sys.executable).parent / "toolgate"
    if script.exists():
        return shlex.quote(str(near(script)))
    return f"{shlex.quote(sys.executable)} -m gateway.cli"


def near(path: Path) -> Path:
    """The path as one would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
