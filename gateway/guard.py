"""Refuses to start when `gateway`, `providers` or `servers` are not all ours.

These are common names. Another distribution that ships one of them, or a folder of that name in front of ours on the
import path, would put foreign code on the path of every call. `check` costs microseconds and runs at each start;
`foreign_claims` reads what every installed distribution says that it owns, and is for `toolgate doctor`.
"""

from collections.abc import Iterable, Iterator
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from gateway.errors import ConfigError, Problem

if TYPE_CHECKING:  # 20 ms to import, and only a refusal and the doctor need it
    from importlib.metadata import Distribution

__all__ = ["DISTRIBUTION", "PACKAGES", "check", "foreign_claims"]

DISTRIBUTION = "toolgate"
PACKAGES = ("gateway", "providers", "servers")
_CLAIMS = tuple(f"\n{quote}{name}{end}".encode() for quote in ("", '"') for name in PACKAGES for end in ("/", ".py,"))


def check(home: Path | None = None) -> None:
    """Raises ConfigError unless all three packages are imported from `home`, the folder that this file is in."""
    home = home or Path(__file__).parent.parent
    problems = [_misplaced(name, folder) for name in PACKAGES if (folder := _folder(find_spec(name))) != home]
    if problems:
        raise ConfigError([*problems, *foreign_claims()])
    if _shared(home):
        from importlib.metadata import distributions

        raise ConfigError(foreign_claims(distributions(path=[str(home)])))


def _shared(home: Path) -> bool:
    """Whether another distribution has put files into the same folder's packages: pip lets the last one win.

    Every RECORD there is searched as it is, which takes milliseconds; a clone, as developers have it, has none.
    """
    records = (path for path in home.glob("*.dist-info/RECORD") if not path.parent.name.startswith(f"{DISTRIBUTION}-"))
    lists = (b"\n" + path.read_bytes() for path in records)
    return any(claim in text for text in lists for claim in _CLAIMS)


def foreign_claims(installed: Iterable["Distribution"] | None = None) -> list[Problem]:
    """A problem for each other distribution that has files in one of our packages. Reads every RECORD: 0.1 s or so."""
    from importlib.metadata import distributions

    found = distributions() if installed is None else installed
    return [
        _claimed(name, distribution)
        for distribution in found
        if distribution.name != DISTRIBUTION
        for name in _claims(distribution)
    ]


def _folder(spec: ModuleSpec | None) -> Path | None:
    """The folder that a package stands in; None for what is missing, or is no ordinary package."""
    return Path(spec.origin).parent.parent if spec and spec.origin else None


def _claims(distribution: "Distribution") -> Iterator[str]:
    tops = {PurePath(file).parts[0].removesuffix(".py") for file in distribution.files or ()}
    return (name for name in PACKAGES if name in tops)


def _misplaced(name: str, folder: Path | None) -> Problem:
    where = f"comes from `{folder}`" if folder else "is not Toolgate's own"
    hint = "start `toolgate` from another folder, or take that one off PYTHONPATH"
    return Problem(name, 0, 0, f"the package `{name}` {where}", hint)


def _claimed(name: str, distribution: "Distribution") -> Problem:
    message = f"the distribution `{distribution.name}` {distribution.version} installs a package `{name}` too"
    return Problem(name, 0, 0, message, f"`pip uninstall {distribution.name}`, then install `{DISTRIBUTION}` again")
