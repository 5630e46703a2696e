"""What is missing from the lists that somebody is shown, and why, as he may be told: a short list looks whole. Pure."""

from collections.abc import Mapping
from datetime import datetime
from itertools import islice

from gateway.call import Subject
from gateway.catalogue import Catalogue
from gateway.gates import awaited
from gateway.outage import brief
from gateway.policy import Policy

__all__ = ["gaps"]

LEFT_OUT = "left out: its definition can't be used"
_MOST = 50  # that are named of what was left out


def gaps(catalogue: Catalogue, policy: Policy, subject: Subject, now: datetime) -> Mapping[str, str]:
    """The servers that can't be reached, and what was left out of others (`server/tool`): of those servers alone of
    which he may use anything.
    """
    away = {
        server: brief(why, subject.user)
        for server, why in catalogue.missing.items()
        if awaited(server, catalogue, policy, subject, now)
    }
    out = islice(catalogue.rejected, _MOST)
    return away | {path: LEFT_OUT for path in out if policy.may_use(subject, path.partition("/")[0], now)}
