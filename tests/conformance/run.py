"""The official conformance suite from the command line.

    python -m tests.conformance.run --url http://127.0.0.1:8765/mcp [--version 2025-11-25] [SCENARIO ...]
    python -m tests.conformance.run --everything [...]              our everything-server itself
    python -m tests.conformance.run --gateway http|stdio [...]      Toolgate in front of it, reached in this way
    python -m tests.conformance.run --client [...]                  Toolgate as the client

Exit code 0: every check is good. `--verbose` shows what the suite printed.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.conformance.client import SCENARIOS
from tests.conformance.suite import VERSIONS, Report, run_client, run_server
from tests.fixtures.everything.starting import everything, served_url
from tests.fixtures.project import Project


@contextlib.contextmanager
def target(chosen: argparse.Namespace, folder: Path) -> Iterator[str]:
    """The URL of what is to be tested, while it runs."""
    if chosen.url:
        yield chosen.url
    elif chosen.everything:
        with served_url() as url:
            yield url
    else:
        with everything(chosen.gateway) as entry, Project.plain(folder, entry).serve() as gateway:
            yield gateway.url


def tested(chosen: argparse.Namespace, version: str, folder: Path) -> Report:
    if chosen.client:
        command = [sys.executable, "-m", "tests.conformance.client"]
        return run_client(command, version, folder / "out", chosen.scenario or SCENARIOS[version])
    with target(chosen, folder) as url:
        return run_server(url, version, folder / "out", chosen.scenario)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--url")
    what.add_argument("--everything", action="store_true")
    what.add_argument("--gateway", choices=["http", "stdio"])
    what.add_argument("--client", action="store_true")
    parser.add_argument("--version", choices=VERSIONS, action="append")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("scenario", nargs="*")
    chosen = parser.parse_args()
    good = True
    for version in chosen.version or VERSIONS:
        with tempfile.TemporaryDirectory() as folder:
            report = tested(chosen, version, Path(folder))
        print(f"== {version}\n{report.output if chosen.verbose else ''}{report}", flush=True)  # noqa: T201 - its output
        good = good and not report.failures
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
