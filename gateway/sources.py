"""Where a value came from: the user's own words, or what a server said that nobody trusts. Pure.

Made only where a policy asks for it. Of what untrusted servers said an index is kept, not the text (`gateway.clues`).
It errs to one side only. That a value is the user's is said if his words hold it to the letter, between blanks, quotes
or brackets (`gateway.said`). That it is from an untrusted server is said if all of it, or a telling piece of it (three
words in a row, the domain of a host, a long number or key), is anywhere in what one said, however it is spelled
(`gateway.spelling`). Where something was read that is not known here, nothing is denied: the answer is None.
"""

import re
from array import array
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, Protocol

from gateway.clues import Clues, clues_of, traces_of
from gateway.said import all_said
from gateway.spelling import forms
from gateway.values import value

__all__ = ["MAX_TEXT", "MAX_TRACES", "Heard", "Sources", "extended", "heard_in"]

MAX_TEXT = 256 * 1024  # characters of one result
MAX_TRACES = 500_000  # hashes of one run: 4 MB
_MAX_VALUES = 50_000  # of one result
_MAX_VALUE = 32 * 1024  # characters of a value that are looked for
_MAX_SAID = 1_000  # texts and numbers in a value that the user may have said
_MAX_BINARY = 8 * 1024 * 1024  # characters of base64
_PLAIN_KEY = re.compile(r"[A-Za-z_]+")

# MCP's own keys, which nobody says; and those of them inside of which there are more. Elsewhere every word counts.
_HOLDERS = frozenset({"result", "content", "contents", "messages", "resource"})
_FRAME = _HOLDERS | {"type", "text", "role", "isError", "structuredContent", "mimeType", "annotations", "_meta"}
_FRAME |= {"uri", "name", "data", "blob"}
_TYPES = frozenset({"text", "image", "audio", "resource", "resource_link", "user", "assistant", "complete"})
_TYPED = frozenset({"type", "role", "resultType"})
_SEEN = ("image/", "audio/", "video/")  # what is looked at or listened to


@value(frozen=True, slots=True)
class Heard:
    """One result of an untrusted server: of which call, and what it left behind. Not `whole`: it said more."""

    server: str
    key: str
    traces: "array[int]" = field(repr=False)
    whole: bool = True

    @classmethod
    def of(cls, server: str, key: str, said: Mapping[str, Any]) -> "Heard":
        """`said` is an outcome as JSON. For a long one this takes tenths of a second, in steps of milliseconds: where
        others wait, it is done in a thread of its own.
        """
        text, whole = _texts({key: item for key, item in said.items() if key != "kind"})
        traces, decoded = traces_of(text)
        return cls(server, key, traces, whole and decoded)


class Answer(Protocol):
    """What an untrusted server said to one call, as the run's record has it."""

    @property
    def key(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def outcome(self) -> Any: ...


@value(frozen=True, slots=True)
class Sources:
    """What one run has heard. `said` are the user's words; None: nobody knows them. `read` counts the answers that have
    been looked at. Not `complete`: something untrusted was read that is not in `heard`.
    """

    said: str | None = None
    heard: tuple[Heard, ...] = ()
    complete: bool = True
    read: int = 0

    def hearing(self, server: str, key: str, said: Mapping[str, Any]) -> "Sources":
        """The same, after a server said this: an outcome as JSON."""
        return self.after(Heard.of(server, key, said))

    def after(self, heard: Heard) -> "Sources":
        """The same, after this was read."""
        room = MAX_TRACES - sum(len(each.traces) for each in self.heard)
        if len(heard.traces) > room:
            return replace(self, complete=False, read=self.read + 1)
        return replace(self, heard=(*self.heard, heard), complete=self.complete and heard.whole, read=self.read + 1)

    def missing(self) -> "Sources":
        """The same, after something untrusted was read that nobody looked at."""
        return replace(self, complete=False) if self.complete else self

    # ---- questions

    def from_user(self, value: Any) -> bool | None:
        """Whether every text and number in it stands in the user's words. None: nobody knows, or it holds none."""
        leaves = list(_leaves(value, keys=False))
        if self.said is None or not leaves:
            return None
        return all_said(leaves, self.said) if len(leaves) <= _MAX_SAID else False

    def from_untrusted(self, value: Any) -> bool | None:
        """Whether any text, number or key in it, or a telling piece of one, was said by an untrusted server."""
        if not self.heard:
            return False if self.complete else None
        clues = _clues(value)
        if any(clues.among(each.traces) for each in self.heard):
            return True
        return False if self.complete and clues.whole and clues.any else None

    def origin(self, value: Any) -> Heard | None:
        """The first result that holds it, or a telling piece of it."""
        clues = _clues(value) if self.heard else Clues(frozenset())
        return next((each for each in self.heard if clues.among(each.traces)), None)


def extended(known: Sources | None, said: str | None, answers: Sequence[Answer], *, whole: bool = True) -> Sources:
    """What is known of a run, after all its answers; those that `known` has are not looked at again. Not `whole`: it
    has heard more than these.
    """
    sources = known or Sources(said, complete=whole)
    if sources.said != said:  # the user goes on
        sources = replace(sources, said=said)
    for answer in answers[sources.read :]:
        sources = sources.after(heard_in(answer))
    return sources


def heard_in(answer: Answer) -> Heard:
    """What was heard in it."""
    return Heard.of(answer.path.partition("/")[0], answer.key, answer.outcome)


# ---- values


def _leaves(value: Any, *, keys: bool) -> Iterator[str | int | float]:
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, str) or type(item) in (int, float):
            yield item
        elif isinstance(item, Mapping):
            left += item.values()
            left += [key for key in item if keys and not _PLAIN_KEY.fullmatch(key)]
        elif isinstance(item, list):
            left += item


def _clues(value: Any) -> Clues:
    leaves, whole = _looked_for(value)
    clues = clues_of(leaf for leaf in leaves if not isinstance(leaf, str) or leaf.strip())
    return clues if whole else replace(clues, whole=False)


def _looked_for(value: Any) -> tuple[list[str | int | float], bool]:
    """The texts and numbers in a value, and whether that is all of them."""
    found: list[str | int | float] = []
    left = _MAX_VALUE
    for leaf in _leaves(value, keys=True):
        size = len(leaf) if isinstance(leaf, str) else 8
        if size > left:
            return [*found, leaf[:left] if isinstance(leaf, str) else leaf], False
        found.append(leaf)
        left -= size
    return found, True


# ---- results


def _texts(said: Mapping[str, Any]) -> tuple[str, bool]:
    """All texts, numbers and keys of a result, and whether that is all."""
    found: list[str] = []
    left: list[tuple[Any, bool]] = [(said, True)]  # with: whether its keys are MCP's own
    size, seen, whole = 0, 0, True
    while left and size <= MAX_TEXT and seen <= _MAX_VALUES:
        item, own = left.pop()
        seen += 1
        if isinstance(item, Mapping):
            inside, read = _inside(item, own=own)
            left += inside
            whole = whole and read
        elif isinstance(item, list):
            left += [(each, own) for each in item]
        elif isinstance(item, str):
            found.append(item)
            size += len(item)
        elif type(item) in (int, float):
            found += forms(item)
    return "\n".join(found)[:MAX_TEXT], whole and not left and size <= MAX_TEXT


def _inside(item: Mapping[str, Any], *, own: bool) -> tuple[list[tuple[Any, bool]], bool]:
    """What is said in an object, each with whether its keys are MCP's own; and whether that is all."""
    if not own:
        return [(each, False) for each in (*item, *item.values())], True
    found: list[tuple[Any, bool]] = [(key, False) for key in item if key not in _FRAME]
    whole = True
    for key, said in item.items():
        if isinstance(said, str) and (key == "blob" or (key == "data" and "mimeType" in item)):
            texts, read = _binary(said, str(item.get("mimeType", "")))
            found += [(text, False) for text in texts]
            whole = whole and read
        elif key not in _TYPED or not isinstance(said, str) or said not in _TYPES:
            found.append((said, key in _HOLDERS))
    return found, whole


def _binary(data: str, mime: str) -> tuple[list[str], bool]:
    """The texts in base64, and whether that is all. Pictures and sounds have none; what it is by itself is one, too,
    if it is short enough to be looked for.
    """
    texts = [data] if len(data) <= _MAX_VALUE else []
    if len(data) > _MAX_BINARY:
        return texts, False
    try:
        return [*texts, b64decode(data, validate=True).decode()], True
    except UnicodeDecodeError:
        return texts, mime.startswith(_SEEN)
    except ValueError:  # not base64
        return [data], True
