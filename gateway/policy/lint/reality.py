"""What there is, for policies to be compared with: tools, people, tenants. Values only."""

from dataclasses import dataclass

from gateway.catalogue import Catalogue

__all__ = ["People", "Reality"]


@dataclass(frozen=True, slots=True)
class People:
    """Whoever has ever been seen: in API keys, in the record, in the configuration.

    `closed`: nobody else can come, for all come by API keys. Else a name that is not here may be right. `by_token`:
    others come by access tokens, which may name any tenant.
    """

    members: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()
    closed: bool = False
    by_token: bool = False


@dataclass(frozen=True, slots=True)
class Reality:
    """None: nothing is known of it, and nothing is compared with it."""

    catalogue: Catalogue | None = None
    people: People | None = None
