"""Names in budgets.toml that nothing has: a budget of what is not there limits nothing. Pure."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from gateway.catalogue import Catalogue
from gateway.config.budgets import Named
from gateway.errors import Problem
from gateway.policy.globs import is_wild
from gateway.policy.lint.people import People, member_hint, tenant_hint
from gateway.wording import did_you_mean

__all__ = ["There", "unfound"]

_Finding = tuple[str, str, str]  # the name of its rule, what is wrong, and what to do


@dataclass(frozen=True, slots=True)
class There:
    """What there is. None: nobody knows, and nothing is compared with it."""

    servers: Collection[str]
    models: Collection[str]
    catalogue: Catalogue | None = None
    roles: Collection[str] | None = None
    people: People | None = None


def unfound(named: Iterable[Named], there: There) -> Iterator[Problem]:
    """A warning about each of them, where it stands."""
    for one in named:
        found = _looked_up(one, there)
        if found is not None:
            rule, message, hint = found
            yield replace(one.place.problem(message, hint, "warning"), rule=rule)


def _looked_up(one: Named, there: There) -> _Finding | None:
    glob = one.glob
    match one.dimension:
        case "tool":
            return _tool(glob, there)
        case "server":
            return _server(glob, there)
        case "model" if ":" not in glob:  # else a provider's own name, which anybody may say
            return _among(glob, there.models, "unknown-model", f"no model in toolgate.toml is called `{glob}`")
        case "role" if there.roles is not None:
            return _among(glob, there.roles, "unknown-role", f"nobody has `{glob}`")
        case "agent" | "subject" | "tenant" if there.people is not None:
            return _person(one, there.people)
    return None


def _among(glob: str, known: Collection[str], rule: str, message: str) -> _Finding | None:
    return None if _fits(glob, known) else (rule, message, did_you_mean(glob, known))


def _fits(glob: str, known: Iterable[str]) -> bool:
    return any(fnmatchcase(name, glob) for name in known)


def _server(glob: str, there: There) -> _Finding | None:
    return _among(glob, there.servers, "unknown-server", f"no server is called `{glob}`")


def _tool(glob: str, there: There) -> _Finding | None:
    server, slash, _ = glob.partition("/")
    if slash and (strange := _server(server, there)):
        return strange
    known = there.catalogue
    if known is None or any(not slash or fnmatchcase(name, server) for name in known.missing):
        return None
    return _among(glob, known.tools, "unknown-tool", f"`{glob}` matches no tool")


def _person(one: Named, people: People) -> _Finding | None:
    glob = one.glob
    if one.dimension == "tenant":
        hint = None if is_wild(glob) else tenant_hint(glob, people, frozenset())
        return hint if hint is None else ("unknown-tenant", f"nobody and nothing knows the tenant `{glob}`", hint)
    if one.dimension == "agent":
        agents = [name for name in people.members if name.startswith("agent:")]
        message = f"there is no agent `{glob}`, unless an MCP client is called so"
        return _among(glob, agents, "unknown-member", message)
    hint = None if is_wild(glob) else member_hint(glob, people)
    message = f"no API key, no run and no configuration knows the user `{glob}`"
    return hint if hint is None else ("unknown-member", message, hint)
