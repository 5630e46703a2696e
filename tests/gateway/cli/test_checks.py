import asyncio
import contextlib
import json
import socket
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.call import Tool
from gateway.catalogue import Catalogue
from gateway.cli import checks
from gateway.cli.checks import examine
from gateway.cli.finding import Finding
from gateway.cli.options import Caller
from gateway.config import Config
from gateway.errors import Problem, StoreError
from gateway.screens import finding as screens
from gateway.store import RunRow
from gateway.store.migrations import SCHEMA_VERSION, statements
from tests.fixtures.stores import execute

NOW = 1_790_000_000_000
SECRET = "sk-live-0123456789abcdef"


def config(project: Path) -> Config:
    return Caller(project).config()


def levels(findings: list[Finding]) -> list[str]:
    return [finding.level for finding in findings]


def append(project: Path, text: str) -> Config:
    file = project / "toolgate.toml"
    file.write_text(file.read_text() + text)
    return config(project)


# ---- the program


@pytest.mark.parametrize(
    ("version", "level"), [((3, 10), "fail"), ((3, 11), "ok"), ((3, 13), "ok"), ((3, 14), "fail"), ((4, 0), "fail")]
)
def test_only_the_supported_pythons_are_ok(version: tuple[int, int], level: str) -> None:
    assert levels([*checks.python(version)]) == [level]


def test_a_foreign_distribution_with_our_packages_fails() -> None:
    claim = Problem("servers", 0, 0, "the distribution `evil` 1.0 installs a package `servers` too", "uninstall it")
    assert levels([*checks.packages([claim])]) == ["fail"]
    assert levels([*checks.packages([])]) == ["ok"]


# ---- configuration, store, clock


def test_the_files_that_are_read_are_named(project: Path) -> None:
    (found,) = checks.settings(config(project))
    assert (found.level, found.detail) == ("ok", "toolgate.toml, .mcp.json")


def test_a_folder_without_a_project_is_told_of_init(folder: Path) -> None:
    (found,) = checks.settings(config(folder))
    assert (found.level, found.mend) == ("warn", "toolgate init")


def test_a_store_is_not_made_by_looking(bare: Path) -> None:
    findings = asyncio.run(checks.store(config(bare)))
    assert levels(findings) == ["ok", "ok"]
    assert "will be made" in findings[0].detail
    assert not (bare / ".toolgate").exists()


def test_a_store_that_is_there_is_opened_and_written(bare: Path) -> None:
    with Caller(bare).offline():
        pass
    findings = asyncio.run(checks.store(config(bare)))
    assert levels(findings) == ["ok", "ok"]
    assert f"version {SCHEMA_VERSION}, opens and takes writes" in findings[0].detail


def test_a_store_of_an_earlier_version_stays_that_and_it_is_said_what_becomes_of_it(bare: Path) -> None:
    path = bare / ".toolgate" / "toolgate.db"
    path.parent.mkdir()
    for step in statements(0, 17):
        execute(path, step)
    path.chmod(0o600)
    execute(path, "PRAGMA user_version = 17")
    found = asyncio.run(checks.store(config(bare)))
    assert levels(found) == ["warn", "ok"]
    assert found[0].detail == f".toolgate/toolgate.db: version 17; it is brought to {SCHEMA_VERSION} by the next start"
    assert execute(path, "PRAGMA user_version") == [(17,)]


def test_a_file_that_is_empty_stays_that(bare: Path) -> None:
    path = bare / ".toolgate" / "toolgate.db"
    path.parent.mkdir()
    path.touch(0o600)
    found = asyncio.run(checks.store(config(bare)))
    assert (levels(found), "empty" in found[0].detail) == (["ok", "ok"], True)
    assert path.read_bytes() == b""


def test_a_store_that_takes_no_writes_fails(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Caller(bare).offline():
        pass
    monkeypatch.setattr("gateway.store.sqlite.BUSY_SECONDS", 0.01)
    with contextlib.closing(sqlite3.connect(bare / ".toolgate" / "toolgate.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        (found,) = asyncio.run(checks.store(config(bare)))
    assert (found.level, "database is locked" in found.detail) == ("fail", True)


def test_a_store_that_is_none_fails(bare: Path) -> None:
    (bare / ".toolgate").mkdir()
    (bare / ".toolgate" / "toolgate.db").write_text("no database, but long enough to be taken for a broken one" * 99)
    (found,) = asyncio.run(checks.store(config(bare)))
    assert found.level == "fail"
    assert found.mend


def test_nobody_is_told_to_give_up_a_store_that_a_newer_toolgate_has_written_or_that_is_not_his(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Caller(bare).offline():
        pass
    execute(bare / ".toolgate" / "toolgate.db", f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    (newer,) = asyncio.run(checks.store(config(bare)))
    assert (newer.level, "update Toolgate" in newer.mend, "move" in newer.mend) == ("fail", True, False)

    def locked(_config: object, **_how: object) -> None:
        raise StoreError("the store `toolgate.db` can't be opened: database is locked")

    monkeypatch.setattr(checks, "open_store", locked)
    (found,) = asyncio.run(checks.store(config(bare)))
    assert (found.level, "nothing in it is lost" in found.mend, "move" in found.mend) == ("fail", True, False)


def test_a_store_that_others_may_read_is_told_with_what_mends_it(bare: Path) -> None:
    with Caller(bare).offline():
        pass
    (bare / ".toolgate" / "toolgate.db").chmod(0o644)
    findings = asyncio.run(checks.store(config(bare)))
    assert levels(findings) == ["ok", "warn", "ok"]
    assert findings[1].mend.startswith("chmod 600 ")


def test_a_store_below_a_file_can_not_be_made(bare: Path) -> None:
    found = config(append_store(bare))
    assert levels(asyncio.run(checks.store(found)))[0] == "fail"


def append_store(project: Path) -> Path:
    append(project, '[store]\npath = "talk.yaml/toolgate.db"\n')
    return project


def a_row(updated: int) -> RunRow:
    return RunRow("r-1", "succeeded", "loop", "user:ann", "acme", None, "", 0, updated, 1, None, 0)


@pytest.mark.parametrize(
    ("now", "newest", "level"),
    [
        (NOW, NOW, "ok"),
        (NOW, NOW + 59_000, "ok"),
        (NOW, NOW + 3_600_000, "fail"),
        (0, 0, "fail"),
        (checks.WRITTEN - 1, 0, "fail"),
    ],
)
def test_a_clock_that_was_set_back_fails(now: int, newest: int, level: str) -> None:
    (found,) = checks.clock(now, [a_row(newest)])
    assert found.level == level


def test_how_far_the_clock_was_set_back_is_said() -> None:
    (found,) = checks.clock(NOW, [a_row(NOW + 3_600_000)])
    assert "the newest run is 1 h in the future" in found.detail


# ---- what the servers offer


def a_tool(server: str, name: str) -> Tool:
    return Tool(server, name, {"name": name}, "pin")


def test_names_that_would_collide_or_do_not_fit_are_warnings() -> None:
    fine = Catalogue.of([a_tool("shop", "refund")])
    assert levels([*checks.names(fine)]) == ["ok"]
    clash = Catalogue.of([a_tool("a", "b__c"), a_tool("a__b", "c"), a_tool("shop", "x" * 80)])
    findings = list(checks.names(clash))
    assert levels(findings) == ["warn"] * 3
    assert "a/b__c is shown to models as a__b__c_" in findings[0].detail


# ---- policy and budgets


def test_the_policy_is_checked_and_its_tests_are_run(bare: Path) -> None:
    findings = list(checks.policy(config(bare), Catalogue()))
    assert [(found.level, found.what) for found in findings if found.level != "warn"] == [
        ("ok", "policy"),
        ("ok", "policy tests"),
    ]


def test_an_error_in_the_policy_fails_at_its_place(bare: Path) -> None:
    (bare / "policies" / "policy.csv").write_text("p, user:ann\n")
    findings = list(checks.policy(config(bare), Catalogue()))
    assert levels(findings) == ["fail"]
    assert findings[0].detail.startswith("policies/policy.csv:1:")


def test_a_policy_test_that_fails_and_one_that_can_not_be_read_fail(bare: Path) -> None:
    table = bare / "policies" / "tests.csv"
    table.write_text("name, who, tool, expect\nx, user:ann, echo/env, allow\n")
    assert list(checks.policy(config(bare), Catalogue()))[-1].level == "fail"
    table.write_text("nonsense\n")
    assert list(checks.policy(config(bare), Catalogue()))[-1].level == "fail"
    table.unlink()
    assert list(checks.policy(config(bare), Catalogue()))[-1].what == "policy"
    document = '[[case]]\nname = "x"\nwho = "user:ann"\ntool = "echo/env"\nexpect = "allow"\n'
    table.with_suffix(".toml").write_text(document)
    assert "policies/tests.toml:1: `x` expected allow" in list(checks.policy(config(bare), Catalogue()))[-1].detail


def test_budgets_are_said_as_people_write_them(bare: Path) -> None:
    def found(text: str) -> list[Finding]:
        (bare / "policies" / "budgets.toml").write_text(text)
        return asyncio.run(checks.budgets(config(bare), Catalogue()))

    (one,) = found("")
    assert one.detail == "a run may spend 30 turns · 100 tool calls · 500,000 tokens · $5 · 30 min"
    assert levels(found("[agents.stranger]\nturns = 3\n")) == ["warn", "ok"]
    assert levels(found("[run]\nturnss = 3\n")) == ["fail"]
    failed, _ = found("[budgets.b]\nusd = 1\n")
    assert (failed.level, "policies/budgets.toml:2:1: `budgets.b` counts money" in failed.detail) == ("fail", True)
    warned, _ = found('[budgets.b]\nturns = 1\nrole = "role:nobody"\n')
    assert (warned.level, warned.detail) == ("warn", "policies/budgets.toml:3:1: nobody has `role:nobody`")


# ---- models and telemetry


def test_a_script_that_can_be_played_is_ready_and_a_missing_one_fails(bare: Path) -> None:
    assert levels([*checks.models(config(bare))]) == ["ok"]
    (bare / "talk.yaml").unlink()
    assert levels([*checks.models(config(bare))]) == ["fail"]


def test_a_key_is_looked_for_and_never_shown(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = append(bare, '[models.far]\nprovider = "anthropic"\nname = "claude-opus-4-5"\napi_key_env = "FAR_KEY"\n')
    missing = [finding for finding in checks.models(found) if finding.what == "model far"]
    assert [(finding.level, "FAR_KEY: it is not set" in finding.detail) for finding in missing] == [("fail", True)]
    monkeypatch.setenv("FAR_KEY", SECRET)
    findings = list(checks.models(found))
    assert levels(findings) == ["ok", "ok"]
    assert SECRET not in str(findings)


def test_no_model_is_a_warning(folder: Path) -> None:
    assert levels([*checks.models(config(folder))]) == ["warn"]


@pytest.fixture
def listener() -> Iterator[int]:
    """A port that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_telemetry_is_off_without_an_endpoint(bare: Path) -> None:
    assert asyncio.run(checks.telemetry(config(bare))) == [Finding("ok", "telemetry", "off: there is no endpoint")]


def test_a_collector_that_listens_is_ok(bare: Path, listener: int) -> None:
    found = append(bare, f'[telemetry]\nendpoint = "http://ann:{SECRET}@127.0.0.1:{listener}"\n')
    (finding,) = asyncio.run(checks.telemetry(found))
    assert (finding.level, finding.detail) == ("ok", f"127.0.0.1 port {listener} takes connections")


def test_a_dead_collector_is_a_warning_for_runs_go_on_without_it(bare: Path, listener: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    found = append(bare, f'[telemetry]\nendpoint = "http://ann:{SECRET}@127.0.0.1:{port}"\n')
    (finding,) = asyncio.run(checks.telemetry(found))
    assert finding.level == "warn"
    assert SECRET not in str(finding)


def test_a_header_without_its_variable_fails(bare: Path) -> None:
    found = append(
        bare, '[telemetry]\nendpoint = "http://127.0.0.1:9"\nheaders = { Authorization = "Bearer ${OTLP_NONE}" }\n'
    )
    (finding,) = asyncio.run(checks.telemetry(found))
    assert finding.level == "fail"
    assert "`OTLP_NONE` is not set" in finding.detail


# ---- all of it


def test_no_secret_of_any_kind_is_shown(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", SECRET)
    entry = {
        "url": f"http://ann:{SECRET}@127.0.0.1:9/mcp?k={SECRET}",
        "headers": {"Authorization": "Bearer ${SHOP_TOKEN}"},
    }
    program = {"command": "sh", "args": ["-c", "echo $TOKEN >&2; exit 1"], "env": {"TOKEN": SECRET}}
    (bare / ".mcp.json").write_text(json.dumps({"mcpServers": {"far": entry, "near": program}}))
    findings = asyncio.run(examine(Caller(bare)))
    assert {finding.level for finding in findings if finding.what.startswith("server ")} == {"fail"}
    assert SECRET not in str(findings)


def test_a_missing_variable_of_a_server_is_named_with_its_place(bare: Path) -> None:
    (bare / ".mcp.json").write_text('{"mcpServers": {"far": {"command": "x", "env": {"A": "${NOT_SET_ANYWHERE}"}}}}')
    (found,) = [finding for finding in asyncio.run(examine(Caller(bare))) if finding.what == "server far"]
    assert found.level == "fail"
    assert ".mcp.json:1:" in found.detail
    assert "`NOT_SET_ANYWHERE` is not set" in found.detail
    assert "by hand" not in found.mend


def test_what_could_not_be_pinned_is_told_once_for_each_server_with_what_to_do() -> None:
    tools = [a_tool("shop", "add"), a_tool("shop", "sub"), a_tool("mail", "send")]
    why = {"shop/add": "it can't be pinned: read-only", "shop/sub": "it can't be pinned: read-only"}
    held = {**why, "mail/send": "it can't be pinned: full; see `toolgate pins forget`"}
    catalogue = replace(Catalogue.of(tools), held=held, unpinned=frozenset(held))
    assert list(checks.held(catalogue)) == [
        Finding(
            "warn",
            "pins",
            "2 definitions of shop are held: it can't be pinned: read-only",
            "see that this folder may be written",
        ),
        Finding(
            "warn",
            "pins",
            "1 definition of mail is held: it can't be pinned: full; see `toolgate pins forget`",
            "toolgate pins forget mail --pinned",
        ),
    ]


def test_what_could_not_be_pinned_is_told_before_anything_is_served(project: Path) -> None:
    (project / ".toolgate").write_text("a file where a folder should be")
    append(project, '[store]\npath = "elsewhere.db"\n')
    found = [finding for finding in asyncio.run(examine(Caller(project))) if finding.what == "pins"]
    assert [finding.level for finding in found] == ["warn", "ok"]
    assert found[0].detail.startswith("8 definitions of echo are held: it can't be pinned: toolgate.lock can't be")
    assert "pinned when first used" not in found[1].detail


# ---- what deceives


def test_what_weighs_little_is_one_line_for_each_kind_and_server(bare: Path) -> None:
    shadowing = screens.Finding("shadowing", "name", "`x` is also the name of others", "low")
    aimed = screens.Finding("instructions", "description", "ignore all that", "high")
    found = {"a/x": (shadowing, aimed), "a/y": (shadowing, aimed), "b/x": (shadowing,)}
    told = [one for one in checks.pins(config(bare), replace(Catalogue.of([]), findings=found)) if one.level == "warn"]
    assert [(one.what, one.detail) for one in told] == [
        ("server a", "shadowing (low) in a/x, a/y"),
        ("server a", f"a/x: {aimed}"),
        ("server a", f"a/y: {aimed}"),
        ("server b", f"b/x: {shadowing}"),
    ]
    assert told[0].mend == "read it: toolgate pins show a; then toolgate pins accept a"
