"""Which backend answers to the name of a model: configuration in, a `Model` out.

Each is the same chain, outermost first: one model after another (`Failover`), each asked again when that may help
(`Persistent`), only while its endpoint is well (`Guarded`) and as often as it wants (`Paced`), telling no secrets
(`Discreet`), connected when it is first asked (`Late`). What is shared by all runs of a process is shared here.
"""

import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from gateway.backend import Model
from gateway.budget import Price
from gateway.config import Config
from gateway.config.choosing import Chosen, chosen
from gateway.config.endpoints import Served
from gateway.config.expansion import Expanding, variables
from gateway.config.model_names import in_row
from gateway.config.places import DEFAULT
from gateway.config.templates import Template
from gateway.errors import ConfigError, StoreError
from gateway.events import Recorded
from gateway.resting import Rest, Rests
from gateway.row import Member, in_a_row
from providers import Connected, Endpoint, Provider, ProviderError
from providers.breaker import Breaker, Guarded
from providers.circuit import Open, Rule
from providers.clock import CLOCK, Clock
from providers.discreet import Discreet, told
from providers.late import Late
from providers.limiter import Limiter, Paced, Rates
from providers.request import known_as
from providers.retrying import Patience, Persistent
from providers.sound import Sound

__all__ = ["Connect", "Models", "connected"]

Connect = Callable[[str, Endpoint], Connected]
Record = Callable[[str], Awaitable[Sequence[Recorded]]]  # the events of a run


def connected(provider: str, endpoint: Endpoint) -> Connected:
    """A backend that speaks this provider's language. Its SDK is loaded here, and not before."""
    match provider:
        case "anthropic":
            from providers.anthropic import connect
        case "openai":
            from providers.openai_responses import connect
        case _:
            from providers.openai_chat import connect
    return connect(endpoint)


@dataclass(frozen=True, slots=True)
class _Shared:
    """What all that ask one endpoint have in common."""

    breaker: Breaker
    limiter: Limiter


class Models:
    """The model backends, each opened once."""

    def __init__(
        self,
        config: Config,
        connect: Connect = connected,
        clock: Clock = CLOCK,
        rests: Rests | None = None,
        *,
        recorded: Record | None = None,
    ) -> None:
        self._config, self._connect, self._clock, self._recorded = config, connect, clock, recorded
        self._rests = rests or Rests(config.store.path.with_name("endpoints.json"))
        self._rows: dict[str, Sequence[Member]] = {}
        self._open: dict[tuple[str, int | None], Model] = {}
        self._shared: dict[str, _Shared] = {}
        self._late: list[Late] = []

    def open(self, name: str, where: str = "toolgate.toml", most: int | None = None) -> Model:
        """A model, or several in a row: aliases, `anthropic:NAME` and the like, `scripted:FILE`.

        `most` is the longest reply that is wanted, in tokens; by itself, what is said of each model. Nothing is
        connected yet. Raises ConfigError; `where` is what named it.
        """
        if name not in self._rows:
            names = in_row(name)
            found = [self.choose(one, where) for one in names]
            self._rows[name] = [self._member(one, alone=one is found[-1]) for one in found]
        if (name, most) not in self._open:
            self._open[name, most] = in_a_row(self._rows[name], most, self._clock)
        return self._open[name, most]

    def breaker(self, served: Served) -> Breaker:
        """That of an endpoint."""
        return self._shared_at(served).breaker

    def choose(self, name: str, where: str) -> Chosen:
        """What a name means. Raises ConfigError."""
        try:
            return chosen(name, self._config.settings)
        except ValueError as error:
            message, _, hint = str(error).partition("; ")
            raise ConfigError.at(where, message, hint=hint) from None

    def price(self, found: Chosen) -> Price:
        """What is configured, else what the list says of its own name; a script that plays nobody costs nothing.

        Raises ConfigError for a model whose price nobody knows, if the admin wants it refused.
        """
        said, served = found.said, found.served
        if said is not None and said.price is not None:
            return said.price
        if (served is None and (said is None or said.name is None)) or (served is not None and served.free):
            return Price()
        from gateway.prices import listed

        unknown = self._config.prices
        provider = None if served is None else served.prices
        price = listed(found.model, provider) or (Price() if unknown.unknown_models == "free" else unknown.price)
        if price is not None:
            return price
        known_as = f"`{found.name}`" if found.name == found.model else f"`{found.name}` (`{found.model}`)"
        prices = "`input_usd_per_million` and `output_usd_per_million`"
        hint = f"give it {prices} in a table [models.ALIAS], or say how in [prices] `unknown_models`"
        raise ConfigError.at("toolgate.toml", f"nobody knows what the model {known_as} costs", hint=hint)

    def window(self, found: Chosen) -> int | None:
        """How many tokens a model can read, where that is known."""
        if found.served is None or (found.said is not None and found.said.context_window is not None):
            return found.said.context_window if found.said else None
        from gateway.prices import window

        return window(found.model, found.served.prices)

    async def reach(self, found: Chosen) -> frozenset[str] | None:
        """As `providers.reaching`, where this model is served. Raises ProviderError, ConfigError."""
        from providers.reaching import reached

        assert found.served is not None  # noqa: S101 - whoever asks has looked
        endpoint, secrets = self._endpoint(found.name, found.served)
        try:
            return await reached(found.served.provider, endpoint)
        except ProviderError as error:
            raise told(error, secrets) from None

    async def aclose(self) -> None:
        """Closes all connections. No request may be under way."""
        for late in self._late:
            await late.aclose()

    def _member(self, found: Chosen, *, alone: bool) -> Member:
        """`alone`: nobody follows it, so it waits also for an endpoint that is left alone just now."""
        price, window = self.price(found), self.window(found)
        if found.served is None:
            return Member(found, self._embedded(found), price, window)
        late, provider = self._behind(found.name, found.served, alone=alone)
        return Member(found, provider, price, window, late)

    def _embedded(self, found: Chosen) -> Provider:
        """A script, which is asked again as all models are; or a recording, which fails as often as it did."""
        if found.recording is None:
            return Persistent(_scripted(found.script or Path()), clock=self._clock)
        return _replayed(found.recording, self._recorded)

    def _behind(self, name: str, served: Served, *, alone: bool) -> tuple[Late, Provider]:
        endpoint, secrets = self._endpoint(name, served)
        shared, retries = self._shared_at(served), served.said.retries
        listening = replace(endpoint, heard=shared.limiter.heard)
        late = Late(lambda: self._connect(served.provider, listening))
        self._late.append(late)
        paced = Paced(Discreet(Sound(late), secrets), shared.limiter, retries.longest_wait)
        patience = Patience(retries.attempts, longest=retries.longest_wait, for_circuit=alone)
        return late, Persistent(Guarded(paced, shared.breaker), patience, self._clock)

    def _endpoint(self, name: str, served: Served) -> tuple[Endpoint, tuple[str, ...]]:
        """With its key and its headers, and what of them must not be told: a header that names a team is no secret.

        Raises ConfigError.
        """
        key = _key(name, served, os.environ)
        expanding = Expanding(variables(os.environ, self._config.folders.workspace))
        headers = self._expanded(expanding, served, "headers", served.said.headers)
        options = self._expanded(expanding, served, "options", served.said.options)
        expanding.finish()
        endpoint = Endpoint(
            served.name,
            key,
            served.base_url,
            headers,
            served.profile,
            served.said.extra,
            host=served.said.host,
            options=options,
        )
        return endpoint, (*expanding.secrets, key)

    def _expanded(self, expanding: Expanding, served: Served, part: str, texts: Mapping[str, str]) -> Mapping[str, str]:
        places = self._config.places
        return expanding.named(
            {key: Template(text, places.get((*served.table, part, key), DEFAULT)) for key, text in texts.items()}
        )

    def _shared_at(self, served: Served) -> _Shared:
        key = _known_at(served)
        if key not in self._shared:
            said = served.said
            rule = Rule(said.breaker.failures, said.breaker.rest, max(300.0, said.breaker.rest * 20))
            breaker = Breaker(served.name, rule, self._clock, told=partial(self._remember, key))
            if (rest := self._rests.read().get(key)) is not None:
                breaker.recall(rest.until - time.time(), rest.trips, ProviderError(rest.kind, "as it was before"))
            rates = Rates(said.requests_per_minute, said.tokens_per_minute)
            self._shared[key] = _Shared(breaker, Limiter(served.name, rates, self._clock))
        return self._shared[key]

    def _remember(self, key: str, breaker: Breaker) -> None:
        match breaker.state:
            case Open(_, trips, kind):
                self._rests.write(key, Rest(time.time() + breaker.rests, trips, kind))
            case _ if breaker.name == "closed":
                self._rests.write(key, None)


def _known_at(served: Served) -> str:
    """An endpoint's name with where it is, as signatures are told apart: what ails one URL says nothing of another."""
    return known_as(served.name, f"{served.provider} {served.said.host} {(served.base_url or '').rstrip('/')}")


def _key(name: str, served: Served, environ: Mapping[str, str]) -> str:
    """The endpoint's key; empty where none is needed. Raises ConfigError, which does not repeat it."""
    variable = served.key or ""
    key = environ.get(variable, "")
    place = f"environment {variable}"
    if not key and served.key_needed:
        hint = f"type `export {variable}=...` in the shell that starts Toolgate, or name another with `api_key_env`"
        raise ConfigError.at(place, f"it is not set, and holds the key of the model `{name}`", hint=hint)
    if key and (not key.isascii() or not key.isprintable() or " " in key):
        raise ConfigError.at(place, "what it holds is no key: there is a blank or a line break in it")
    return key


def _replayed(what: str, recorded: Record | None) -> Provider:
    """A run of the store, or a file. Raises ConfigError for a file that is no recording."""
    from gateway.recording import read_recording, recording_of
    from providers.replay import Recording, ReplayProvider

    if "/" in what or what.endswith(".json") or recorded is None:
        found = read_recording(Path(what))

        async def known() -> Recording:
            return found

        return ReplayProvider(known)

    async def load() -> Recording:
        try:
            return recording_of(f"run {what}", await recorded(what))
        except StoreError as error:
            raise ProviderError("script", str(error)) from None

    return ReplayProvider(load)


def _scripted(path: Path) -> Provider:
    from providers.scripted import ScriptedProvider, ScriptError

    try:
        return ScriptedProvider.from_file(path)
    except ScriptError as error:
        raise ConfigError.at(error.file, error.message, error.line, error.column) from None
    except OSError as error:
        raise ConfigError.at(str(path), f"the script can't be read: {error.strerror}") from None
