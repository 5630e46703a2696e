"""The picture in which the parts stand to one another, as tables, and checks that it is true.

Everything is read from the source by `ast`, so an import inside a function counts too. `LAYERS` and `LIBRARIES` are
what to edit when the picture changes; the tests below them should not have to.
"""

import ast
import importlib
import re
import subprocess
import sys
import tomllib
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("gateway", "providers", "servers")

# From the ground up. A module may import from its own layer and from those below. `x.*` is what stands inside of x.
LAYERS: Mapping[str, tuple[str, ...]] = {
    "core": (
        "gateway", "gateway.errors", "gateway.values", "gateway.names", "gateway.wording", "gateway.duties",
        "gateway.arguments", "gateway.call", "gateway.budget", "gateway.windows", "gateway.zones", "gateway.tolls",
        "gateway.failures",
        "gateway.accounts", "gateway.balances",
        "gateway.caller", "gateway.offer", "gateway.catalogue",
        "gateway.approval", "gateway.lasting", "gateway.answer", "gateway.fatigue", "gateway.preview",
        "gateway.lifecycle", "gateway.later", "gateway.conversation", "gateway.asked", "gateway.events",
        "gateway.transitions", "gateway.weight", "gateway.state", "gateway.job", "gateway.course", "gateway.cron",
        "gateway.refusals", "gateway.results", "gateway.fates", "gateway.run", "gateway.session", "gateway.forking",
        "gateway.output",
        "gateway.steps", "gateway.insistence",
        "gateway.task", "gateway.standing", "gateway.doubts", "gateway.reversal", "gateway.signature", "gateway.notice",
        "gateway.form", "gateway.webhook",
        "gateway.verbatim", "gateway.references",
        "gateway.bounded", "gateway.shapes", "gateway.schema", "gateway.params",
        "gateway.weburls",
        "gateway.aliases", "gateway.apps", "gateway.extracts", "gateway.uris", "gateway.links", "gateway.outage",
        "gateway.reckoning",
        "gateway.said",
        "gateway.rewritings", "gateway.spelling", "gateway.clues",
        "gateway.sources",
        "gateway.fieldnames", "gateway.mentions", "gateway.redaction", "gateway.fulfilment",
        "gateway.visible", "gateway.dates", "gateway.credentials",
        "gateway.screens", "gateway.policy", "gateway.effects", "gateway.reasons", "gateway.facts", "gateway.gates",
        "gateway.gaps",
        "gateway.agents",
        "gateway.config",
        "gateway.guard", "gateway.shielded", "gateway.late", "gateway.memory", "gateway.reach", "gateway.sdk",
        "gateway.apart",
        "gateway.replacing",
        "gateway.identity", "gateway.keys", "gateway.claims", "gateway.profile",
        "providers", "providers.values", "providers.message", "providers.request", "providers.reply",
    ),
    "adapters": (
        "gateway.keyring", "gateway.guarded", "gateway.deadlines", "gateway.slots", "gateway.store", "gateway.upstream",
        "gateway.lingering", "gateway.telemetry", "gateway.hosts", "gateway.pins", "gateway.prices", "gateway.resting",
        "gateway.auth",
        "providers.*",
    ),
    "pipeline": (
        "gateway.aside", "gateway.hearing", "gateway.tracing", "gateway.reserving", "gateway.journal",
        "gateway.admission",
        "gateway.questions", "gateway.booking", "gateway.parties", "gateway.deferring", "gateway.judging",
        "gateway.pipeline",
    ),
    "loop": (
        "gateway.backend", "gateway.counting", "gateway.turn", "gateway.fitting", "gateway.halting",
        "gateway.inquiring", "gateway.calling", "gateway.speaking", "gateway.taking_turns", "gateway.loop",
        "gateway.stream", "gateway.earlier", "gateway.shown", "gateway.unrecorded", "gateway.clients",
        "gateway.orphans", "gateway.redeeming",
        "gateway.undoing",
        "gateway.following", "gateway.approving", "gateway.rollout", "gateway.engine", "gateway.worker",
    ),
    "root": (
        "gateway.access", "gateway.noting", "gateway.telling", "gateway.recalling",
        "gateway.recording", "gateway.row", "gateway.tool_words", "gateway.models", "gateway.model_list",
        "gateway.offline", "gateway.packing", "gateway.forks", "gateway.submitting", "gateway.firing",
        "gateway.hiring",
        "gateway.runtime", "gateway.entrance",
    ),
    "serve": ("gateway.serve",),
    "python": ("gateway.toolgate",),
    "cli": ("gateway.cli",),
}  # fmt: skip

# Adapters know the core and nothing of one another. The packages beside `gateway` know nothing of it.
ADAPTERS = (
    "gateway.store", "gateway.upstream", "gateway.telemetry", "gateway.hosts", "gateway.pins", "gateway.auth",
)  # fmt: skip
ISLANDS = ("providers", "servers")


@dataclass(frozen=True)
class Library:
    """What we did not write: the distribution that we declare, and the only places that may import it."""

    distribution: str | None  # None: Python's own
    homes: tuple[str, ...]


LIBRARIES: Mapping[str, Library] = {
    "anyio": Library("anyio", ("gateway.upstream", "gateway.serve")),
    "mcp": Library("mcp", ("gateway.upstream", "gateway.serve", "servers")),
    "mcp_types": Library("mcp-types", ("gateway.upstream", "gateway.serve", "servers")),
    "cryptography": Library("cryptography", ("gateway.keyring",)),
    "httpx2": Library(
        "httpx2", ("gateway.upstream", "gateway.guarded", "gateway.auth.jwks", "gateway.telling", "providers")
    ),
    "jwt": Library("pyjwt", ("gateway.auth",)),
    "pydantic": Library("pydantic", ("gateway.config", "gateway.sdk", "gateway.upstream", "gateway.serve")),
    "pydantic_core": Library("pydantic", ("gateway.config",)),  # pydantic pins it
    "msgspec": Library("msgspec", ("gateway.verbatim", "gateway.values")),
    "jsonschema": Library("jsonschema", ("gateway.schema", "gateway.bounded")),
    "referencing": Library("jsonschema", ("gateway.references",)),  # jsonschema pins it
    "idna": Library("idna", ("gateway.weburls",)),
    "re2": Library("google-re2", ("gateway.bounded", "gateway.screens", "gateway.uris", "gateway.policy.patterns")),
    "cronsim": Library("cronsim", ("gateway.cron",)),
    "casbin": Library("pycasbin", ("gateway.policy",)),
    "starlette": Library("starlette", ("gateway.serve",)),
    "uvicorn": Library("uvicorn", ("gateway.serve",)),
    "httptools": Library("httptools", ("gateway.serve",)),
    "click": Library("click", ("gateway.cli",)),
    "pygls": Library("pygls", ("gateway.cli.policy.language_server",)),  # the extra `lsp`
    "lsprotocol": Library("lsprotocol", ("gateway.cli.policy.language_server",)),
    "rich": Library("rich", ("gateway.cli",)),
    "prompt_toolkit": Library("prompt-toolkit", ("gateway.cli.prompting",)),
    "yaml": Library("pyyaml", ("providers.scripted",)),
    "anthropic": Library("anthropic", ("providers.anthropic",)),
    "openai": Library("openai", ("providers.wire.openai_client",)),
    "genai_prices": Library("genai-prices", ("gateway.prices",)),
    "opentelemetry": Library("opentelemetry-sdk", ("gateway.telemetry",)),
    "opentelemetry.exporter": Library("opentelemetry-exporter-otlp-proto-http", ("gateway.telemetry",)),
    "dbos": Library("dbos", ("gateway.engine.dispatched",)),  # the extra `dbos`
    "psycopg": Library("psycopg", ("gateway.store.postgres",)),  # the extra `postgres`
    "sqlite3": Library(None, ("gateway.store", "servers.shop", "gateway.cli.scenes")),  # the demo counts orders
}

# What Python, or another library, loads by its name when we ask it to.
BY_NAME: Mapping[str, str] = {"tzdata": "zoneinfo's zones"}

# Who may import inside a function, and why. Everybody else says at the top what he needs.
LAZY: Mapping[str, str] = {
    "gateway.cli": "`toolgate --help` must not load what only one command needs",
    "gateway.access": "most servers want no token, and `toolgate login --help` loads no SDK",
    "gateway.store.lease": "only a Mac asks its C library which machine it is, and other systems their network card",
    "gateway.store.opening": "only who keeps a store in PostgreSQL loads its driver",
    "gateway.models": "an SDK takes a second to load, and the price list a third of one",
    "gateway.submitting": "who only submits a run needs no agent's context",
    "gateway.hiring": "only who has his queue in DBOS loads it",
    "gateway.runtime": "the root loads only the adapters that the configuration names",
    "gateway.entrance": "only those who take access tokens pay for the keys that check them",
    "gateway.toolgate": "who imports it has not opened anything yet",
    "gateway.telemetry": "the SDK costs a quarter of a second, and only those who want spans pay",
    "gateway.guard": "the installed distributions are read only when something is wrong",
    "gateway.keyring": "9 MB that only log-ins and questions need",
    "gateway.sdk": "who asks for nothing of the SDK need not load what it stands on",
    "gateway.policy.load": "only a model of one's own needs Casbin's engine",
    "gateway.policy.patterns": "only a policy with a pattern pays for the matcher",
    "gateway.schema": "the first call pays for the validator, not `toolgate --help`",
    "gateway.spelling": "only a text with an `&` pays for the names that HTML has for signs",
    "gateway.uris": "only a URI that nobody lists pays for the matcher of templates",
    "gateway.weburls": "only a host that is not in ASCII pays for the tables of what signs are alike",
    "gateway.wording": "only a wrong word pays for looking up what is like it",
    "providers.anthropic": "the SDK takes a second and more, and only who asks such a model pays",
    "providers.wire.openai_client": "so does OpenAI's, for half a second",
    "servers.program": "`mcp` is imported after the flags have been read",
}

# What a module that calls itself pure can't need.
IMPURE = {"asyncio", "anyio", "time", "socket", "subprocess", "threading", "sqlite3", "random", "httpx2"}

MODULE_LINES = 400
FUNCTION_LINES = 50


@dataclass(frozen=True)
class Import:
    importer: str
    target: str  # a module: `from a import b` is `a.b` where that is a module, else `a`
    line: int
    lazy: bool  # within a function


def paths() -> dict[str, Path]:
    found = (path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return {".".join(path.with_suffix("").parts).removesuffix(".__init__"): ROOT / path for path in sorted(found)}


PATHS = paths()


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(PATHS[module].read_text(encoding="utf-8"), filename=str(PATHS[module].relative_to(ROOT)))


@cache
def imports() -> tuple[Import, ...]:
    return tuple(found for module in PATHS for found in _imports(module, tree(module), lazy=False))


def _imports(module: str, node: ast.AST, *, lazy: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield from (Import(module, target, child.lineno, lazy) for target in sorted(set(_targets(child))))
        yield from _imports(module, child, lazy=lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))


def _targets(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    else:
        assert node.level == 0, f"line {node.lineno}: a relative import"
        source = node.module or ""
        names = (f"{source}.{alias.name}" for alias in node.names)
        yield from (name if name in PATHS or f"{name}" in LIBRARIES else source for name in names)


def within(module: str, *homes: str) -> bool:
    return any(module == home or module.startswith(f"{home}.") for home in homes)


def ours(target: str) -> bool:
    return within(target, *PACKAGES)


def layer(module: str) -> str:
    """The layer of the longest entry that covers the module. Raises LookupError for one that has no place."""
    entries = ((entry, name) for name, entries in LAYERS.items() for entry in entries)
    fits = [
        (len(entry), name)
        for entry, name in entries
        if module == entry or (entry not in PACKAGES and module.startswith(f"{entry.removesuffix('.*')}."))
    ]
    if not fits:
        raise LookupError(f"`{module}` has no place in LAYERS")
    return max(fits)[1]


def at(found: Import) -> str:
    return f"{PATHS[found.importer].relative_to(ROOT)}:{found.line}: {found.importer} imports {found.target}"


def none(findings: Iterable[str]) -> None:
    """Fails with all findings, one a line, when there are any."""
    if found := sorted(findings):
        pytest.fail("\n".join(found), pytrace=False)


def _docstring(module: str) -> str:
    """Of a module that may be pure; whoever only looks for tests need not read all the others."""
    return (ast.get_docstring(tree(module)) or "") if "Pure" in PATHS[module].read_text(encoding="utf-8") else ""


# ---- who may know whom


def test_dependencies_point_one_way() -> None:
    height = {name: i for i, name in enumerate(LAYERS)}
    inside = [found for found in imports() if ours(found.target) and not within(found.importer, "servers")]
    upwards = [at(found) for found in inside if height[layer(found.target)] > height[layer(found.importer)]]
    none(upwards)


def test_every_module_has_a_place_and_every_place_a_module() -> None:
    placed = {module: layer(module) for module in PATHS if not within(module, "servers")}
    assert placed
    entries = [entry.removesuffix(".*") for entries in LAYERS.values() for entry in entries]
    none(entry for entry in entries if not any(within(module, entry) for module in placed))


def test_an_adapter_knows_nothing_of_the_others() -> None:
    crossings = [
        at(found)
        for found in imports()
        for home in ADAPTERS
        if within(found.importer, home) and within(found.target, *ADAPTERS) and not within(found.target, home)
    ]
    none(crossings)


def test_the_packages_beside_the_gateway_know_nothing_of_it() -> None:
    crossings = [
        at(found)
        for found in imports()
        for island in ISLANDS
        if within(found.importer, island) and ours(found.target) and not within(found.target, island)
    ]
    none(crossings)


def test_nobody_imports_a_bundled_server() -> None:
    none(at(f) for f in imports() if within(f.target, "servers") and not within(f.importer, "servers"))


def _cycle(edges: set[tuple[str, str]]) -> list[str]:
    graph: dict[str, set[str]] = {}
    for importer, target in edges:
        graph.setdefault(importer, set()).add(target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [" <- ".join(error.args[1])]
    return []


def test_no_module_imports_itself_in_a_circle() -> None:
    none(_cycle({(f.importer, f.target) for f in imports() if ours(f.target)}))


def test_no_room_depends_on_itself_through_another() -> None:
    rooms = {(_room(f.importer), _room(f.target)) for f in imports() if ours(f.target)}
    none(_cycle({(a, b) for a, b in rooms if a != b}))


def _room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def test_only_the_listed_modules_import_inside_functions() -> None:
    lazy = [found for found in imports() if found.lazy]
    none(at(found) for found in lazy if not within(found.importer, *LAZY))
    none(home for home in LAZY if not any(within(found.importer, home) for found in lazy))


@pytest.mark.parametrize("module", [name for name in PATHS if re.search(r"\bPure\b", _docstring(name))])
def test_a_module_that_calls_itself_pure_is(module: str) -> None:
    none(at(found) for found in imports() if found.importer == module and within(found.target, *IMPURE))
    none(
        f"line {node.lineno} waits"
        for node in ast.walk(tree(module))
        if isinstance(node, ast.AsyncFunctionDef | ast.Await)
    )


# ---- what we did not write


def library(target: str) -> str:
    """The row of LIBRARIES that covers an import; Python's own modules, unless listed, are under the empty name."""
    rows = [row for row in LIBRARIES if within(target, row)]
    if not rows and target.split(".", maxsplit=1)[0] not in sys.stdlib_module_names:
        raise LookupError(f"`{target}` is imported but has no row in LIBRARIES")
    return max(rows, key=len, default="")


def foreign() -> list[tuple[Import, str]]:
    return [(found, row) for found in imports() if not ours(found.target) and (row := library(found.target))]


def test_each_library_is_imported_only_in_its_home() -> None:
    none(at(found) for found, row in foreign() if not within(found.importer, *LIBRARIES[row].homes))


def test_only_one_module_imports_the_opentelemetry_sdk() -> None:
    sdk = ("opentelemetry.sdk", "opentelemetry.exporter")
    assert {found.importer for found in imports() if within(found.target, *sdk)} == {"gateway.telemetry.otlp"}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [requirement for extra in project["optional-dependencies"].values() for requirement in extra]
    declared = {re.split(r"[^A-Za-z0-9._-]", requirement)[0] for requirement in [*project["dependencies"], *extras]}
    imported = {name for _, row in foreign() if (name := LIBRARIES[row].distribution)}
    none(f"`{name}` is imported but not declared in pyproject.toml" for name in imported - declared)
    none(f"`{name}` is declared in pyproject.toml but not imported" for name in declared - imported - set(BY_NAME))


@pytest.mark.parametrize("module", [name for name in PATHS if within(name, "gateway.store")])
def test_no_sql_numbers_its_parameters(module: str) -> None:
    """Beside a sequence of them, `?1` is deprecated since Python 3.12, and an error from 3.14 on."""
    texts = (node for node in ast.walk(tree(module)) if isinstance(node, ast.Constant))
    none(f"line {n.lineno}: {n.value!r}" for n in texts if isinstance(n.value, str) and re.search(r"\?\d", n.value))


# ---- sizes: a ratchet, never to be raised


@pytest.mark.parametrize("module", PATHS)
def test_a_module_fits_one_sitting_and_its_functions_one_glance(module: str) -> None:
    size = len(PATHS[module].read_text(encoding="utf-8").splitlines())
    assert size <= MODULE_LINES, f"{module} has {size} lines"
    functions = [node for node in ast.walk(tree(module)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [f"{node.name} (line {node.lineno})" for node in functions if _lines(node) > FUNCTION_LINES]
    none(long)


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


# ---- what is said about the code is true


def test_every_source_file_has_its_test_file() -> None:
    sources = [path.relative_to(ROOT) for path in PATHS.values() if path.stem not in ("__init__", "__main__")]
    wanted = [Path("tests") / source.with_name(f"test_{source.name}") for source in sources]
    none(str(path) for path in wanted if not (ROOT / path).exists())


def test_a_main_module_is_too_small_to_need_a_test() -> None:
    mains = (name for name, path in PATHS.items() if path.stem == "__main__")
    none(name for name in mains if len(PATHS[name].read_text(encoding="utf-8").splitlines()) > 15)


@pytest.mark.parametrize("module", [name for name in PATHS if not name.endswith("__main__")])
def test_what_a_module_says_that_it_offers_is_there(module: str) -> None:
    imported = importlib.import_module(module)
    offered = getattr(imported, "__all__", [])
    none(name for name in offered if not hasattr(imported, name))
    assert len(offered) == len(set(offered))


@pytest.mark.parametrize("module", PATHS)
def test_a_module_opens_by_saying_what_it_is_for(module: str) -> None:
    assert ast.get_docstring(tree(module))


def test_the_map_names_every_module_once() -> None:
    """The map is the docstring of `gateway`; its lines are four spaces, a name, two spaces or more, a sentence."""
    drawn = re.findall(
        r"^    (\w+)(?:\.py|/)? {2,}\S", ast.get_docstring(tree("gateway"), clean=False) or "", re.MULTILINE
    )
    there = {module.split(".")[1] for module in PATHS if module.startswith("gateway.")}
    none(f"`{name}` is not on the map" for name in there - set(drawn))
    none(f"`{name}` is on the map but not there" for name in set(drawn) - there)
    none(f"`{name}` is on the map twice" for name in set(drawn) if drawn.count(name) > 1)


@pytest.mark.parametrize("package", [name for name, path in PATHS.items() if path.stem == "__init__" and "." in name])
def test_a_room_names_each_of_its_modules_once(package: str) -> None:
    """In a line of its map, or else within what is said there, in backticks."""
    said = ast.get_docstring(tree(package), clean=False) or ""
    there = {name.removeprefix(f"{package}.").split(".")[0] for name in PATHS if name.startswith(f"{package}.")}
    drawn = _mapped(said)
    named = Counter([*drawn, *(name for name in re.findall(r"`(\w+)/?`", said) if name not in drawn)])
    none(f"`{name}` is not named in {package}" for name in there - {"__main__"} - named.keys())
    none(f"`{name}` is named twice in {package}" for name in there if named[name] > 1)
    none(f"`{name}` is on the map of {package} but not there" for name in set(_mapped(said, gap=2)) - there)


def _mapped(said: str, gap: int = 1) -> list[str]:
    """What the lines of a map are about: four spaces (none, where nothing else is said), names, then what they are."""
    lines: list[tuple[str, str, str]] = re.findall(r"^( {4})?(\w+/?(?:, \w+/?)*)((?(1) +| {2,}))\S", said, re.MULTILINE)
    return [name.strip(" /") for _, names, space in lines if len(space) >= gap for name in names.split(",")]


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    errors = importlib.import_module("gateway.errors")
    classes = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    built = {(cls.__name__, base.__name__) for cls in classes for base in cls.__bases__ if base in classes}
    assert _drawn(errors.__doc__ or "") == built


def _drawn(text: str) -> set[tuple[str, str]]:
    """(child, parent) for each line `* Name`, `+ Name`, `- Name`; deeper is further to the right."""
    above: list[tuple[int, str]] = []
    edges = set()
    for indent, name in re.findall(r"^( *)[*+-] (\w+)", text, re.MULTILINE):
        above = [(depth, parent) for depth, parent in above if depth < len(indent)]
        if above:
            edges.add((name, above[-1][1]))
        above.append((len(indent), name))
    return edges


# ---- what is shipped


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names of all files in the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path).namelist()


def test_the_wheel_holds_our_packages_and_the_policies_and_nothing_else(wheel: list[str]) -> None:
    packages = [
        path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()
    ]
    policies = [path.relative_to(ROOT / "policies") for path in (ROOT / "policies").rglob("*") if path.is_file()]
    wanted = {path.as_posix() for path in packages if "__pycache__" not in path.parts}
    wanted |= {f"gateway/starter/policies/{path.as_posix()}" for path in policies}
    info = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    assert {name for name in wheel if ".dist-info/" not in name} == wanted
    assert {name.partition(".dist-info/")[2] for name in wheel if ".dist-info/" in name} == info


def test_the_wheel_says_that_it_is_typed(wheel: list[str]) -> None:
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(wheel)
