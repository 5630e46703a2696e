"""What `toolgate doctor` says about the credentials of servers. Nothing is sent, and no secret is shown."""

import os
import time
from collections.abc import Iterator

from gateway.access import Access
from gateway.cli.finding import Finding
from gateway.cli.login import told
from gateway.cli.program import program
from gateway.config import Config, resolve_auth
from gateway.errors import ConfigError, StoreError

__all__ = ["log_ins"]


def log_ins(config: Config) -> Iterator[Finding]:
    """One for each server with `auth`: for `oauth`, whether the configured user is logged in, and how long for."""
    access = Access(config)
    for name, server in config.servers.items():
        if server.word.auth is not None and not server.disabled:
            yield _told(config, access, name)


def _told(config: Config, access: Access, name: str) -> Finding:
    what, mend = f"log-in {name}", f"{program()} login {name}"
    try:
        auth = resolve_auth(config, name, os.environ)
        if auth is not None and auth.kind != "oauth":
            return Finding("ok", what, f"{auth.kind}, at {auth.word.issuer}")
        grant = access.vault.read(access.binding(name, access.owner))
    except ConfigError as error:
        return Finding("fail", what, str(error.problems[0]), error.problems[0].hint)
    except StoreError as error:
        return Finding("fail", what, str(error), mend)
    if grant is None:
        return Finding("warn", what, f"`{access.owner.user}` is not logged in", mend)
    said = f"`{access.owner.user}` {told(grant, time.time())}"
    over = grant.refresh_token is None and not grant.fresh(time.time())
    return Finding("warn", what, said, mend) if over else Finding("ok", what, said)
