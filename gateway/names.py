"""`server/tool` for people  <->  the one name that models and MCP clients see.

Pure. Model backends take letters, digits, `_` and `-`, at most 64 characters, some only with a letter in front
(OpenAI function names; MCP SEP-986 allows more). So a tool is exposed as `server__tool`; what doesn't fit, or would
collide, gets a hash of the full name as suffix, never a plain cut: the part that varies stands at the end.

A server chooses the names of its tools, so it may try to take another one's. It can't: a plain name that looks as if
it had such a suffix gets one of its own, and where hashes meet they grow until they differ.

An admin may let the tools of a server keep their own names (`prefix = false`). A name that could be one of those above,
or that two such servers offer, is not kept: its tool is exposed as all others are.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable

__all__ = ["MAX_LENGTH", "exposed_name", "exposed_names", "split_path"]

MAX_LENGTH = 64
_HASH_LENGTHS = (6, 12, 24, 48)  # hex digits: whoever can make 192 bits meet can do worse
_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]")
_LIKE_HASHED = re.compile(r"_[0-9a-f]{6,}\Z")
_OWN = re.compile(r"[A-Za-z](?:[A-Za-z0-9-]|_(?!_)){0,63}")  # no `__`: so it is no other server's tool


def split_path(path: str) -> tuple[str, str]:
    """`shop/refund` -> (`shop`, `refund`), split at the first slash. Raises ValueError when there is none."""
    server, slash, tool = path.partition("/")
    if not (server and slash and tool):
        raise ValueError(f"`{path}` is not a `server/tool` name")
    return server, tool


def exposed_name(path: str) -> str:
    """The exposed name of `server/tool` where it meets no other; hashed if it had to be changed to fit."""
    server, tool = split_path(path)
    plain = f"{server}__{tool}"
    fits = _fitted(path) == plain and len(plain) <= MAX_LENGTH and not _LIKE_HASHED.search(plain)
    return plain if fits else _hashed(path, _HASH_LENGTHS[0])


def exposed_names(paths: Iterable[str], unprefixed: Collection[str] = ()) -> dict[str, str]:
    """exposed name -> `server/tool`, one to one, in a stable order; every name of a colliding group gets its hash.

    `a/b__c` and `a__b/c` both read `a__b__c`: neither may shadow the other, so both are told apart by their hash.
    A tool that comes or goes changes the names only of those that it collides with. The tools of the servers in
    `unprefixed` keep their own names where these are nobody else's.
    """
    names = {path: exposed_name(path) for path in sorted(set(paths))}
    for length in _HASH_LENGTHS:
        uses = Counter(names.values())
        names = {path: name if uses[name] == 1 else _hashed(path, length) for path, name in names.items()}
    kept = _own_names(names, unprefixed)
    return {kept.get(path, name): path for path, name in names.items()}


def _own_names(paths: Iterable[str], unprefixed: Collection[str]) -> dict[str, str]:
    """path -> the tool's own name, for those that keep it. No name made by `exposed_name` is among them."""
    found = ((path, *split_path(path)) for path in paths)
    own = {path: tool for path, server, tool in found if server in unprefixed and _is_own(tool)}
    uses = Counter(own.values())
    return {path: tool for path, tool in own.items() if uses[tool] == 1}


def _is_own(tool: str) -> bool:
    return bool(_OWN.fullmatch(tool)) and not _LIKE_HASHED.search(tool)


def _fitted(path: str) -> str:
    server, tool = split_path(path)
    name = _ILLEGAL.sub("_", f"{server}__{tool}")
    return name if name[0].isalpha() else f"t{name}"


def _hashed(path: str, length: int) -> str:
    digest = hashlib.sha256(path.encode(errors="surrogatepass")).hexdigest()[:length]
    return f"{_fitted(path)[: MAX_LENGTH - length - 1]}_{digest}"
