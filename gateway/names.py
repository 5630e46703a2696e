"""`server/tool` for people  <->  the one name that models and MCP clients see.

Pure. Model backends take letters, digits, `_` and `-`, at most 64 characters, some only with a letter in front
(OpenAI function names; MCP SEP-986 allows more). So a tool is exposed as `server__tool`; what doesn't fit, or would
collide, gets a hash of the full name as suffix, never a plain cut: the part that varies stands at the end.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

__all__ = ["MAX_LENGTH", "exposed_name", "exposed_names", "split_path"]

MAX_LENGTH = 64
_HASH_LENGTH = 6
_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]")


def split_path(path: str) -> tuple[str, str]:
    """`shop/refund` -> (`shop`, `refund`), split at the first slash. Raises ValueError when there is none."""
    server, slash, tool = path.partition("/")
    if not (server and slash and tool):
        raise ValueError(f"`{path}` is not a `server/tool` name")
    return server, tool


def exposed_name(path: str) -> str:
    """The plain exposed name of `server/tool`; hashed if it had to be changed to fit."""
    server, tool = split_path(path)
    plain = f"{server}__{tool}"
    fitted = _ILLEGAL.sub("_", plain)
    if not fitted[0].isalpha():
        fitted = f"t{fitted}"
    return fitted if fitted == plain and len(plain) <= MAX_LENGTH else _hashed(fitted, path)


def exposed_names(paths: Iterable[str]) -> dict[str, str]:
    """exposed name -> `server/tool`, one to one, in a stable order; every name of a colliding group gets its hash.

    `a/b__c` and `a__b/c` both read `a__b__c`: neither may shadow the other, so both are told apart by their hash.
    """
    ordered = sorted(set(paths))
    plain = {path: exposed_name(path) for path in ordered}
    uses = Counter(plain.values())
    return {(name if uses[name] == 1 else _hashed(name, path)): path for path, name in plain.items()}


def _hashed(name: str, path: str) -> str:
    digest = hashlib.sha256(path.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{name[: MAX_LENGTH - _HASH_LENGTH - 1]}_{digest}"
