"""`[network]`: which private places a request may reach that somebody else's words cause."""

import ipaddress
import re
from typing import Annotated

from pydantic import BeforeValidator

from gateway.config.table import Table, items

__all__ = ["NetworkConfig"]

_HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")


def _places(value: object) -> object:
    places = items(value)
    for place in places if isinstance(places, tuple) else ():
        if isinstance(place, str) and not _is_place(place):
            shown = ascii(place)[1:-1]
            raise ValueError(
                f"`{shown}` is no network, address or host name: `10.0.0.0/8`, `127.0.0.1`, `idp.internal`"
            )
    return places


def _is_place(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        numeric = text.replace(".", "").isdigit() or ":" in text or "/" in text
        return not numeric and bool(_HOST.fullmatch(text))
    return True


class NetworkConfig(Table):
    """`[network]`. `allow` lists networks (`10.0.0.0/8`), addresses and host names."""

    allow: Annotated[tuple[str, ...], BeforeValidator(_places)] = ()
