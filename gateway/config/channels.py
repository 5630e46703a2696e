"""What `toolgate.toml` may say about how people are asked: `[approvals]`. Pure."""

from gateway.config.table import Table

__all__ = ["ApprovalsConfig"]


class ApprovalsConfig(Table):
    """`[approvals]`. `ask_clients`: a client that shows forms is asked about its own calls."""

    ask_clients: bool = False
