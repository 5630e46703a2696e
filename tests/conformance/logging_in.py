"""The suite's `auth/*` scenarios: `toolgate login`, with a browser that goes where it is sent, then `toolgate serve`.

As a person would do it: what a refusal says to type is typed, though not for ever.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2

from tests.fixtures.project import Project

__all__ = ["AUTH", "opened", "through", "with_own_credentials"]

NAME = "everything"  # of the server, as `Project.plain` calls it
LOG_INS = 2  # nothing that the suite does takes more

_BROWSER = f'{sys.executable} -c "import sys, urllib.request; urllib.request.urlopen(sys.argv[1])" %s'
_REACHED = ("[network]", 'allow = ["127.0.0.1", "::1"]')  # the suite's authorization server is here too
_COMMAND = re.compile(rf"`toolgate (login {NAME} [^`]+)`")
_METADATA = "https://conformance-test.local/client-metadata.json"  # whom the suite wants to see

_BOTH = (
    "auth/metadata-default",
    "auth/metadata-var1",
    "auth/metadata-var2",
    "auth/metadata-var3",
    "auth/basic-cimd",
    "auth/scope-from-www-authenticate",
    "auth/scope-from-scopes-supported",
    "auth/scope-omitted-when-undefined",
    "auth/scope-step-up",
    "auth/scope-retry-limit",
    "auth/token-endpoint-auth-basic",
    "auth/token-endpoint-auth-post",
    "auth/token-endpoint-auth-none",
    "auth/pre-registration",
)
AUTH: Mapping[str, tuple[str, ...]] = {
    "2026-07-28": (
        *_BOTH,
        "auth/resource-mismatch",
        "auth/offline-access-scope",
        "auth/offline-access-not-supported",
        "auth/authorization-server-migration",
        "auth/iss-supported",
        "auth/iss-not-advertised",
        "auth/iss-supported-missing",
        "auth/iss-wrong-issuer",
        "auth/iss-unexpected",
        "auth/iss-normalized",
        "auth/metadata-issuer-mismatch",
    ),
    "2025-11-25": _BOTH,
}


def opened(folder: Path, url: str, scenario: str, context: Mapping[str, Any]) -> Project:
    """A project with this server, and with what the suite says that we are to its authorization server."""
    os.environ["XDG_STATE_HOME"] = str(folder / "state")  # log-ins are the user's, and not a project's
    words = ['auth = "oauth"']
    if scenario == "auth/basic-cimd":
        words.append(f'client_metadata_url = "{_METADATA}"')
    if "client_id" in context:
        os.environ["CONFORMANCE_SECRET"] = context["client_secret"]
        known = {"client_id": context["client_id"], "client_secret": "${CONFORMANCE_SECRET}"}
        words += [f'{name} = "{value}"' for name, value in {**known, "issuer": context["issuer"]}.items()]
    return Project.plain(folder, {"url": url}, "\n".join([*words, *_REACHED]) + "\n")


def with_own_credentials(folder: Path, url: str, context: Mapping[str, Any]) -> Project:
    """A project whose gateway has credentials of its own. Their issuer is the one that the server names: the suite does
    not say it.
    """
    said = httpx2.get(url.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")).json()
    issuer = said["authorization_servers"][0]
    os.environ["CONFORMANCE_SECRET"] = context["client_secret"]
    words = {"auth": "client_credentials", "client_id": context["client_id"], "issuer": issuer}
    words["client_secret"] = "${CONFORMANCE_SECRET}"
    lines = [f'{name} = "{value}"' for name, value in words.items()]
    return Project.plain(folder, {"url": url}, "\n".join([*lines, *_REACHED]) + "\n")


def log_in(project: Project, command: Sequence[str]) -> bool:
    """Types it. Whether it went well."""
    done = subprocess.run(
        project.command(*command), env={**os.environ, "BROWSER": _BROWSER}, stdin=subprocess.DEVNULL, check=False
    )
    return done.returncode == 0


def command_in(text: str) -> list[str] | None:
    """The log-in that a refusal wants, if it is one."""
    found = _COMMAND.search(text)
    return shlex.split(found[1]) if found else None


async def through(project: Project, work: Callable[[], Awaitable[str]]) -> None:
    """Logs in, and does the work, which returns what it was told; again where that says so."""
    command: list[str] | None = ["login", NAME]
    for _ in range(LOG_INS):
        if command is None or not log_in(project, command):
            return
        command = command_in(await work())
