"""What is wrong or doubtful with a policy while somebody edits it: what `policy check` finds, in open files' text.

Files are read, nothing is written, and no server is asked.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.call import Tool
from gateway.catalogue import Catalogue
from gateway.errors import PolicyError, Problem
from gateway.policy.files import Source, read_sources
from gateway.policy.lint import findings
from gateway.policy.load import build

__all__ = ["Desk", "diagnosed"]


@dataclass(frozen=True)
class Desk:
    """What is edited: the model, the policy's file or folder, and a way to get at the tools that are known."""

    model: Path
    policy: Path
    tools: Callable[[], list[Tool]]

    def file_of(self, path: Path) -> Path:
        """The policy that a file belongs to: ours, or itself alone."""
        inside = path.resolve() == self.policy.resolve() or path.resolve().parent == self.policy.resolve()
        return self.policy if inside else path


def diagnosed(desk: Desk, path: Path, texts: Mapping[Path, str]) -> dict[Path, list[Problem]]:
    """The findings for the policy of this file, by file; `texts` are those of open ones, by resolved path. Each file of
    the policy has an entry, for what it had to say before may be mended.
    """
    policy = desk.file_of(path)
    try:
        named = {file: _source(file, texts) for file in _files(policy)}
        model = read_sources(desk.model)[0] if policy == desk.policy else None
    except PolicyError as error:
        return {path: list(error.problems)}
    files = {source.file: file for file, source in named.items()}
    found: dict[Path, list[Problem]] = {file: [] for file in named}
    for problem in _problems(model, list(named.values()), desk.tools()):
        found.setdefault(files.get(problem.file, path), []).append(problem)
    return found


def _files(policy: Path) -> list[Path]:
    return [Path(source.file) for source in read_sources(policy)] if policy.exists() else [policy]


def _source(file: Path, texts: Mapping[Path, str]) -> Source:
    text = texts.get(file.resolve())
    return Source(file.as_posix(), text.encode()) if text is not None else read_sources(file)[0]


def _problems(model: Source | None, sources: Sequence[Source], tools: Iterable[Tool]) -> list[Problem]:
    try:
        policy = build(model, sources=sources)
    except PolicyError as error:
        return list(error.problems)
    known = Catalogue.of(tools)
    return [*policy.warnings, *findings(policy, known if known.tools else None)]
