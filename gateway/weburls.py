"""An address of the web as browsers' readers of addresses take it (WHATWG URL), which many servers have: whatever
leads to the same host is written in one way. Pure.

`https:secret.example`, `https:///secret.example`, `https://ann@SECRET.example.:443` and `https://secret。example` all
lead to `https://secret.example`, and `http://0x7f.1` to `http://127.0.0.1`.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Iterator

__all__ = ["PORTS", "leads_to"]

PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21"}
_HEAD = re.compile(r"([A-Za-z0-9+.-]*):/*([^/?#]*)(.*)", re.DOTALL)
_PORT = re.compile(r":0*([0-9]*)\Z")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LONGEST = 64  # digits
_ENCODED = "xn--"
_OLDER = {ord("\u00df"): "ss", ord("\u1e9e"): "ss", ord("\u03c2"): "\u03c3", 0x200C: None, 0x200D: None}


def leads_to(uri: str) -> tuple[str, ...]:
    """The ways to write where it leads: its host in ASCII, and as people write it. Nothing for what is not of the web.
    It is decoded, without blanks, and `\\` in it is `/`.
    """
    found = _HEAD.match(uri)
    scheme = found[1].lower() if found else ""
    if found is None or scheme not in PORTS:
        return ()
    place = found[2].rpartition("@")[2]
    port = _PORT.search(place)
    host = place[: port.start()] if port else place
    said = f":{port[1]}" if port and port[1] not in ("", PORTS[scheme]) else ""
    path = found[3] if found[3].startswith("/") else f"/{found[3]}"
    return tuple(dict.fromkeys(f"{scheme}://{one}{said}{path}" for one in _hosts(host)))


def _hosts(host: str) -> Iterator[str]:
    if host.startswith("["):
        yield _of_six(host)
    elif host.isascii() and _ENCODED not in host.lower():
        yield _of_four(host.lower().rstrip("."))
    else:
        for mapped in _mapped(host):
            labels = [_read(label) for label in mapped.rstrip(".").split(".")]
            yield _of_four(".".join(map(_written, labels)))
            yield _of_four(".".join(labels))


def _mapped(host: str) -> Iterator[str]:
    """Without what nobody sees, and with one letter for all that are the same (UTS 46): as browsers do it, and as older
    readers do, to whom `ß` is `ss`.
    """
    import idna  # its tables take a megabyte, and hardly any host needs them

    for one in (host, host.translate(_OLDER)):
        try:
            yield idna.uts46_remap(one, std3_rules=False)
        except idna.IDNAError:  # a sign that no host has
            yield unicodedata.normalize("NFKC", one).casefold()


def _read(label: str) -> str:
    if not label.startswith(_ENCODED):
        return label
    try:
        return label.removeprefix(_ENCODED).encode("ascii").decode("punycode")
    except UnicodeError:
        return label


def _written(label: str) -> str:
    try:
        return label if label.isascii() else _ENCODED + label.encode("punycode").decode("ascii")
    except UnicodeError:  # half a character
        return label


def _of_four(host: str) -> str:
    """An IPv4 address has many spellings: in fewer numbers than four, hexadecimal, octal."""
    numbers = [_number(part) for part in host.split(".")]
    *before, last = numbers
    fits = len(numbers) <= 4 and all(0 <= number < 256 for number in before)
    if not fits or not 0 <= last < 256 ** (5 - len(numbers)):
        return host
    return str(ipaddress.IPv4Address(last + sum(number << (24 - 8 * place) for place, number in enumerate(before))))


def _number(part: str) -> int:
    """-1 for what is none."""
    if not _NUMBER.fullmatch(part) or len(part) > _LONGEST:
        return -1
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    try:
        return int(part, 8 if part.startswith("0") and part != "0" else 10)
    except ValueError:
        return -1


def _of_six(host: str) -> str:
    try:
        return f"[{ipaddress.IPv6Address(host.strip('[]')).compressed}]"
    except ValueError:
        return host.lower()
