"""What was found, and the name by which each server will go here. Pure.

A server that is known under some name keeps it, whatever its client called it; the same name for something else gets
the client's name behind it; a name that can't be one here is made into one. Nothing that is there is ever replaced.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gateway.config.places import Place, nearest
from gateway.config.settings import NAME
from gateway.hosts.dialects import Foreign, is_gateway, points_to, profile_of, same, translated
from gateway.hosts.sections import Section

__all__ = ["Found", "Gateway", "find_servers", "named"]

_STRANGE = re.compile(r"[^A-Za-z0-9.-]+")


@dataclass(frozen=True, slots=True)
class Found:
    """One server of one section.

    `entry` is it in our form; None where it stays with its client, and `why` says why. `name` is what it is called
    there, `here` what it will be called here; `known` says that it is here already. `dropped` are keys without effect.
    """

    section: Section
    name: str
    entry: Mapping[str, Any] | None = field(default=None, repr=False)
    why: str = ""
    dropped: tuple[str, ...] = ()
    here: str = ""
    known: bool = False

    @property
    def place(self) -> Place:
        """Where its client's file describes it."""
        return nearest(self.section.places, (*self.section.key, self.name), Place(self.section.source.file))


@dataclass(frozen=True, slots=True)
class Gateway:
    """How an entry for a gateway is known: this one is started for `folder`, or serves at `host` and `port`."""

    folder: Path
    host: str
    port: int

    def is_any(self, value: Any) -> bool:
        """Whether an entry is for a Toolgate, this or another."""
        return is_gateway(value) or points_to(value, self.host, self.port)

    def is_this(self, value: Any) -> bool:
        """Whether it is for this one."""
        return (is_gateway(value) and str(self.folder) in value["args"]) or points_to(value, self.host, self.port)

    def is_part(self, value: Any, profile: str | None) -> bool:
        """Whether it is for this profile of this one; None: for everything."""
        return self.is_this(value) and profile_of(value) == profile


def find_servers(section: Section, gateway: Gateway, home: Path) -> Iterator[Found]:
    """The section's servers, but for the gateway itself. `home` is the user's folder."""
    for name, value in section.servers.items():
        if not gateway.is_any(value):
            yield _found(section, name, value, home)


def _found(section: Section, name: str, value: Any, home: Path) -> Found:
    if _is_off(section, name, value):
        return Found(section, name, why="it is switched off")
    try:
        ours = translated(section.host, value, section.workspace, home)
    except Foreign as error:
        return Found(section, name, why=str(error))
    return Found(section, name, ours.entry, dropped=ours.dropped)


def _is_off(section: Section, name: str, value: Any) -> bool:
    said = value if isinstance(value, Mapping) else {}
    return name in section.off or said.get("disabled") is True or said.get("enabled") is False


def named(found: Sequence[Found], known: Mapping[str, Mapping[str, Any]]) -> list[Found]:
    """The same, each with its name here. `known` are the servers that there are, by name, in our form."""
    taken = dict(known)
    done = []
    for one in found:
        if one.entry is None:
            done.append(one)
            continue
        here = _known_name(one, taken) or _free_name(one, taken)
        done.append(replace(one, here=here, known=here in known))
        taken[here] = one.entry
    return done


def _known_name(found: Found, taken: Mapping[str, Mapping[str, Any]]) -> str | None:
    return next((name for name, entry in taken.items() if found.entry is not None and same(entry, found.entry)), None)


def _free_name(found: Found, taken: Mapping[str, Any]) -> str:
    lower = {name.lower() for name in taken}  # capitals don't tell two servers apart
    wanted = _usable(found.name)
    names = [wanted, _usable(f"{wanted}-{found.section.host.name}")]
    names += [_usable(f"{wanted[:56]}-{number}") for number in range(2, len(taken) + 3)]
    return next(name for name in names if name.lower() not in lower)


def _usable(name: str) -> str:
    """A name that policies and models can use, as near to this one as may be."""
    plain = _STRANGE.sub("-", name.replace("__", "-")) if not NAME.fullmatch(name) else name
    return plain.strip("-._")[:64] or "server"
