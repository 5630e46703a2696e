"""Who has which role, by tenant. Pure.

A grant with tenant `*` counts in every tenant. Roles may have roles, to any depth. Two grants never make a circle: the
loader refuses it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.errors import Problem
from gateway.policy.rows import Grant

__all__ = ["Roles"]

_EVERY = "*"
_LEAVES = ("user:", "agent:")  # nothing can have these as a role


@dataclass(frozen=True, slots=True)
class Roles:
    """`grants` by tenant, then by member."""

    grants: Mapping[str, Mapping[str, tuple[Grant, ...]]]

    @classmethod
    def of(cls, grants: Iterable[Grant]) -> "Roles":
        found: dict[str, dict[str, list[Grant]]] = defaultdict(lambda: defaultdict(list))
        for grant in grants:
            found[grant.tenant][grant.member].append(grant)
        return cls({tenant: {who: tuple(rows) for who, rows in of.items()} for tenant, of in found.items()})

    def direct(self, member: str, tenant: str) -> tuple[Grant, ...]:
        """The grants that name this member, and count in this tenant."""
        everywhere = self.grants.get(_EVERY, {}).get(member, ())
        return everywhere if tenant == _EVERY else self.grants.get(tenant, {}).get(member, ()) + everywhere

    def of_member(self, member: str, tenant: str) -> frozenset[str]:
        """Every role and team that the member has there, through others too; not the member itself."""
        return frozenset(self._reached(member, tenant))

    def path(self, member: str, role: str, tenant: str) -> tuple[Grant, ...]:
        """The shortest chain of grants from the member to the role; empty when there is none."""
        reached = self._reached(member, tenant)
        chain: list[Grant] = []
        while role in reached:
            chain.append(reached[role])
            role = reached[role].member
        return tuple(reversed(chain))

    def circles(self) -> list[Problem]:
        """A problem for each tenant in which a role has itself."""
        found = (self._circle(tenant) for tenant in sorted(self.grants))
        return list(dict.fromkeys(problem for problem in found if problem))

    def _reached(self, member: str, tenant: str) -> dict[str, Grant]:
        """Each role, with the grant that leads to it; the member itself only in a circle."""
        reached: dict[str, Grant] = {}
        queue = [member]
        for at in queue:
            for grant in self.direct(at, tenant):
                if grant.role not in reached:
                    reached[grant.role] = grant
                    queue.append(grant.role)
        return reached

    def _circle(self, tenant: str) -> Problem | None:
        members = sorted(name for name in self.grants[tenant] if not name.startswith(_LEAVES))
        for grant in (grant for member in members for grant in self.grants[tenant][member]):
            if grant.role == grant.member or grant.member in self._reached(grant.role, tenant):
                where = "every tenant" if tenant == _EVERY else f"tenant {tenant}"
                message = f"`{grant.member}` would have itself as a role in {where}"
                return Problem(grant.file, grant.line, grant.columns[2], message, "take one line of the circle out")
        return None
