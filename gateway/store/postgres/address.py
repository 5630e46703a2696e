"""Where the database is, what of that may be shown, and what went wrong there, in words that say what to do.

A password is never shown: neither that of the URL nor what the driver quotes of a URL that it can't read.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from gateway.errors import StoreError

__all__ = ["Address", "address"]

_URL = re.compile(
    r"postgres(?:ql)?://(?:(?P<user>[^:@/?#]*)(?::(?P<password>[^@/?#]*))?@)?(?P<host>[^@/?#]*)"
    r"(?:/(?P<name>[^@/?#]*))?(?:\?(?P<rest>[^@#]*))?"
)
_SECRETS = ("password", "sslpassword")
_PREPARED = {
    "connect_timeout": "5",
    "tcp_user_timeout": "10000",
    "keepalives_idle": "10",  # who waits for an answer hears within 25 s that the server's machine is gone
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "application_name": "toolgate",
}

# What the server or the driver says, and what to do about it.
_MEANINGS: Sequence[tuple[str, str]] = (
    ("password authentication failed", "the password is wrong: it is taken from the URL, PGPASSWORD or ~/.pgpass"),
    ("no password supplied", "it asks for a password: give one in PGPASSWORD or ~/.pgpass, or in the URL"),
    ("no pg_hba.conf entry", "the server lets nobody in from here as that user: its pg_hba.conf says who may come"),
    (r"role \S+ does not exist", "there is no such user: `createuser` makes one"),
    (r"database \S+ does not exist", "there is no such database: `createdb` makes one"),
    ("no schema has been selected", "there is no such schema, or it is not the user's: CREATE SCHEMA makes one"),
    ("permission denied for schema", "the user may make no tables there: GRANT CREATE ON SCHEMA public TO that user"),
    ("permission denied", "the user may not do that: he must own the tables"),
    ("server does not support SSL", "the server speaks no TLS, and `sslmode` asks for it"),
    ("root certificate file", "say whom to trust: `sslrootcert=system`, or the file of the authority"),
    ("certificate", "its TLS certificate is not trusted: `sslrootcert` says by whom it must be signed"),
    ("Connection refused|No such file or directory", "nobody answers there: is the server running?"),
    ("resolve host|translate host name", "there is no host of that name"),
    ("timeout expired|timed out", "it does not answer in time: is it reached from here?"),
    ("too many clients|remaining connection slots", "the server has no connection left: raise `max_connections`"),
    ("read-only transaction|hot standby", "that is a replica, which takes no writes: name the primary"),
    ("starting up|shutting down|in recovery mode", "the server is starting or stopping: try again in a moment"),
    (
        "lock timeout",
        "another process has been writing for too long; or the server waits for a synchronous replica that is gone",
    ),
    ("No space left|could not extend file", "the disk of the server is full"),
    (
        r"relation \S+ already exists",
        "somebody else's tables are there: give the store a database or a schema of its own",
    ),
)


@dataclass(frozen=True, slots=True)
class Address:
    """`url` is for the driver, `shown` for people."""

    url: str = field(repr=False)
    shown: str
    secrets: Sequence[str] = field(default=(), repr=False)

    @property
    def options(self) -> dict[str, str]:
        """What the URL leaves open: a server that is gone is noticed in seconds."""
        said = dict(parse_qsl(self.url.partition("?")[2]))
        return {name: value for name, value in _PREPARED.items() if name not in said}

    def explained(self, error: Exception) -> str:
        """What went wrong, without a secret, and what to do if that is known."""
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        text = lines[0] if lines else type(error).__name__
        for secret in self.secrets:
            text = text.replace(secret, "***")
        meaning = next((hint for said, hint in _MEANINGS if re.search(said, str(error))), None)
        return f"{text} ({meaning})" if meaning else text


def address(url: str) -> Address:
    """Raises StoreError for a URL that is none."""
    found = _URL.fullmatch(url)
    if found is None:
        raise StoreError(
            "the URL of the store can't be read; it is `postgresql://user:password@host:port/database`, and in a"
            " password `@` is written `%40`, `/` `%2F`, `:` `%3A`, `?` `%3F`, `#` `%23`, `%` `%25`"
        )
    rest = dict(parse_qsl(found["rest"] or ""))
    secrets = {unquote(found["password"] or ""), found["password"] or "", *(rest.get(name, "") for name in _SECRETS)}
    user, host = found["user"] or rest.get("user", ""), found["host"] or rest.get("host", "")
    name = found["name"] or rest.get("dbname", "")
    shown = f"postgresql://{f'{unquote(user)}@' if user else ''}{unquote(host)}/{unquote(name)}"
    return Address(url, shown, tuple(sorted(secrets - {""}, key=len, reverse=True)))
