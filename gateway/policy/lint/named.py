"""Conditions about tools, servers, roles and tenants that are not there. Pure."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from gateway.catalogue import Catalogue
from gateway.errors import Problem
from gateway.offer import Offer
from gateway.policy.decide import Policy
from gateway.policy.lint.finding import CONDITION, warning
from gateway.policy.lint.people import People, tenant_hint
from gateway.policy.lint.sayings import Saying, sayings
from gateway.policy.rows import Rule
from gateway.wording import did_you_mean

__all__ = ["unheard_of"]

_OF_TOOLS = ("call", "list", "approve")  # the actions whose objects are tools
_SERVERS = ("tool.server", "run.servers")
_GROUPS = ("role:", "team:")


def unheard_of(policy: Policy, catalogue: Catalogue | None, people: People | None) -> Iterator[Problem]:
    """What is None is not known, and nothing is compared with it."""
    known = _Known(policy, catalogue, people)
    for rule in policy.lines:
        for saying in sayings(rule.when) if rule.when else ():
            if not (saying.ranked or saying.glob):
                yield from known.of(rule, saying)


@dataclass(frozen=True, slots=True)
class _Known:
    policy: Policy
    catalogue: Catalogue | None
    people: People | None

    def of(self, rule: Rule, saying: Saying) -> Iterator[Problem]:
        value = saying.value
        if saying.fact in _SERVERS:
            yield from self._server(rule, value)
        elif saying.fact == "tool.name":
            yield from self._tool(rule, value)
        elif saying.fact == "subject.roles" and value.startswith(_GROUPS):  # else it is impossible
            roles = {grant.role for grant in self.policy.grants}
            if value not in roles:
                yield _told(rule, value, "unknown-role", f"nobody has `{value}`", did_you_mean(value, roles))
        elif saying.fact == "subject.tenant":
            yield from self._tenant(rule, value)

    def _server(self, rule: Rule, value: str) -> Iterator[Problem]:
        if self.catalogue is not None and value not in (servers := _servers(self.catalogue)):
            yield _told(rule, value, "unknown-server", f"`{value}` is not connected", did_you_mean(value, servers))

    def _tool(self, rule: Rule, value: str) -> Iterator[Problem]:
        """Of the tools that the line matches, for it is about no others."""
        known = self.catalogue
        if known is None or rule.action not in _OF_TOOLS or any(map(rule.tool.matches_server, known.missing)):
            return
        things = [*known.tools.values(), *(_offers(known) if rule.action != "call" else ())]
        names = {thing.name for thing in things if rule.tool.matches(thing.server, thing.name)}
        if names and value not in names:
            message = f"nothing that `{rule.tool.text}` matches is called `{value}`"
            yield _told(rule, value, "unknown-tool", message, did_you_mean(value, names))

    def _tenant(self, rule: Rule, value: str) -> Iterator[Problem]:
        named = {grant.tenant for grant in self.policy.grants}
        hint = tenant_hint(value, self.people, named) if self.people is not None else None
        if hint is not None:
            message = f"no `g` line, no API key, no run and no configuration knows the tenant `{value}`"
            yield _told(rule, value, "unknown-tenant", message, hint)


def _servers(catalogue: Catalogue) -> Collection[str]:
    offering = {tool.server for tool in catalogue.tools.values()} | {offer.server for offer in _offers(catalogue)}
    return offering | catalogue.missing.keys() | catalogue.servers.keys()


def _offers(catalogue: Catalogue) -> list[Offer]:
    """The prompts, the resources and the templates of resources."""
    templates = (offer for _, offer in catalogue.templates)
    return [*catalogue.prompts.values(), *catalogue.resources.values(), *templates]


def _told(rule: Rule, value: str, name: str, message: str, hint: str) -> Problem:
    return warning(rule, (CONDITION, f"'{value}'"), name, message, hint)
