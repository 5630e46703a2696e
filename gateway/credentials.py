"""The gateway's own secrets, found again where they turn up in what somebody else says. Pure.

Only whole ones count, in whichever of these ways they are written: as they are, percent-encoded, in hexadecimal, or in
base64, also as a part of a longer text. Whoever takes one apart is not found out.
"""

import base64
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from gateway.call import Arguments

__all__ = ["SHORTEST", "holding", "words_of"]

SHORTEST = 8  # characters; what is shorter turns up by chance


def words_of(text: str) -> frozenset[str]:
    """What may be repeated of a credential: all of it, and each of its words (`Bearer TOKEN`)."""
    return frozenset(word for word in {text, *text.split()} if len(word) >= SHORTEST)


def holding(arguments: Arguments, secrets: Collection[str]) -> tuple[str, ...]:
    """The names of the arguments in which a secret turns up, also if it is in a name."""
    forms = frozenset(form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret))
    if not forms:
        return ()
    given = arguments.value.items()
    return tuple(key for key, value in given if any(_holds(text, forms) for text in (key, *_texts(value))))


def _holds(text: str, forms: Iterable[str]) -> bool:
    return len(text) >= SHORTEST and any(form in text for form in forms)


def _texts(value: Any) -> Iterator[str]:
    """Every text within a value, names included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _forms(secret: str) -> Iterator[str]:
    raw = secret.encode(errors="surrogatepass")
    yield from (secret, quote(secret, safe="", errors="replace"), raw.hex(), raw.hex().upper())
    for offset in range(3):  # where in a longer text it begins decides what its base64 is
        whole = base64.b64encode(bytes(offset) + raw).decode()
        end = len(whole) - (0, 3, 2)[(offset + len(raw)) % 3]
        inner = whole[(0, 2, 3)[offset] : end]  # without what depends on its neighbours
        if len(inner) >= SHORTEST:
            yield from (inner, inner.replace("+", "-").replace("/", "_"))
