"""What `toolgate doctor` looks at. No model is called, nothing is changed, and no secret is shown."""

import asyncio
import os
import platform
import re
import shlex
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from gateway.budget import Spend, shown
from gateway.catalogue import Catalogue
from gateway.cli.columns import ago
from gateway.cli.entrance_checks import clients, profiles
from gateway.cli.finding import Finding, Level, wrong
from gateway.cli.log_in_checks import log_ins
from gateway.cli.options import Caller
from gateway.cli.policy import knowing
from gateway.cli.server_checks import running, servers
from gateway.config import Config, load_budgets
from gateway.errors import ConfigError, PolicyError, Problem, StoreError, TooNew, TooOld
from gateway.guard import foreign_claims
from gateway.models import Models
from gateway.names import split_path
from gateway.pins.accepting import waiting
from gateway.pins.entries import Notes, Pins
from gateway.pins.files import PinFiles
from gateway.pins.things import kind_of, things
from gateway.policy import Policy, load
from gateway.policy.cases import run_tests, tables_beside
from gateway.policy.lint import check
from gateway.policy.lint.budgets import unfound
from gateway.runtime import open_servers
from gateway.store import RunRow
from gateway.store.migrations import SCHEMA_VERSION
from gateway.store.opening import is_made, open_store
from gateway.telemetry import destination

__all__ = ["examine"]

PYTHONS = ((3, 11), (3, 14))  # from the first on, before the second
WRITTEN = 1_767_225_600_000  # 2026-01-01 in milliseconds since 1970: no clock can be before the program
SKEW = 60_000  # milliseconds that do not matter
REACH_SECONDS = 1.0
_FORGET = "`toolgate pins forget`"


async def examine(caller: Caller) -> list[Finding]:
    """Everything that was found, in the order in which one would mend it. Never raises for what is wrong."""
    findings = [*python(sys.version_info[:2]), *packages(foreign_claims())]
    try:
        config = caller.config()
    except ConfigError as error:
        return [*findings, *(wrong("config", problem) for problem in error.problems)]
    findings += [*settings(config), *await store(config)]
    try:
        async with open_servers(config) as upstream:
            statuses, catalogue = upstream.status(), upstream.catalogue
    except ConfigError as error:  # of the pins: nothing is believed before they can be read
        return [*findings, *(wrong("pins", problem) for problem in error.problems)]
    findings += [
        *servers(config, statuses, running(config)),
        *log_ins(config),
        *names(catalogue),
        *profiles(config, catalogue),
    ]
    findings += [*pins(config, catalogue), *policy(config, catalogue), *await budgets(config, catalogue)]
    findings += models(config)
    return [*findings, *await clients(config), *await telemetry(config)]


# ---- the program


def python(version: tuple[int, ...]) -> Iterator[Finding]:
    """The interpreter."""
    first, last = PYTHONS
    if first <= tuple(version) < last:
        yield Finding("ok", "python", f"{platform.python_implementation()} {platform.python_version()}")
    else:
        said = ".".join(map(str, version))
        yield Finding("fail", "python", f"{said} is not supported", "use Python 3.11, 3.12 or 3.13")


def packages(claims: Sequence[Problem]) -> Iterator[Finding]:
    """That nobody else ships a package of our names."""
    yield from (Finding("fail", "packages", problem.message, problem.hint) for problem in claims)
    if not claims:
        yield Finding("ok", "packages", "gateway, providers and servers are Toolgate's own")


# ---- configuration and store


def settings(config: Config) -> Iterator[Finding]:
    """Which files are read, and what is doubtful about them."""
    files = [*config.folders.settings_files, *config.folders.server_files]
    if files:
        yield Finding("ok", "config", ", ".join(map(_near, files)))
    else:
        yield Finding("warn", "config", "there is no toolgate.toml and no .mcp.json", "toolgate init")
    yield from (wrong("config", problem) for problem in config.warnings)


async def store(config: Config) -> list[Finding]:
    """Whether the store can be read and written; and whether the clock goes on from where it was. One of an earlier
    version stays that: a gateway that is running may be using it.
    """
    if not is_made(config):
        return [_new_store(config.store.path), *clock(_now(), [])]
    in_file = config.store.url is None
    try:
        opened = open_store(config, as_it_is=True)
    except TooOld as error:
        return [_old(config, error), *clock(_now(), [])]
    except (StoreError, ConfigError) as error:
        return [Finding("fail", "store", str(error), _mend_of_opening(config, error))]
    try:
        rows = await opened.run_rows(1)
        await opened.check()
    except TooOld as error:
        return [_old(config, error), *_readers(config), *clock(_now(), rows)]
    except StoreError as error:
        mend = "see that the disk is not full and the file may be written" if in_file else "see [store] url"
        return [Finding("fail", "store", str(error), mend)]
    finally:
        opened.close()
    detail = f"{_where(config, opened.place)}: version {SCHEMA_VERSION}, opens and takes writes"
    return [Finding("ok", "store", detail), *_readers(config), *clock(_now(), rows)]


def _where(config: Config, place: str) -> str:
    return str(_near(config.store.path)) if config.store.url is None else place


def _old(config: Config, error: TooOld) -> Finding:
    """No warning where nothing is in it."""
    where = _where(config, error.place)
    if not error.version:
        return Finding("ok", "store", f"{where}: it is empty, and made when it is needed")
    detail = f"{where}: version {error.version}; it is brought to {SCHEMA_VERSION} by the next start"
    return Finding("warn", "store", detail, "stop the gateways of the earlier version first, or see to a back-up")


def _mend_of_opening(config: Config, error: Exception) -> str:
    """Nobody is to give up a store that is only locked, or newer than this program."""
    if isinstance(error, TooNew):
        return "update Toolgate; all that is in the store stays there"
    if config.store.url is not None:
        return "see [store] url"
    if _NO_DATABASE.search(str(error)):
        return "put a back-up back (toolgate store restore); or name another file under [store] path: it is then empty"
    return "see that the file may be read and written by you, and which other program holds it; nothing in it is lost"


_NO_DATABASE = re.compile("not a database|malformed|encrypted")


def _readers(config: Config) -> Iterator[Finding]:
    """Stored arguments may be confidential. A file that we make is its owner's alone; a copied one may not be."""
    path = config.store.path
    if config.store.url is None and os.name == "posix" and path.stat().st_mode & 0o077:
        mend = f"chmod 600 {shlex.quote(str(_near(path)))}"
        yield Finding("warn", "store", f"{_near(path)} may be read by other users of this machine", mend)


def _new_store(path: Path) -> Finding:
    folder = next(folder for folder in path.parents if folder.exists())
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return Finding("ok", "store", f"{_near(path)} will be made when it is needed")
    mend = "name another place under [store] path, or make that folder writable"
    return Finding("fail", "store", f"{_near(path)} can't be made: `{folder}` may not be written", mend)


def clock(now: int, rows: Sequence[RunRow]) -> Iterator[Finding]:
    """Times are compared across processes and restarts: leases, approvals, budgets. `now` in milliseconds."""
    mend = "set the clock of this machine (NTP)"
    newest = max((row.updated for row in rows), default=0)
    if now < WRITTEN:
        yield Finding("fail", "clock", f"it is before {time.gmtime(WRITTEN // 1000).tm_year}", mend)
    elif newest > now + SKEW:
        ahead = ago(now, newest).removesuffix(" ago")
        yield Finding("fail", "clock", f"it was set back: the newest run is {ahead} in the future", mend)
    else:
        yield Finding("ok", "clock", time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(now / 1000)))


# ---- what the servers offer


def names(catalogue: Catalogue) -> Iterator[Finding]:
    """Tools that models see under a changed name, because theirs does not fit or would collide."""
    changed = {path: name for name, path in catalogue.names.items() if name != "__".join(split_path(path))}
    for path, name in changed.items():
        detail = f"{path} is shown to models as {name}"
        yield Finding("warn", "names", detail, "a shorter name for the server, if yours is to be readable")
    if not changed:
        yield Finding("ok", "names", f"{len(catalogue.names)} tools keep their names")


def pins(config: Config, catalogue: Catalogue) -> Iterator[Finding]:
    """What is held, what has come since the servers were pinned, and what deceives in the definitions, or may."""
    files = PinFiles.of(config.folders)
    pinned, notes = files.read() or {}, files.read_notes()
    for name in notes.strangers:
        detail = f"another program answers as `{name}` than the one that was pinned"
        yield Finding("warn", "pins", detail, f"toolgate pins show {name}")
    yield from held(catalogue)
    for path in waiting(pinned, Notes()):
        detail = f"{path} came after its server was pinned, and nobody has accepted it"
        yield Finding("warn", "pins", detail, f"toolgate pins show {path}; toolgate pins accept {path}")
    lasting = {thing.server for thing in things(catalogue) if thing.lasts and thing.path not in catalogue.unpinned}
    unseen = sorted(lasting - pinned.keys())
    said = f"; {', '.join(unseen)}: pinned when first used" if unseen else ""
    yield Finding("ok", "pins", f"{_counted(pinned)} in {files.shown}{said}")
    yield from _deceiving(catalogue, pinned)


def held(catalogue: Catalogue) -> Iterator[Finding]:
    """One by one what a person can look at; together what waits for the same thing."""
    unpinned: Counter[tuple[str, str]] = Counter()
    for path, why in catalogue.held.items():
        if path in catalogue.unpinned:
            unpinned[split_path(path)[0], why] += 1
        else:
            yield Finding("warn", "pins", f"{path} is held: {why}", f"toolgate pins show {path}")
    for (server, why), number in unpinned.items():
        verb = "is" if number == 1 else "are"
        detail = f"{_some(number, 'definition')} of {server} {verb} held: {why}"
        mend = f"toolgate pins forget {server} --pinned" if _FORGET in why else "see that this folder may be written"
        yield Finding("warn", "pins", detail, mend)


def _counted(pinned: Pins) -> str:
    """`12 tools`, and what else there is."""
    kinds = Counter(kind_of(name) for server in pinned.values() for name in server.entries)
    others = [_some(kinds["prompt"], "prompt")] if kinds["prompt"] else []
    others += [f"the instructions of {_some(kinds['about'], 'server')}"] if kinds["about"] else []
    return ", ".join([_some(kinds["tool"], "tool"), *others])


def _some(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _deceiving(catalogue: Catalogue, pinned: Pins) -> Iterator[Finding]:
    """What a person has accepted is told and is no warning any more."""
    now = {thing.path: thing.pin for thing in things(catalogue)}
    alike: dict[tuple[str, bool, str], dict[str, str]] = {}  # of one server and kind: what was found, by path
    for path, found in catalogue.findings.items():
        server, _, name = path.partition("/")
        entry = pinned[server].entries.get(name) if server in pinned else None
        vouched = entry is not None and entry.vouched and entry.pin == now.get(path)
        for finding in found:  # what weighs more is shown, each in its own line
            kind = f"{finding.kind} (low)" if finding.severity == "low" else f"{path}: {finding}"
            alike.setdefault((server, vouched, kind), {})[path] = str(finding)
    for (server, vouched, kind), said in alike.items():
        path, *more = said
        of, detail = (server, f"{kind} in {', '.join(said)}") if more else (path, f"{path}: {said[path]}")
        mend = "" if vouched else f"read it: toolgate pins show {of}; then toolgate pins accept {of}"
        level: Level = "ok" if vouched else "warn"
        yield Finding(level, f"server {server}", detail, mend)


# ---- policy and budgets


def policy(config: Config, catalogue: Catalogue) -> Iterator[Finding]:
    """The policy against the tools that are there, and its own tests."""
    files = config.policy.model, config.policy.files
    checked = check(*files, catalogue)
    yield from (wrong("policy", problem) for problem in checked.problems)
    if not checked.usable:
        return
    found = load(*files)
    yield Finding("ok", "policy", f"{len(found.rules)} rules, {len(found.grants)} roles given")
    for table in tables_beside(config.policy.files):
        yield from _tests(config, found, table)


def _tests(config: Config, found: Policy, table: Path) -> Iterator[Finding]:
    """As `toolgate policy test` runs them: whoever asks, the answer is the same."""
    try:
        failures = run_tests(found, table, knowing.pinned(config).catalogue.find)
    except ConfigError as error:
        yield from (wrong("policy tests", problem) for problem in error.problems)
        return
    yield from (Finding("fail", "policy tests", str(failure), "mend the policy, or the test") for failure in failures)
    if not failures:
        yield Finding("ok", "policy tests", "all hold")


async def budgets(config: Config, catalogue: Catalogue) -> list[Finding]:
    """What a run may spend, and names in the file that nothing has."""
    try:
        found = load_budgets(config.policy.budgets, config.agents)
    except ConfigError as error:
        return [wrong("budgets", problem) for problem in error.problems]
    told = list(found.warnings)
    if found.named:
        told += unfound(found.named, await knowing.there(config, catalogue, _policy(config)))
    limits = " · ".join(shown(unit, limit) for unit, limit in found.run.left(Spend()).items())
    return [*(wrong("budgets", problem) for problem in told), Finding("ok", "budgets", f"a run may spend {limits}")]


def _policy(config: Config) -> Policy | None:
    """None where it can't be used, which is told elsewhere."""
    try:
        return load(config.policy.model, config.policy.files)
    except PolicyError:
        return None


# ---- models and telemetry


def models(config: Config) -> Iterator[Finding]:
    """Whether each model's script can be played, or its key is there. No model is called: that is `models --check`."""
    opened = Models(config)
    agents = {name: None for agent in config.agents.values() for name in agent.model}
    for name in {**config.models, **agents}:
        what = f"model {name}"
        try:
            opened.open(name)
            found = opened.choose(name, "toolgate.toml")
        except ConfigError as error:
            yield from (wrong(what, problem) for problem in error.problems)
        else:
            where = f"{found.model} at {found.served.name}" if found.served else "a script"
            yield Finding("ok", what, f"{where}, ready")
    if not config.models and not agents:
        yield Finding("warn", "models", "none is configured", "add [models.NAME] to toolgate.toml")


async def telemetry(config: Config) -> list[Finding]:
    """Whether the collector takes connections. Runs do not need it: a dead one is a warning."""
    try:
        url = destination(config.telemetry.endpoint, os.environ)
        config.telemetry_headers(os.environ)
    except ConfigError as error:
        return [wrong("telemetry", problem) for problem in error.problems]
    if url is None:
        return [Finding("ok", "telemetry", "off: there is no endpoint")]
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        await _reach(host, port)
    except OSError as error:  # TimeoutError is one
        detail = f"{host} port {port} can't be reached: {error.strerror or 'no answer within 1 s'}"
        return [Finding("warn", "telemetry", detail, "start the collector, or take [telemetry] endpoint out")]
    return [Finding("ok", "telemetry", f"{host} port {port} takes connections")]


async def _reach(host: str, port: int) -> None:
    async with asyncio.timeout(REACH_SECONDS):
        _, writer = await asyncio.open_connection(host, port)
    writer.close()
    await writer.wait_closed()


def _near(path: Path) -> str:
    """As one would type it here."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _now() -> int:
    return time.time_ns() // 1_000_000
