"""Findings that the policy file itself asks not to be told. Pure.

# check: ignore unknown-tool, unknown-argument: the server is put up next week
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from gateway.errors import Problem
from gateway.policy.files import Source
from gateway.policy.lint.finding import RULES
from gateway.wording import did_you_mean

__all__ = ["ignored", "left"]

_WISH = re.compile(r"\s*#\s*check:\s*ignore\s+([^:]*)(?::.*)?$")
_NAME = re.compile(r"[A-Za-z-]+")

Ignored = Mapping[tuple[str, int], frozenset[str]]


def ignored(sources: Sequence[Source]) -> tuple[Ignored, list[Problem]]:
    """By file and line the rules that are not to be told there; and a problem for each word that is no rule."""
    found: dict[tuple[str, int], frozenset[str]] = {}
    wrong: list[Problem] = []
    for source in sources:
        wishes: set[str] = set()
        for number, line in enumerate(source.content.decode("utf-8-sig", "replace").split("\n"), start=1):
            if wish := _WISH.match(line):
                wishes |= {word for _, word in _words(wish)}
                wrong += _unknown(source.file, number, wish)
            elif line.strip() and not line.lstrip().startswith("#"):
                found |= {(source.file, number): frozenset(wishes)} if wishes else {}
                wishes = set()
    return found, wrong


def left(problems: Sequence[Problem], ignored: Ignored) -> list[Problem]:
    """What is to be told."""
    none: frozenset[str] = frozenset()
    return [one for one in problems if one.rule not in ignored.get((one.file, one.line), none)]


def _words(wish: re.Match[str]) -> Iterator[tuple[int, str]]:
    for word in _NAME.finditer(wish[1]):
        yield wish.start(1) + word.start(), word[0]


def _unknown(file: str, line: int, wish: re.Match[str]) -> Iterator[Problem]:
    for at, word in _words(wish):
        if word not in RULES:
            message = f"there is no rule `{word}` to ignore"
            yield Problem(file, line, at + 1, message, did_you_mean(word, RULES), "warning", "unknown-rule")
