"""Other ways to read a text: what its markup shows, and what is written otherwise and means the same. Pure.

Made only of texts that hold such a thing, and always beside what stands there: nobody knows how it will be read.
"""

import ipaddress
import re
from collections.abc import Iterator
from decimal import Decimal
from textwrap import wrap

__all__ = ["rewritings"]

_ROUNDS = 3  # of tags within tags: comments
_TAG = re.compile(r"""<[/!?a-zA-Z](?:[^<>"']|"[^"<]*"|'[^'<]*')*>|<[/!?a-zA-Z][^<>]*>""")
_WITHIN = re.compile(r"(?<=[^\W\d_])[*_~`|-]+(?=[^\W\d_])")  # signs between letters: `b-o-b`, `exam**ple**`
_ADDRESS = re.compile(r"(?<![0-9A-Za-z:.])[0-9A-Fa-f:.]{2,45}(?![0-9A-Za-z:])")
_POWER = re.compile(r"(?<![\w.])[0-9]{1,20}(?:\.[0-9]{1,20})?[eE][+-]?[0-9]{1,2}(?!\w)")


def rewritings(text: str) -> Iterator[str]:
    """Each of them in time linear in the text."""
    if "<" in text:
        yield from _without_tags(text)
    if _WITHIN.search(text):
        yield " ".join([_WITHIN.sub("", word) for word in text.split() if _WITHIN.search(word)])
    meant = [*_addresses(text), *_powers(text)]
    if meant:
        yield "\n".join(meant)


def _without_tags(text: str) -> Iterator[str]:
    """A tag may part words (`<br>`) or not (`<b>`)."""
    for between in ("", " "):
        bare = text
        for _ in range(_ROUNDS):
            bare = _TAG.sub(between, bare)
        if bare != text:
            yield bare


def _addresses(text: str) -> Iterator[str]:
    """Those of IPv6 with all their digits; and what they say of IPv4."""
    if "::" not in text and text.count(":") < 7:
        return
    for found in _ADDRESS.finditer(text):
        try:
            address = ipaddress.IPv6Address(found[0].rstrip("."))
        except ValueError:
            continue
        yield ":".join(wrap(f"{int(address):032x}", 4))  # `exploded` writes some as IPv4, from Python 3.13 on
        if address.ipv4_mapped:
            yield str(address.ipv4_mapped)


def _powers(text: str) -> Iterator[str]:
    """Numbers with a power of ten, in full."""
    for found in _POWER.finditer(text):
        yield f"{Decimal(found[0]).normalize():f}"
