"""In which ways a URI can be read: what is said of one spelling is said of all that mean the same. Pure.

`file:///a/%73ecret` is `file:///a/secret` (RFC 3986 6.2.2), and many a server decodes more than that, or resolves `..`.
So a URI is judged in each reading. None is refused for its spelling: servers list URIs, and clients fill in templates,
with `%40`, `%2F`, capitals and `#L10`, and all of that goes on working where no line is against it.
"""

import re
from collections.abc import Iterable
from urllib.parse import unquote

from gateway.weburls import PORTS, leads_to

__all__ = ["alike", "as_pattern", "readings"]

_DEPTH = 4  # times that something may have been encoded
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_WILD = re.compile("%(?:2[aA]|3[fF])")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_PARTS = re.compile(r"([^:/?#]*):(?://([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)  # RFC 3986, appendix B
_UNREAD = re.compile(r"[\t\n\r]")  # where browsers' readers of URLs, which many servers have, look away
_BLANK = "".join(map(chr, range(33)))
_SLASHES = re.compile("//+")
_PLAIN = re.compile(  # most: it has one reading
    r"(?!file://[^/]|(?:https?|wss?|ftp)://(?:[0-9]|xn--|/|[^/]*\Z))"
    r"[a-z][a-z0-9+.-]*://[a-z0-9_-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.@:,-]*)*"
)


def readings(uri: str) -> tuple[str, ...]:
    """The other ways to read it: as RFC 3986 writes it, decoded, and as the place to which it leads."""
    if _PLAIN.fullmatch(uri):
        return ()
    found = (_normal(uri), _decoded(uri), *_places(uri), *_places(_bare(uri)))
    return tuple(dict.fromkeys(one for one in found if one != uri and one))


def alike(one: str, other: str) -> bool:
    """Whether both can be read as the same."""
    return not {one, *readings(one)}.isdisjoint((other, *readings(other)))


def as_pattern(glob: str) -> str:
    """A glob over URIs as it is written of decoded ones; itself where that is the same. A sign that would be a wild
    card stands for any one.
    """
    if "%" not in glob and ":" not in glob:
        return glob
    for _ in range(_DEPTH):
        glob = unquote(_WILD.sub("?", glob))
    return _with_small_head(glob)


def _normal(uri: str) -> str:
    """RFC 3986 6.2.2: its scheme and host in small letters, nothing encoded that need not be, without `.` and `..`."""
    return _resolved(_with_small_head(_ESCAPE.sub(_needed, uri)))


def _needed(escape: re.Match[str]) -> str:
    sign = chr(int(escape[0][1:], 16))
    return sign if _UNRESERVED.fullmatch(sign) else escape[0].upper()


def _decoded(uri: str) -> str:
    return _with_small_head(_unescaped(uri))


def _unescaped(text: str) -> str:
    for _ in range(_DEPTH):
        if "%" not in text:
            break
        text = unquote(text)
    return text


def _bare(uri: str) -> str:
    """Without its fragment, which no server is asked for; and of a file, without a query, which it can't have."""
    uri = uri.partition("#")[0]
    return uri.partition("?")[0] if uri[:5].lower() == "file:" else uri


def _places(uri: str) -> Iterable[str]:
    """As it is read by who takes the most for the same: decoded, `\\` for `/`, cut off at a NUL, the blanks around it
    gone; of the web, by the host to which it leads.
    """
    text = _UNREAD.sub("", _unescaped(uri).partition("\0")[0]).strip(_BLANK).replace("\\", "/")
    return [_place(_with_small_head(one)) for one in leads_to(text) or (text,)]


def _place(text: str) -> str:
    """Of a file, one slash where there are more, and no host."""
    found = _PARTS.fullmatch(text)
    if found is None or found[1] != "file":
        return _resolved(text)
    host = "" if found[2] in (None, "localhost") else found[2]
    steps = _without_dots(_SLASHES.sub("/", found[3])).rstrip("/")
    return f"file://{host}{steps if steps.startswith('/') else f'/{steps}'}{found[4] or ''}{found[5] or ''}"


def _with_small_head(uri: str) -> str:
    """The scheme in small letters, and the host where it is one of the network, without the port that it has anyway."""
    found = _PARTS.fullmatch(uri)
    if found is None:
        return uri
    scheme = found[1].lower()
    rest = uri[len(found[1]) :]
    if found[2] is None or scheme not in (*PORTS, "file"):
        return scheme + rest
    host = found[2].lower().removesuffix(f":{PORTS.get(scheme, '')}")
    return f"{scheme}://{host}{rest[len(found[2]) + 3 :]}"


def _resolved(uri: str) -> str:
    found = _PARTS.fullmatch(uri)
    if found is None or "." not in found[3]:
        return uri
    head = found[1] + (":" if found[2] is None else f"://{found[2]}")
    return f"{head}{_without_dots(found[3])}{found[4] or ''}{found[5] or ''}"


def _without_dots(path: str) -> str:
    """RFC 3986 5.2.4."""
    steps: list[str] = []
    for step in path.split("/"):
        if step == ".." and steps not in ([], [""]):
            steps.pop()
        elif step not in (".", ".."):
            steps.append(step)
    return "/".join(steps) + ("/" if path.endswith(("/.", "/..")) and steps else "")
