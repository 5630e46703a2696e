"""The composition root: configuration in, running parts out. The only module that knows every class.

Parts are opened as they are needed: `toolgate runs` needs a store and nothing else, so it starts no server and imports
no SDK. What is opened first is closed last.
"""

import contextlib
import os
import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from gateway.access import Access
from gateway.approving import Approving
from gateway.booking import Booking
from gateway.budget import Limits
from gateway.call import JsonObject, Subject
from gateway.clients import Clients, new_run_id
from gateway.config import Config, ResolvedStdio, ServerConfig, expand, launch, own_secrets
from gateway.events import Queued
from gateway.noting import noted
from gateway.offer import called
from gateway.offline import Offline, open_offline, policy_paths
from gateway.pipeline import CallSettings, Pipeline
from gateway.rollout import Rollout, rolled_out
from gateway.run import Run
from gateway.session import ALONE, Dialogue
from gateway.store.lease import owner_name, process_of
from gateway.submitting import DEFAULT_AGENT, agent_of, check_wish, default_agent, form_of, joined, own_limits
from gateway.telemetry import Telemetry, open_telemetry, stop_propagation
from gateway.tool_words import effects_of, qualified
from gateway.tracing import Tracing

if TYPE_CHECKING:  # the MCP SDK costs half a second to import; who only passes calls on needs no loop and no model
    from gateway.loop import Loop, Watcher
    from gateway.models import Models
    from gateway.pins.keeper import Keeper
    from gateway.upstream import ServerSpec, Upstreams

__all__ = [
    "DEFAULT_AGENT",
    "Runtime",
    "call_settings",
    "open_runtime",
    "open_servers",
]
__all__ += ["opened_telemetry", "server_spec"]

START_SECONDS = 10.0  # so long the others wait for a server that is slow to start; then it is missing until it is there


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything, with the servers connected."""

    offline: Offline
    upstream: "Upstreams"
    telemetry: Telemetry
    pipeline: Pipeline
    asked: "_Asked"
    access: Access
    tracing: Tracing
    booking: Booking

    @property
    def config(self) -> Config:
        return self.offline.config

    @property
    def models(self) -> "Models":
        """Which backend answers to which name."""
        return self.asked.models

    @property
    def approving(self) -> Approving:
        offline = self.offline
        return Approving(
            offline.store,
            offline.policy,
            lambda: self.upstream.catalogue,
            lambda: offline.budgets.tolls,
            offline.longest,
        )

    @property
    def clients(self) -> Clients:
        """For MCP clients and `toolgate call`."""
        offline = self.offline
        return Clients(
            self.pipeline,
            offline.store,
            offline.policy,
            self.upstream,
            offline.budgets.for_clients,
            self.tracing,
            offline.live_budgets,
        )

    def subject_for(self, agent: str | None) -> Subject:
        """The configured user through this agent; the first one configured, if none is named."""
        name = default_agent(self.config) if agent is None else agent
        return self.offline.subject(agent=f"agent:{name.removeprefix('agent:')}")  # as runs are listed with it

    def model_of(self, agent: str | None) -> str:
        """Which model this agent (the first one, if none is named) has by its configuration. Raises ConfigError."""
        return agent_of(self.config, default_agent(self.config) if agent is None else agent, "--agent").model

    async def submit(  # noqa: PLR0913 - what a run begins with
        self,
        text: str,
        subject: Subject,
        *,
        model: str | None = None,
        limits: Limits | None = None,
        dialogue: Dialogue = ALONE,
        output_schema: JsonObject | None = None,
        run_id: str = "",
    ) -> str:
        """Queues a run and returns its id, a new one if none is given. Its answer must fit `output_schema`: that of its
        agent, if none is given. Called off, it is queued all the same.

        Raises ConfigError for an agent or a model that is not configured, for what is no name of a session, and for a
        schema that can't be used; Conflict for a session that is another agent's.
        """
        check_wish(text)
        agent = agent_of(self.config, (subject.agent or "").removeprefix("agent:"), "--agent")
        self.models.open(model or agent.model, "--model" if model else "toolgate.toml")
        model = model or agent.model
        most = self.offline.budgets.limits_for(agent.name).strictest(own_limits(self.config, agent.name))
        form = form_of(self.config, agent.name, output_schema)
        run_id = run_id or new_run_id()
        given = most.replaced(limits or Limits()).to_json()
        who = (subject.user, subject.tenant, subject.agent)
        joining = joined(run_id, dialogue.session, subject)
        queued = Queued(
            "loop",
            *who,
            model,
            text,
            given,
            conversation=dialogue.conversation,
            session=dialogue.session,
            output_schema=form,
        )
        await self.offline.store.append(run_id, [queued], lease=None, changes=joining)
        return run_id

    @property
    def loop(self) -> "Loop":
        """The path of a run."""
        from gateway.loop import Loop, Parts

        offline = self.offline
        parts = Parts(
            store=offline.store,
            pipeline=self.pipeline,
            policy=offline.policy,
            tracing=self.tracing,
            catalogue=lambda: self.upstream.catalogue,
            agent=lambda name: agent_of(self.config, name or DEFAULT_AGENT),
            model=lambda name, most: self.models.open(name, most=most),
            booking=self.booking,
        )
        return Loop(parts)

    async def drive(self, run_id: str, watcher: "Watcher | None" = None) -> Run:
        """Takes a run as far as it goes by itself. Raises LeaseLost when another worker drives it."""
        return await self.loop.drive(run_id, watcher)


@contextlib.asynccontextmanager
async def open_runtime(config: Config, kind: str = "command") -> AsyncIterator[Runtime]:
    """Opens everything and connects to the servers; one that can't be reached is missing, and keeps being tried.

    `kind` is what this process says that it is, where it reports its policy.
    """
    with open_offline(config) as offline, opened_telemetry(config) as telemetry:
        access, book = Access(config), offline.store.policies(config.policy.files, config.policy.kept_versions)
        rollout = Rollout(offline.policy, book, policy_paths(config), telemetry, kind)
        rollout.also.append(offline.live_budgets.look)
        async with (
            rolled_out(rollout),
            open_servers(config, access, learns=True, patience=START_SECONDS) as upstream,
        ):
            tracing, asked = Tracing(telemetry), _Asked(offline)
            booking = Booking(offline.live_budgets, offline.store, offline.policy)
            pipeline = Pipeline(upstream, offline.store, offline.policy, tracing, call_settings(config), booking)
            async with noted(offline.store, upstream), contextlib.aclosing(asked):
                yield Runtime(offline, upstream, telemetry, pipeline, asked, access, tracing, booking)


class _Asked:
    """The models, from when somebody asks for one: who only passes calls on loads nothing of what they need."""

    def __init__(self, offline: Offline) -> None:
        self._offline = offline
        self._models: Models | None = None

    @property
    def models(self) -> "Models":
        if self._models is None:
            from gateway.models import Models

            self._models = Models(self._offline.config, recorded=self._offline.events)
        return self._models

    async def aclose(self) -> None:
        """Closes all connections to them."""
        if self._models is not None:
            await self._models.aclose()


@contextlib.asynccontextmanager
async def open_servers(
    config: Config, access: Access | None = None, *, learns: bool = False, patience: float | None = None
) -> AsyncIterator["Upstreams"]:
    """Connects to the servers and nothing else: for whoever only wants to know what they offer.

    `learns`: what is seen for the first time is pinned. Raises ConfigError for a `toolgate.lock` that can't be used.
    """
    stop_propagation()
    from gateway.upstream import Eras, Upstreams

    judge, access = _keeper(config, learns=learns), access or Access(config)
    specs = {name: server_spec(server, access) for name, server in config.servers.items() if not server.disabled}
    eras = Eras(config.store.path.with_name("eras.json"))
    own = called(process_of(owner_name()), secrets.token_hex(4))
    async with Upstreams(specs, eras, judge, patience=patience, own=own) as upstream:
        yield upstream


def _keeper(config: Config, *, learns: bool) -> "Keeper":
    from gateway.pins.files import PinFiles
    from gateway.pins.keeper import Keeper
    from gateway.pins.review import Trust

    servers = config.servers.items()
    new_tools = {name: server.word.new_tools for name, server in servers}
    trust = Trust(new_tools, config.trust.accept_changes, frozenset(config.trust.hold_on))
    return Keeper(PinFiles.of(config.folders), trust, {name: launch(server) for name, server in servers}, learns=learns)


def server_spec(server: ServerConfig, access: Access | None = None) -> "ServerSpec":
    """A server as the upstreams know it; its secrets are expanded when it is started or called.

    Without `access`, nothing is done about its `auth`.
    """
    from gateway.upstream import Http, ServerSpec, Stdio

    def transport() -> Stdio | Http:
        resolved = expand(server, os.environ)
        if isinstance(resolved, ResolvedStdio):
            return Stdio(resolved.command, resolved.args, resolved.env, resolved.cwd, resolved.secrets)
        carrier = access.carrier(server.name, resolved.url) if access else None
        secrets = (*resolved.secrets, *(access.secrets(server.name) if access else ()))
        return Http(resolved.url, resolved.headers, resolved.sse, secrets, carrier)

    word, entry = server.word, server.entry
    times, tools = (word.call_timeout, word.connect_timeout), (entry.only, entry.off)
    return ServerSpec(server.name, transport, word.trusted, word.era, *times, word.prefix, word.max_answer, *tools)


@contextlib.contextmanager
def opened_telemetry(config: Config) -> Iterator[Telemetry]:
    """Where spans go. At the end it has a moment to send what is left; what could not be sent is said once."""
    settings = config.telemetry
    telemetry = open_telemetry(settings.endpoint, config.telemetry_headers(os.environ), settings.service_name)
    try:
        yield telemetry
    finally:
        lost = telemetry.close()
        if lost:
            print(f"toolgate: {lost} spans could not be exported", file=sys.stderr)  # noqa: T201 - the last word


def call_settings(config: Config) -> CallSettings:
    """What the admin says about calls. Raises ConfigError."""
    servers = config.servers.values()
    return CallSettings(
        timeouts={server.name: server.word.call_timeout for server in servers},
        safe_to_repeat=[qualified(server.name, glob) for server in servers for glob in server.word.safe_to_repeat],
        questions=config.approvals.questions,
        identities={server.name: sha256(launch(server).encode()).hexdigest() for server in servers},
        secrets=lambda: own_secrets(config, os.environ),
        effects=effects_of(config),
    )
