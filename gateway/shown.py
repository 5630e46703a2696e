"""What of the gateway is there for a client: what it may use with some arguments is listed, and nothing else."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from gateway.call import Action, Subject, Tool
from gateway.catalogue import Catalogue
from gateway.events import Denied
from gateway.gaps import gaps
from gateway.gates import awaited, listed
from gateway.offer import About, Offer
from gateway.policy import Policy

__all__ = ["Shown"]

T = TypeVar("T", Tool, Offer)


class Shown(ABC):
    """For one subject, within what its profile leaves of the catalogue."""

    subject: Subject

    @property
    @abstractmethod
    def catalogue(self) -> Catalogue: ...

    @property
    @abstractmethod
    def glance(self) -> Policy:
        """The policy as it is in force."""

    # ---- what there is for this subject: by exposed name, in a stable order

    def tools(self) -> Sequence[tuple[str, Tool]]:
        """The tools that are intact and that it may call with some arguments."""
        catalogue = self.catalogue
        return self._visible((name, catalogue.tools[path]) for name, path in catalogue.names.items())

    def prompts(self) -> Sequence[tuple[str, Offer]]:
        """The prompts that it may get with some arguments."""
        catalogue = self.catalogue
        return self._visible((name, catalogue.prompts[path]) for name, path in catalogue.prompt_names.items())

    def resources(self) -> Sequence[tuple[str, Offer]]:
        """The resources that it may read, by exposed URI."""
        return self._visible(self.catalogue.resources.items())

    def templates(self) -> Sequence[tuple[str, Offer]]:
        """The templates of resources that it may read, by exposed template."""
        return self._visible(self.catalogue.templates)

    def servers(self) -> Mapping[str, About]:
        """What those servers say of themselves of which it may use anything."""
        lists = (self.tools(), self.prompts(), self.resources(), self.templates())
        seen = {thing.server for listed in lists for _, thing in listed}
        return {server: about for server, about in self.catalogue.about.items() if server in seen}

    def missing(self) -> Mapping[str, str]:
        """What is missing from its lists, and why (`gaps`)."""
        return gaps(self.catalogue, self.glance, self.subject, datetime.now(UTC))

    def _visible(self, found: Iterable[tuple[str, T]]) -> Sequence[tuple[str, T]]:
        catalogue, policy, now = self.catalogue, self.glance, datetime.now(UTC)
        return [(name, thing) for name, thing in found if listed(thing, catalogue, policy, self.subject, now)]

    def offers(self, path: str, action: Action = "call") -> bool:
        """Whether it may use this with some arguments; also whatever is missing together with a server of
        which it may use anything.
        """
        catalogue, policy, now = self.catalogue, self.glance, datetime.now(UTC)
        thing = catalogue.find(action, path)
        if thing is None:
            return awaited(path.partition("/")[0], catalogue, policy, self.subject, now)
        return listed(thing, catalogue, policy, self.subject, now)

    def hides(self, denied: Denied) -> bool:
        """Whether a denial must read as if there were nothing: what the lists hide, no error betrays.

        A line that denies was written with its reason, to be told.
        """
        return denied.rule is None and not self.offers(denied.path, denied.action)
