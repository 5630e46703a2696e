"""Globs: `*` is any characters, `?` is one, everything else is itself. Pure.

A glob matches the whole text, case-sensitively, newlines and leading dots included, in time linear in the text for
each `*` (atomic groups never go back). Casbin's own matchers are not used: each has holes (see docs/policies.md).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field

from gateway.aliases import as_pattern
from gateway.values import value

__all__ = ["ToolGlob", "compile_glob", "covers", "is_exact", "is_wild", "overlap"]

Matcher = Callable[[str], bool]


def is_wild(glob: str) -> bool:
    return "*" in glob or "?" in glob


def is_exact(glob: str) -> bool:
    """Whether it matches one name, which is written as it is."""
    return not is_wild(glob) and as_pattern(glob) == glob


def _compile_name(glob: str) -> Matcher:
    """Of a URI, as it is written and as it is decoded: in both it is judged (`aliases`)."""
    matches, decoded = compile_glob(glob), as_pattern(glob)
    if decoded == glob:
        return matches
    also = compile_glob(decoded)
    return lambda text: matches(text) or also(text)


def compile_glob(glob: str) -> Matcher:
    """A function that says whether a text matches."""
    words = glob.strip("*")
    if not words:
        return (lambda _text: True) if glob else (lambda text: not text)
    if "?" in words:
        pattern = re.compile(_regex(glob), re.DOTALL)
        return lambda text: pattern.fullmatch(text) is not None
    if "*" in words:
        return _pieces(*re.split(r"\*+", glob))
    return _LITERAL[glob[0] == "*", glob[-1] == "*"](words)


_LITERAL: Mapping[tuple[bool, bool], Callable[[str], Matcher]] = {  # a third of what a pattern takes
    (False, False): lambda words: words.__eq__,
    (False, True): lambda words: lambda text: text.startswith(words),
    (True, False): lambda words: lambda text: text.endswith(words),
    (True, True): lambda words: lambda text: words in text,
}


def _pieces(first: str, *rest: str) -> Matcher:
    """What stands between stars, one behind the other. Looked for without a pattern: to make one takes 50 us."""
    *middle, last = rest

    def matches(text: str) -> bool:
        if not (text.startswith(first) and text.endswith(last)):
            return False
        at, end = len(first), len(text) - len(last)
        for piece in middle:
            found = text.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return at <= end

    return matches


def _regex(glob: str) -> str:
    first, *rest = [_literal(piece) for piece in re.split(r"\*+", glob)]
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>.*?{piece})" for piece in middle) + f".*{last}"


def _literal(piece: str) -> str:
    return "".join("." if char == "?" else re.escape(char) for char in piece)


@value(frozen=True, slots=True)
class ToolGlob:
    """A `server/tool` pattern: two globs, split at the first slash. `server` never matches beyond that slash."""

    text: str
    server: str
    name: str
    matches_server: Matcher = field(compare=False, repr=False)
    matches_name: Matcher = field(compare=False, repr=False)

    @classmethod
    def of(cls, text: str) -> "ToolGlob":
        """Raises ValueError for a text without two parts."""
        server, slash, name = text.partition("/")
        if not (server and slash and name):
            raise ValueError(f"`{text}` is not a server/tool pattern")
        return cls(text, server, name, compile_glob(server), _compile_name(name))

    @property
    def exact(self) -> bool:
        return not is_wild(self.text)

    def matches(self, server: str, name: str) -> bool:
        return self.matches_server(server) and self.matches_name(name)

    def covers(self, other: "ToolGlob") -> bool:
        """Whether everything that the other matches is surely matched by this one; false when in doubt."""
        return covers(self.server, other.server) and covers(self.name, other.name)


_RUNS = (0, 1, 2, 1000)  # lengths that stand for what a `*` may be


def covers(glob: str, other: str) -> bool:
    """Whether `glob` surely matches all that `other` matches: samples of `other`, made of a character that only a
    wildcard matches, must all match.
    """
    matches = compile_glob(glob)
    samples = (other.replace("?", "\x00").replace("*", "\x00" * length) for length in _RUNS)
    return glob == other or all(matches(sample) for sample in samples)


def overlap(glob: str, other: str) -> bool:
    """Whether some text is matched by both."""
    if not is_wild(glob):
        return compile_glob(other)(glob)
    if not is_wild(other):
        return compile_glob(glob)(other)
    reached = {(0, 0)}
    queue = [(0, 0)]
    for at in queue:
        for step in _steps(glob, other, *at):
            if step not in reached:
                reached.add(step)
                queue.append(step)
    return (len(glob), len(other)) in reached


def _steps(glob: str, other: str, i: int, j: int) -> Iterator[tuple[int, int]]:
    """Where both patterns may stand next: behind a star that matches nothing, or behind one more character."""
    one, two = glob[i : i + 1], other[j : j + 1]
    if one == "*":
        yield i + 1, j
    if two == "*":
        yield i, j + 1
    if one and two and (one == two or one in "*?" or two in "*?"):
        yield i + (one != "*"), j + (two != "*")
