"""What `toolgate.toml` may say about how people are asked: `[approvals]`. Pure."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field

from gateway.config.auth_word import Secret
from gateway.config.serving import SafeAddress, Scopes, User
from gateway.config.table import Table, is_web_address
from gateway.identity import TENANT

__all__ = ["ApprovalsConfig", "WebhookConfig"]


def _place(value: object) -> object:
    if isinstance(value, str) and urlsplit(value).path not in ("", "/"):
        raise ValueError("must be where people reach the gateway, without a path: `https://gate.example`")
    return value.rstrip("/") if isinstance(value, str) else value


def _hook(value: object) -> object:
    """Not shown in an error: chat tools write secrets into such addresses."""
    if isinstance(value, str):
        parts = urlsplit(value) if is_web_address(value) else None
        if parts is None or (parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost")):
            raise ValueError("must be an https address; http only on loopback")
    return value


class WebhookConfig(Table):
    """`[approvals.webhook]`: who is told of what waits, and whose signed answers are taken.

    `secret` is `whsec_…`, from the environment. `users` says who of the chat tool is which user; `tenant` None: that of
    `[identity]`.
    """

    url: Annotated[str, BeforeValidator(_hook)] = Field(repr=False)
    secret: Secret = Field(repr=False)
    tenant: Annotated[str, Field(pattern=f"^{TENANT.pattern}$")] | None = None
    users: Mapping[str, User] = {}


class ApprovalsConfig(Table):
    """`[approvals]`. `questions` is how many of one run may wait for people at once. `ask_clients`: a client that shows
    forms is asked about its own calls.

    `longest_days` is how long a remembered yes or a delegation lasts at most.

    `http`: people answer at `/approvals`; None: where they log in. `scopes` is what a key or a token must have there.
    `url` is where people reach it, in links. `webhook` is told of what waits.
    """

    questions: Annotated[int, Field(ge=1, le=1000)] = 20
    ask_clients: bool = False
    longest_days: Annotated[int, Field(ge=1, le=3650)] = 90
    http: bool | None = None
    scopes: Scopes = ("approvals",)
    url: Annotated[SafeAddress, BeforeValidator(_place)] | None = None
    webhook: WebhookConfig | None = None
