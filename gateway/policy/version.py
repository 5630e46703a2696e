"""A policy as it came into force, with the text of all its files: what can be shown, and given back."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from gateway.policy.files import Source, shown
from gateway.policy.load import digest_of
from gateway.policy.taking import InForce, Size

__all__ = ["Files", "How", "Version"]

How = Literal["started", "edited", "forced", "promoted", "rolled back", "replaced"]
"""`started`: a process found it when it began. `replaced`: it stood in the files when a command put others there, and
no process had taken it."""


@dataclass(frozen=True, slots=True)
class Files:
    """The model's content, and that of the policy's files by their names: bytes, to be given back as they were."""

    model: bytes = field(repr=False)
    policy: tuple[tuple[str, bytes], ...] = field(repr=False)

    @classmethod
    def of(cls, sources: Sequence[Source]) -> "Files":
        """Of what was read, model first."""
        model, *rest = sources
        return cls(model.content, tuple((Path(source.file).name, source.content) for source in rest))

    def named(self, name: str) -> "Files":
        """The same under another name, if it is one file: what it will be called decides about the digest."""
        return replace(self, policy=((name, self.policy[0][1]),)) if len(self.policy) == 1 else self

    def sources(self, model: Path, policy: Path, *, folder: bool) -> tuple[Source, ...]:
        """As if they were read from these places."""
        there = [(policy / name if folder else policy, content) for name, content in self.policy]
        return (
            Source(shown(model), self.model),
            *(Source(shown(path), content) for path, content in there),
        )

    def digest(self, model: str) -> str:
        """That of the policy that they hold, the model's file being called so."""
        return digest_of(Source(model, self.model), [Source(name, content) for name, content in self.policy])

    def to_text(self) -> str:
        """JSON, in which text is text."""
        return json.dumps({"model": _text(self.model), "policy": {name: _text(it) for name, it in self.policy}})

    @classmethod
    def from_text(cls, text: str) -> "Files":
        value = json.loads(text)
        return cls(_bytes(value["model"]), tuple((name, _bytes(it)) for name, it in value["policy"].items()))


@dataclass(frozen=True, slots=True)
class Version:
    """`by` is the owner of the file that was written last, or the user of the command. `at` is in milliseconds.

    `in_force`: it came into force, or it stood in the files, and whoever came would have taken it (`replaced`, but not
    `taken`); the newest of those is what is in force. `folder`: its files stood in one.
    """

    number: int
    digest: str
    how: How
    by: str
    at: int
    size: Size
    in_force: bool
    folder: bool
    files: Files = field(repr=False)

    def before(self, model: Path, policy: Path) -> InForce:
        """As what is in force while the files at these places are read."""
        return InForce(self.digest, self.size, self.files.sources(model, policy, folder=self.folder))

    @property
    def taken(self) -> bool:
        """Whether some process has decided by it, as far as is known."""
        return self.in_force and self.how != "replaced"

    def to_json(self, newest: "Version | None" = None) -> dict[str, Any]:
        """Without the files. `newest` is the version in force: this one, where none is given."""
        return {
            "number": self.number,
            "digest": self.digest,
            "how": self.how,
            "by": self.by,
            "at": self.at,
            "lines": self.size.lines,
            "restricting": self.size.restricting,
            "in_force": self.in_force and (newest or self).number == self.number,
            "taken": self.taken,
        }


def _text(content: bytes) -> str | list[str]:
    """What is no UTF-8 is a list of one text, in base64."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return [base64.b64encode(content).decode()]


def _bytes(value: str | list[str]) -> bytes:
    return value.encode() if isinstance(value, str) else base64.b64decode(value[0])
