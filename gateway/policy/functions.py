"""The closed list of functions that conditions may call. Pure and total: a value of the wrong kind is undecidable.

Each entry of `FUNCTIONS` checks its fixed arguments (globs, domains, roots, networks, dates: always literal strings)
when the policy is loaded, and gives the function of one value that a decision runs. ValueError says what is wrong with
them. `has` is not here: it takes a path, not a value, so the compiler knows it; nor are the clocks of `zones`.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from gateway.policy.globs import compile_glob
from gateway.policy.logic import UNDECIDED, conjunction
from gateway.policy.moments import after, before
from gateway.policy.patterns import matches_regex
from gateway.policy.scope import Kind

__all__ = ["FUNCTIONS", "Function"]

Run = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Function:
    """`usage` is how it is written. `fixed` says whether literal strings follow the value: none, or one and more."""

    usage: str
    gives: Kind
    takes: tuple[Kind, ...]
    prepare: Callable[[Sequence[str]], Run]
    fixed: bool = True


def _on_text(run: Callable[[str], Any]) -> Run:
    return lambda value: run(value) if type(value) is str else UNDECIDED


def _length(value: Any) -> Any:
    return len(value) if isinstance(value, (str, list, Mapping)) else UNDECIDED


def _any_glob(globs: Sequence[str]) -> Callable[[str], bool]:
    matchers = [compile_glob(glob) for glob in globs]
    return lambda text: any(matches(text) for matches in matchers)


def _matches(globs: Sequence[str]) -> Run:
    return _on_text(_any_glob(globs))


def _each(value: Any, decide: Run) -> list[Any] | None:
    """One answer for each text of a list; None for what is no list, or an empty one."""
    return [decide(item) for item in value] if type(value) is list and value else None


def _all_match(globs: Sequence[str]) -> Run:
    decide = _matches(globs)

    def run(value: Any) -> Any:
        answers = _each(value, decide)
        return UNDECIDED if answers is None else conjunction(answers)

    return run


def _any_match(globs: Sequence[str]) -> Run:
    decide = _matches(globs)

    def run(value: Any) -> Any:
        if value == [] and type(value) is list:
            return False
        answers = _each(value, decide) or [UNDECIDED]
        return True if True in answers else UNDECIDED if UNDECIDED in answers else False

    return run


# ---- mail addresses ----

# Of what RFC 5322 allows in a name, what no mail program ever took for a way: not `%`, `!`, `=`, `/` or `|`.
_ADDRESS = re.compile(r"\w[\w+'-]*(?:\.[\w+'-]+)*@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)", re.ASCII)
_DOMAIN = re.compile(r"(?:\*\.)?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")


def _in_domain(domains: Sequence[str]) -> Run:
    for domain in domains:
        if not _DOMAIN.fullmatch(domain):
            raise ValueError(f"`{domain}` is not a domain; write `acme.com`, or `*.acme.com` for those below it")
    inside = _any_glob([domain.lower() for domain in domains])

    def one(address: str) -> Any:
        found = _ADDRESS.fullmatch(address)
        return inside(found[1].lower()) if found else UNDECIDED

    def run(value: Any) -> Any:
        answers = _each(value if type(value) is list else [value], _on_text(one))
        return UNDECIDED if answers is None else conjunction(answers)

    return run


# ---- paths ----

_PLAIN = re.compile(r"(?:[A-Za-z0-9_/-]++|(?<=[A-Za-z0-9_-])\.(?=[A-Za-z0-9_-]))++")  # most paths: no more is looked at
_ENCODED = re.compile(r"%(?:2[eEfF]|5[cC]|3[aAbB]|7[eE]|[01][0-9a-fA-F]|[uU][0-9a-fA-F]{4})")
# `..` and other steps that end in a dot, or begin or end in a blank; a home or a scheme (a drive, too); NTFS's streams.
_DOUBTFUL = re.compile(r"[\\;\x00-\x1f\x7f]|^~|^[A-Za-z][A-Za-z0-9+.-]*:|::|(?:^|/)\s|\s(?:/|\Z)|[^/]\.(?:/|\Z)")
_HEX = re.compile(r"%[0-9a-fA-F]{2}")
_SIGNS = frozenset("./\\~%:;")
# Some programs take these for `/`, `\` or `.`, though Unicode does not.
_ALIKE = frozenset("\u00a5\u20a9\u2044\u2215\u2216\u29f5\u29f8\u29f9\u3002\uff61")

_Steps = tuple[bool, tuple[str, ...]]


def _readings(path: str) -> list[_Steps] | None:
    """(absolute, steps) of a plain POSIX path, as it stands and decoded as in a URL; None for what could mean another
    place than it says.
    """
    if _PLAIN.fullmatch(path):
        return [_split(path)]
    if not path or _ENCODED.search(path):
        return None
    texts = [path, _decoded(path)] if "%" in path else [path]
    found = [_steps(text) for text in texts]
    return [steps for steps in found if steps] if all(found) else None


def _decoded(path: str) -> str:
    """What no UTF-8 is (`%c0%ae`), or is encoded once more, may be read as anything: a backslash stands for it."""
    try:
        text = unquote(path, errors="strict")
    except UnicodeDecodeError:
        return "\\"
    return "\\" if text != path and _HEX.search(text) else text


def _steps(text: str) -> _Steps | None:
    if _DOUBTFUL.search(text) or (not text.isascii() and any(map(_is_doubtful, text))):
        return None
    return _split(text)


def _split(text: str) -> _Steps:
    return text.startswith("/"), tuple([step for step in text.split("/") if step not in ("", ".")])


def _is_doubtful(sign: str) -> bool:
    """Whether some program takes it for another sign, or for none."""
    return not sign.isascii() and (
        sign in _ALIKE
        or unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        or not _SIGNS.isdisjoint(unicodedata.normalize("NFKC", sign))
    )


def _under(roots: Sequence[str]) -> Run:
    wanted = [_readings(root) for root in roots]
    for root, found in zip(roots, wanted, strict=True):
        if found is None:
            raise ValueError(f"`{root}` is not a plain path with `/` between its parts and without `..`")

    def one(path: str) -> Any:
        here = _readings(path)
        if here is None:
            return UNDECIDED
        answers = [_below(here, root) for root in wanted if root]
        return True if True in answers else UNDECIDED if UNDECIDED in answers else False

    return _on_text(one)


def _below(here: list[_Steps], root: list[_Steps]) -> Any:
    """A relative path and an absolute root can't be compared: nobody knows where the server stands. Nor is anything
    said of what is below as it stands, and is not when it is decoded, or the other way round.
    """
    if here[0][0] != root[0][0]:
        return UNDECIDED
    below = _begins(here[0][1], root[0][1])
    return below if below == _begins(here[-1][1], root[-1][1]) else UNDECIDED


def _begins(steps: tuple[str, ...], above: tuple[str, ...]) -> bool:
    return steps[: len(above)] == above


# ---- addresses of the network ----

# No user@, no backslash, no blanks: readers of URLs disagree about those, and a rule must not guess.
_URL = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]*)?(?:[/?#][^\s\\\x00-\x1f\x7f]*)?"
)


_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # as the last part of a host: browsers read an address


def _host(url: str) -> Any:
    found = _URL.fullmatch(url)
    if not found:
        return UNDECIDED
    if found[1].startswith("["):
        return _address(found[1][1:-1])
    host = found[1].lower().removesuffix(".")
    labels = host.split(".")
    if not all(labels):
        return UNDECIDED
    return _address(host) if _NUMBER.fullmatch(labels[-1]) else host


def _address(text: str) -> Any:
    """IPv4 in the clothes of IPv6 is IPv4, as it is in a network; each Python would write it in its own way."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return UNDECIDED
    return str(getattr(address, "ipv4_mapped", None) or address)


def _in_cidr(networks: Sequence[str]) -> Run:
    wanted = [_network(text) for text in networks]

    def one(text: str) -> Any:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return UNDECIDED
        plain = getattr(address, "ipv4_mapped", None) or address
        inside = any(plain in network for network in wanted)
        return UNDECIDED if not inside and _leads_elsewhere(plain) else inside

    return _on_text(one)


def _leads_elsewhere(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """An IPv6 address with an IPv4 one inside, to which a relay may lead; or one that means another link's."""
    if isinstance(address, ipaddress.IPv4Address) or address.is_loopback or address.is_unspecified:
        return False
    return bool(address.scope_id or any(address in network for network in _RELAYED))


_RELAYED = [
    ipaddress.IPv6Network(text)
    for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")  # NAT64, 6to4, Teredo, RFC 4291
]


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        found = ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(f"`{text}` is not a network; write `10.0.0.0/8` or `fc00::/7`") from None
    if isinstance(found, ipaddress.IPv6Network) and found.network_address.ipv4_mapped:
        raise ValueError(f"`{text}` would match nothing: such addresses are read as IPv4; write `10.0.0.0/8`")
    return found


_TEXT: tuple[Kind, ...] = ("string", "weekday", "any")

FUNCTIONS: Mapping[str, Function] = {
    "len": Function("len(value)", "number", ("string", "list", "object", "any"), lambda _: _length, fixed=False),
    "lower": Function("lower(text)", "string", _TEXT, lambda _: _on_text(str.lower), fixed=False),
    "host": Function("host(url)", "string", _TEXT, lambda _: _on_text(_host), fixed=False),
    "before": Function("before(date, '2026-12-31')", "bool", _TEXT, before),
    "after": Function("after(date, '2026-12-31')", "bool", _TEXT, after),
    "matches_regex": Function("matches_regex(text, '[0-9]+', ...)", "bool", _TEXT, matches_regex),
    "matches": Function("matches(text, 'glob', ...)", "bool", _TEXT, _matches),
    "all_match": Function("all_match(list, 'glob', ...)", "bool", ("list", "any"), _all_match),
    "any_match": Function("any_match(list, 'glob', ...)", "bool", ("list", "any"), _any_match),
    "in_domain": Function("in_domain(addresses, 'acme.com', ...)", "bool", ("string", "list", "any"), _in_domain),
    "under": Function("under(path, 'folder', ...)", "bool", _TEXT, _under),
    "in_cidr": Function("in_cidr(address, '10.0.0.0/8', ...)", "bool", _TEXT, _in_cidr),
}
