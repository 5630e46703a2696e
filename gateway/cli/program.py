"""How one types this program here: its messages show commands that can be pasted."""

import shlex
import shutil
import sys
from pathlib import Path

__all__ = ["absolute", "near", "program", "typed"]


def program() -> str:
    """`toolgate` where a shell finds it, else its path, quoted; without either, the module for this Python."""
    if shutil.which("toolgate"):
        return "toolgate"
    script = Path(sys.executable).parent / "toolgate"
    if script.exists():
        return shlex.quote(str(near(script)))
    return f"{shlex.quote(sys.executable)} -m gateway.cli"


def absolute() -> tuple[str, ...]:
    """This installation's command, as any other program can start it from any folder."""
    script = Path(sys.executable).parent / "toolgate"
    found = shutil.which("toolgate")
    if found and script.exists() and Path(found).resolve() == script.resolve():
        return (str(Path(found).absolute()),)  # a link that outlives an upgrade, if there is one
    if script.exists():
        return (str(script),)
    return (sys.executable, "-P", "-m", "gateway.cli")


def typed(path: Path, cwd: Path, home: Path) -> str:
    """The path of a user's file as one would type it: from here, from home, or whole."""
    if path.is_relative_to(cwd):
        return str(path.relative_to(cwd))
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def near(path: Path) -> Path:
    """The path as one would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
