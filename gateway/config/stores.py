"""Where the store is, however a layer says it. Pure.

`store = "postgresql://..."` is `store.url`, `store = "sqlite:///data/toolgate.db"` is `store.path`: the same three
slashes before a relative path, and four before an absolute one, as in everybody else's URLs. Of two layers the stronger
one counts, whichever of the two it says.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from gateway.config.places import KeyPath, Place
from gateway.errors import Problem

__all__ = ["POSTGRES", "passwords", "store_of_layer"]

POSTGRES = ("postgresql://", "postgres://")
_FILE = "sqlite:///"
_PATH, _URL = ("store", "path"), ("store", "url")
_AUTHORITY = re.compile(r"postgres(?:ql)?://[^/?#]*?:(?P<password>[^/?#]*)@")


def store_of_layer(
    value: Mapping[str, Any], places: Mapping[KeyPath, Place]
) -> tuple[Mapping[str, Any], Mapping[KeyPath, Place], tuple[Problem, ...]]:
    """The same with `store.path` or `store.url`, and what is wrong about saying both."""
    store = value.get("store")
    if isinstance(store, str):
        store, places = {"url": store}, {**places, _URL: places["store",]}
    if not isinstance(store, Mapping):
        return value, places, ()
    url = store.get("url")
    if "path" in store and url is not None:
        message = "`store.path` and `store.url` both say where the store is"
        return value, places, (places[_URL].problem(message, "remove one of them"),)
    if isinstance(url, str) and url.startswith(_FILE):
        store = {name: item for name, item in store.items() if name != "url"} | {"path": url.removeprefix(_FILE)}
        places = {**places, _PATH: places[_URL]}
    if "path" in store:
        store, places = {**store, "url": None}, {**places, _URL: places[_PATH]}
    return {**value, "store": store}, places, ()


def passwords(url: str) -> Iterator[str]:
    """Those in the URL of a store, also in its query: as they stand there, and as the driver has them."""
    authority = _AUTHORITY.match(url)
    told = (said.partition("=") for said in url.partition("?")[2].split("&"))
    raw = [value for name, _, value in told if "password" in unquote(name).lower()]
    for password in (*([authority["password"]] if authority else ()), *raw):
        yield from (password, unquote(password))
