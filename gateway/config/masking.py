"""What may be shown of a value that a person wrote into a file. Pure.

A placeholder is shown as it stands; literal text that looks like a secret is not. Whether it does is a guess, made on
the safe side: by the name that it goes by, by the prefixes that issuers give their tokens, and by its looks.
"""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from gateway.config.templates import Variable, pieces

__all__ = [
    "HIDDEN",
    "looks_issued",
    "looks_secret",
    "names_secret",
    "shown_argument",
    "shown_named",
    "shown_text",
    "shown_url",
]

HIDDEN = "***"

_SECRET_NAME = re.compile(
    r"token|secret|passw|passphrase|credential|auth|cookie|signature|private|(?:api|account|access|shared)_?key|(?:^|[-_])(?:key|pat|pw|pwd|sig)s?$",
    re.IGNORECASE,
)
_ISSUED = re.compile(
    r"\b(?:sk|pk|rk)[-_][\w-]{8}|\bgh[opsru]_\w{8}|\bgithub_pat_|\bglpat-|\bxox[a-z]-|\bA(?:KI|SI)A[0-9A-Z]{8}|\beyJ[\w-]{8}"
    r"|\bAIza[\w-]{8}|\bnpm_\w{8}|\bpypi-\w{8}|\bhf_\w{8}|-----BEGIN",
)
_RANDOM = re.compile(r"(?=\S*[0-9])(?=\S*[A-Za-z])[A-Za-z0-9+=_~-]{24,}")
_SCHEME = re.compile(r"(?:Bearer|Basic|Token|Digest)\s+", re.IGNORECASE)
_ASSIGNED = re.compile(r"(--?[\w-]+=|[A-Za-z_]\w*=)(.*)", re.DOTALL)
_PART = re.compile(r"((?:^|(?<=;))\s*([A-Za-z][\w -]*?)\s*=\s*)([^;]+)")  # of a connection string: `Server=x;Pwd=y`
_FLAG = re.compile(r"--?[\w-]+")


def looks_secret(text: str) -> bool:
    """Whether the text itself looks like a token or a key, whatever it is called."""
    return bool(_ISSUED.search(text) or _RANDOM.search(text))


def looks_issued(text: str) -> bool:
    """Whether somebody who issues tokens writes them like this: a guess that takes no ordinary name for one."""
    return bool(_ISSUED.search(text))


def names_secret(name: str) -> bool:
    """Whether what goes by this name is a token, a key, a password."""
    return bool(_SECRET_NAME.search(name))


def shown_named(name: str, text: str) -> str:
    """A header or an environment variable: its placeholders, and its literal text unless that may be a secret."""
    return _shown(text, hide=names_secret(name))


def shown_text(text: str) -> str:
    """A text that has no name of its own."""
    return _shown(text, hide=False)


def shown_url(url: str) -> str:
    """An address without its password and without the values of its query, unless those are placeholders."""
    head, mark, query = url.partition("?")
    before, at, host = head.rpartition("@")
    if at and "//" in before:
        start, slashes, who = before.partition("//")
        head = f"{start}{slashes}{_shown(who, hide=True)}@{host}"
    shown = "&".join(_shown_parameter(parameter) for parameter in query.split("&"))
    return f"{_shown(head, hide=False)}{mark}{shown}"


def _shown_parameter(parameter: str) -> str:
    name, equals, value = parameter.partition("=")
    return f"{name}{equals}{_shown(value, hide=True)}" if equals else _shown(name, hide=False)


def shown_argument(arguments: Sequence[str], index: int) -> str:
    """One of a program's arguments, which may follow a flag (`--token X`) or hold one (`--token=X`)."""
    text = arguments[index]
    assigned = _ASSIGNED.fullmatch(text)
    if assigned:
        return assigned[1] + shown_named(assigned[1].rstrip("="), assigned[2])
    if _is_url(text):
        return shown_url(text)
    before = arguments[index - 1] if index else ""
    return shown_named(before if _FLAG.fullmatch(before) else "", text)


def _is_url(text: str) -> bool:
    try:
        return bool(urlsplit(text).netloc)
    except ValueError:
        return False


def _shown(text: str, *, hide: bool) -> str:
    try:
        return "".join(_piece(piece, hide=hide) for piece in pieces(text))
    except ValueError:  # a placeholder that nobody knows: shown to nobody
        return HIDDEN


def _piece(piece: str | Variable, *, hide: bool) -> str:
    if isinstance(piece, Variable):
        return _variable(piece, hide=hide)
    scheme = _SCHEME.match(piece)
    start = scheme.group() if scheme else ""
    rest = piece.removeprefix(start)
    if rest.strip() and (hide or looks_secret(rest)):
        return f"{start}{HIDDEN}"
    return _PART.sub(lambda part: f"{part[1]}{HIDDEN}" if names_secret(part[2]) else part[0], piece)


def _variable(variable: Variable, *, hide: bool) -> str:
    if not variable.default or not (hide or looks_secret(variable.default)):
        return variable.text
    return f"{variable.text.partition(':-')[0]}:-{HIDDEN}}}"
