"""How to get into a server, secrets included: made at the moment that they are needed, shown nowhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.config.auth_word import AuthKind, AuthWord
from gateway.config.expansion import Expanding, variables
from gateway.config.loading import Config
from gateway.config.places import DEFAULT
from gateway.config.templates import Template

__all__ = ["ResolvedAuth", "resolve_auth"]


@dataclass(frozen=True, slots=True)
class ResolvedAuth:
    """`word` is what the file says; the secrets are what its `${VARIABLES}` stand for."""

    kind: AuthKind
    word: AuthWord
    client_secret: str | None = field(default=None, repr=False)
    subject_token: str | None = field(default=None, repr=False)
    idp_client_secret: str | None = field(default=None, repr=False)


def resolve_auth(config: Config, server: str, environ: Mapping[str, str]) -> ResolvedAuth | None:
    """None for a server without `auth`. Raises ConfigError with every variable that is not set, and its place.

    A subject token is not needed to start with: whoever asks may bring his own.
    """
    word = config.servers[server].word
    if word.auth is None:
        return None
    known = variables(environ, config.folders.workspace)
    expanding = Expanding(known)

    def secret(key: str) -> str | None:
        text = getattr(word, key)
        return None if text is None else expanding.text(Template(text, config.places["servers", server, key]))

    client, idp = secret("client_secret"), secret("idp_client_secret")
    token = secret("subject_token") if _is_set(word.subject_token, known) else None
    expanding.finish()
    return ResolvedAuth(word.auth, word, client, token, idp)


def _is_set(text: str | None, known: Mapping[str, str]) -> bool:
    if text is None:
        return False
    names = [piece.name for piece in Template(text, DEFAULT).variables]
    return all(known.get(name) for name in names)
