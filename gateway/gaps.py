"""What is missing from the lists that somebody is shown, and why, as he may be told: a short list looks whole. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime

from gateway.call import Subject, Tool
from gateway.catalogue import Catalogue
from gateway.gates import awaited
from gateway.offer import ABOUT, Offer
from gateway.outage import brief
from gateway.policy import Policy

__all__ = ["gaps"]

LEFT_OUT = "left out: its definition can't be used"
UNPINNED = "held: it could not be pinned, so that nobody would see it change"
_MOST = 50  # that are named of what was left out; the others are counted, by server


def gaps(catalogue: Catalogue, policy: Policy, subject: Subject, now: datetime) -> Mapping[str, str]:
    """The servers that can't be reached, and of others (`server/tool`) what was left out and what is held because it
    can't be pinned: of those servers alone of which he may use anything, and of what is held only what he may use. What
    is held because it deceives, or has changed, is the affair of whoever runs the gateway.
    """
    away = {
        server: brief(why, subject.user)
        for server, why in catalogue.missing.items()
        if awaited(server, catalogue, policy, subject, now)
    }
    out = [*_left_out(catalogue, policy, subject, now), *_unpinned(catalogue, policy, subject, now)]
    more = Counter(_server_of(path) for path, _ in out[_MOST:])
    counted = {f"{server}/*": f"{number} more are missing" for server, number in more.items()}
    return away | counted | dict(out[:_MOST])


def _left_out(catalogue: Catalogue, policy: Policy, subject: Subject, now: datetime) -> Iterator[tuple[str, str]]:
    usable = {server for server in map(_server_of, catalogue.rejected) if policy.may_use(subject, server, now)}
    yield from ((path, LEFT_OUT) for path in catalogue.rejected if _server_of(path) in usable)


def _unpinned(catalogue: Catalogue, policy: Policy, subject: Subject, now: datetime) -> Iterator[tuple[str, str]]:
    if not catalogue.unpinned:
        return
    prompts = {prompt.label: prompt for prompt in catalogue.prompts.values()}
    for path in sorted(catalogue.unpinned):
        server, _, name = path.partition("/")
        thing: Tool | Offer | None = catalogue.tools.get(path) or prompts.get(path)
        if thing is None:
            shown = name == ABOUT and server in catalogue.about and policy.may_use(subject, server, now)
        else:
            shown = policy.visible(subject, thing, now)
        if shown:
            yield path, UNPINNED


def _server_of(path: str) -> str:
    return path.partition("/")[0]
