"""The secrets that the configuration holds or names, whatever they are for: what may turn up nowhere. Pure, of an
environment.

What goes by the name of a secret, or looks like one, is one; a folder or a region that a server is given is none.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import parse_qsl, urlsplit

from gateway.config.endpoints import BUILT_IN, EndpointConfig
from gateway.config.expansion import ResolvedHttp, ResolvedServer, expand, variables
from gateway.config.loading import Config
from gateway.config.masking import looks_secret, names_secret
from gateway.config.models import ModelConfig
from gateway.config.places import DEFAULT
from gateway.config.resolved_auth import resolve_auth
from gateway.config.stores import passwords
from gateway.config.templates import Template, Unset
from gateway.credentials import words_of
from gateway.errors import ConfigError

__all__ = ["own_secrets"]


def own_secrets(config: Config, environ: Mapping[str, str]) -> frozenset[str]:
    """As they are now. What can't be made out, because a variable is not set, is nobody's secret."""
    found: set[str] = set()
    for name in config.servers:
        with contextlib.suppress(ConfigError):
            found.update(_of_server(expand(config.servers[name], environ)))
        with contextlib.suppress(ConfigError):
            auth = resolve_auth(config, name, environ)
            given = (auth.client_secret, auth.subject_token, auth.idp_client_secret) if auth else ()
            found.update(secret for secret in given if secret)
    with contextlib.suppress(ConfigError):
        found.update(_named(config.telemetry_headers(environ)))
    if config.approvals.webhook is not None:
        with contextlib.suppress(ConfigError):
            found.add(config.webhook_secret(environ))
    found.update(_of_models(config, environ))
    found.update(_of_store(config, environ))
    return frozenset(word for text in found for word in words_of(text))


def _of_store(config: Config, environ: Mapping[str, str]) -> Iterator[str]:
    """The password of the database, where it is the URL that has it, or libpq's own variable."""
    with contextlib.suppress(ConfigError):
        if url := config.store_url(environ):
            yield from (*passwords(url), environ.get("PGPASSWORD", ""))


def _of_models(config: Config, environ: Mapping[str, str]) -> Iterator[str]:
    """The keys of whoever serves models, also of those that need no table."""
    tables: Sequence[ModelConfig | EndpointConfig] = (
        *config.settings.models.values(),
        *config.settings.endpoints.values(),
    )
    keys = {*(table.api_key_env for table in tables), *(known.key for known in BUILT_IN.values())}
    yield from (environ[key] for key in keys if key and environ.get(key))
    known = variables(environ, config.folders.workspace)
    texts = [*(table.headers for table in tables), *(one.options for one in config.settings.endpoints.values())]
    for named in texts:
        for name, text in named.items():
            with contextlib.suppress(Unset):
                yield from _named({name: Template(text, DEFAULT).expand(known)})


def _of_server(server: ResolvedServer) -> Iterator[str]:
    if not isinstance(server, ResolvedHttp):
        yield from _named(server.env)
        yield from (text for text in server.args if looks_secret(text))
        return
    yield from _named(server.headers)
    parts = urlsplit(server.url)
    yield from (part for part in (parts.password,) if part)
    yield from _named(dict(parse_qsl(parts.query)))


def _named(values: Mapping[str, str]) -> Iterator[str]:
    for name, text in values.items():
        if names_secret(name) or looks_secret(text):
            yield text
