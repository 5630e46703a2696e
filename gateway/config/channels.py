"""What `toolgate.toml` may say about how people are asked: `[approvals]`. Pure."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator

from gateway.config.serving import SafeAddress, Scopes
from gateway.config.table import Table

__all__ = ["ApprovalsConfig"]


def _place(value: object) -> object:
    if isinstance(value, str) and urlsplit(value).path not in ("", "/"):
        raise ValueError("must be where people reach the gateway, without a path: `https://gate.example`")
    return value.rstrip("/") if isinstance(value, str) else value


class ApprovalsConfig(Table):
    """`[approvals]`. `ask_clients`: a client that shows forms is asked about its own calls.

    `http`: people answer at `/approvals`; None: where they log in. `scopes` is what a key or a token must have there.
    `url` is where people reach it, in links.
    """

    ask_clients: bool = False
    http: bool | None = None
    scopes: Scopes = ("approvals",)
    url: Annotated[SafeAddress, BeforeValidator(_place)] | None = None
