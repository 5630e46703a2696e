"""What `toolgate.toml` may say about runs that workers drive: `[queue]`. Pure."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from gateway.config.table import Count, Seconds, Table

__all__ = ["QueueConfig"]


class QueueConfig(Table):
    """`[queue]`. A worker drives `concurrency` runs at once. Over all workers, each tenant, agent and model has as many
    under way as `tenant`, `agent` and `model` say; `tenants` and so on say it for those that they name.

    `grace` is how long what is under way has when a worker is told to stop. With `engine` "dbos", which needs a store
    in PostgreSQL, DBOS brings runs to workers.
    """

    engine: Literal["embedded", "dbos"] = "embedded"
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 4
    tenant: Count | None = None
    agent: Count | None = None
    model: Count | None = None
    tenants: Mapping[str, Count] = {}
    agents: Mapping[str, Count] = {}
    models: Mapping[str, Count] = {}
    grace: Seconds = 30.0
