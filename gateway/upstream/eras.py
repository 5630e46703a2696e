"""Which era a server speaks, remembered across starts: a silent legacy server costs its probe once in its life.

The era is a property of the server, so it is kept for what the configuration says of it: another name, command or
address is another server. A memory that is lost or wrong costs a probe, and nothing else.
"""

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Literal

from gateway.upstream.outcomes import never_sent
from gateway.upstream.spec import Http, Transport

__all__ = ["Eras", "fingerprint"]

KnownEra = Literal["legacy", "modern"]


def fingerprint(name: str, transport: Transport) -> str:
    """SHA-256 of what a server is configured to be. No secret can be read or guessed from it: of variables there are
    the names, and two servers that differ in the values of theirs differ in the `name` that is configured.
    """
    if isinstance(transport, Http):
        what = ["http", name, transport.url.partition("?")[0], str(transport.sse)]
    else:
        variables = sorted(transport.env)
        what = ["stdio", name, transport.command, *transport.args, transport.cwd or "", "", *variables]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()


class Eras:
    """Kept in one small file; in memory only, if there is none."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._known: dict[str, str] = {}
        if file is not None:
            with contextlib.suppress(OSError, ValueError):
                read = json.loads(file.read_text(encoding="utf-8"))
                self._known = {str(key): str(era) for key, era in read.items()} if isinstance(read, dict) else {}

    def of(self, mark: str) -> KnownEra | None:
        era = self._known.get(mark)
        return "legacy" if era == "legacy" else "modern" if era == "modern" else None

    def learn(self, mark: str, era: KnownEra) -> None:
        if self._known.get(mark) == era:
            return
        self._known[mark] = era
        self._keep()

    def doubted(self, mark: str, error: Exception) -> KnownEra | None:
        """What is still known of a server when connecting to it has failed. One that was reached may be another by now;
        one that was not, we know as well as before.
        """
        if not never_sent(error) and self._known.pop(mark, None) is not None:
            self._keep()
        return self.of(mark)

    def _keep(self) -> None:
        if self._file is None:
            return
        with contextlib.suppress(OSError):  # a folder that can't be written to: it is asked again the next time
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            scratch = self._file.with_name(f"{self._file.name}.{os.getpid()}")
            scratch.write_text(json.dumps(self._known, indent=1, sort_keys=True), encoding="utf-8")
            scratch.replace(self._file)
