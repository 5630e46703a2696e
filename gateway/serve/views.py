"""What somebody is shown under one policy, and under the next. Pure."""

from collections.abc import Iterable
from datetime import datetime

from gateway.call import Tool
from gateway.catalogue import Catalogue
from gateway.gates import listed
from gateway.offer import Offer
from gateway.policy import Policy
from gateway.serve.asking import Asker

__all__ = ["differing"]


def differing(catalogue: Catalogue, asker: Asker, before: Policy, now: Policy, at: datetime) -> frozenset[str]:
    """Which of his lists (`tools`, `prompts`, `resources`) are others by the policy of now. `at` is aware."""
    part = asker.profile.of(catalogue)
    resources = [*part.resources.values(), *(template for _, template in part.templates)]
    lists: tuple[tuple[str, Iterable[Tool | Offer]], ...] = (
        ("tools", part.tools.values()),
        ("prompts", part.prompts.values()),
        ("resources", resources),
    )

    def differs(thing: Tool | Offer) -> bool:
        return listed(thing, part, before, asker.subject, at) != listed(thing, part, now, asker.subject, at)

    return frozenset(kind for kind, things in lists if any(map(differs, things)))
