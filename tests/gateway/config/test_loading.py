import json
from pathlib import Path
from typing import Any

import pytest

from gateway.config.layers import Flag
from gateway.config.loading import Config, load_config
from gateway.errors import ConfigError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "toolgate.toml").write_text("")
    return folder


def environ(project: Path, **more: str) -> dict[str, str]:
    home = str(project.parent)
    return {"HOME": home, "XDG_CONFIG_HOME": f"{home}/config", "XDG_STATE_HOME": f"{home}/state", **more}


def user_file(project: Path, name: str, text: str) -> None:
    folder = project.parent / "config" / "toolgate"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def load(project: Path, toml: str = "", mcp: Any = None, **more: str) -> Config:
    (project / "toolgate.toml").write_text(toml)
    if mcp is not None:
        (project / ".mcp.json").write_text(mcp if isinstance(mcp, str) else json.dumps({"mcpServers": mcp}))
    return load_config(project, environ(project, **more))


def refused(project: Path, toml: str = "", mcp: Any = None, **more: str) -> list[str]:
    with pytest.raises(ConfigError) as wrong:
        load(project, toml, mcp, **more)
    return [str(problem) for problem in wrong.value.problems]


def test_an_empty_project_has_safe_defaults(project: Path) -> None:
    config = load(project)
    assert config.store.path == project / ".toolgate" / "toolgate.db"
    assert config.policy.files == project / "policies" / "policy.csv"
    assert config.serve.host == "127.0.0.1"
    assert config.identity.user.startswith("user:")
    assert config.identity.tenant == "default"
    assert (config.servers, config.models, config.agents, config.warnings) == ({}, {}, {}, ())


def test_without_a_project_the_store_is_the_users(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    config = load_config(tmp_path / "project", environ(tmp_path / "project"))
    assert config.store.path == tmp_path / "state" / "toolgate" / "toolgate.db"
    assert config.folders.project is None


def test_a_server_is_what_the_file_says_and_the_admins_word_about_it(project: Path) -> None:
    config = load(
        project,
        "[servers.shop]\ntrusted = true\nera = 'legacy'\ncall_timeout = '2m'\nsafe_to_repeat = ['get_*']",
        {"shop": {"command": "x"}, "web": {"url": "http://x"}},
    )
    shop, web = config.servers["shop"], config.servers["web"]
    assert (shop.word.trusted, shop.word.era, shop.word.call_timeout) == (True, "legacy", 120.0)
    assert shop.word.safe_to_repeat == ("get_*",)
    assert (web.word.trusted, web.disabled) == (False, False)
    assert shop.workspace == project


def test_a_profile_of_a_server_that_is_not_there_is_an_error(project: Path) -> None:
    (told,) = refused(project, "[profiles.part]\nservers = ['shpo']", {"shop": {"command": "x"}})
    assert told == (
        "toolgate.toml:2:1: error: the profile `part` has the server `shpo`, which no .mcp.json describes "
        "(did you mean `shop`?)"
    )
    config = load(project, "[profiles.part]\nservers = ['shop']", {"shop": {"command": "x"}})
    assert config.profiles["part"].servers == ("shop",)


def test_a_word_about_a_server_that_is_not_there_is_an_error(project: Path) -> None:
    (told,) = refused(project, "\n[servers.shpo]\ntrusted = true", {"shop": {"command": "x"}})
    assert told == (
        "toolgate.toml:2:10: error: `[servers.shpo]` is about a server that no .mcp.json describes "
        "(did you mean `shop`?)"
    )


def test_in_the_users_own_file_it_may_be_meant_for_another_project(project: Path) -> None:
    user_file(project, "toolgate.toml", "[servers.github]\ntrusted = true")
    (problem,) = load(project).warnings
    assert problem.level == "warning"


def test_a_schedule_of_the_users_own_file_may_be_meant_for_another_project(project: Path) -> None:
    user_file(project, "toolgate.toml", '[schedules.nightly]\ncron = "@daily"\ntext = "count"\nagent = "gone"')
    (problem,) = load(project).warnings
    assert (problem.level, problem.message) == ("warning", "the schedule `nightly`: there is no agent `gone`")


def test_an_agent_needs_a_model_that_is_described(project: Path) -> None:
    toml = "[models.demo]\nprovider = 'scripted'\nscript = 'x.yaml'\n[agents.a]\nmodel = 'dmeo'"
    (told,) = refused(project, toml)
    assert told.startswith("toolgate.toml:5:1: error: the agent `a`: there is no model `dmeo`")
    assert "did you mean `demo`?" in told


def test_a_servers_file_of_the_project_replaces_what_the_user_says_of_the_same_server(project: Path) -> None:
    user_file(
        project, "mcp.json", '{"mcpServers": {"a": {"command": "user", "env": {"K": "v"}}, "b": {"command": "user"}}}'
    )
    config = load(project, mcp={"a": {"url": "http://project"}})
    assert sorted(config.servers) == ["a", "b"]
    assert config.servers["a"].entry.place.file == ".mcp.json"
    assert config.servers["b"].entry.place.file.endswith("mcp.json")


def test_one_more_file_of_servers_is_stronger_than_the_others(project: Path, tmp_path: Path) -> None:
    (project / "extra.json").write_text('{"servers": {"a": {"command": "extra"}}}')
    (project / ".mcp.json").write_text('{"mcpServers": {"a": {"command": "project"}, "b": {"command": "project"}}}')
    config = load_config(project, environ(project), mcp_config=Path("extra.json"))
    assert config.servers["a"].entry.place.file == "extra.json"
    assert sorted(config.servers) == ["a", "b"]
    with pytest.raises(ConfigError, match=r"gone\.json: error: the file can't be read"):
        load_config(project, environ(project), mcp_config=Path("gone.json"))


def test_names_that_differ_by_capitals_in_two_files_are_refused(project: Path) -> None:
    user_file(project, "mcp.json", '{"mcpServers": {"Shop": {"command": "user"}}}')
    (told,) = refused(project, mcp={"shop": {"command": "x"}})
    assert "has the same name as `Shop`" in told


def test_every_problem_of_every_file_is_told_at_once(project: Path) -> None:
    user_file(project, "toolgate.toml", "[serve\n")
    user_file(project, "mcp.json", "{")
    told = refused(
        project, "[store]\npaht = 1\n[serve]\nport = -1", {"a": {"comand": "x"}, "b__c": {"command": "x"}},
        TOOLGATE_SERVE__HOTS="x",
    )  # fmt: skip
    assert len(told) == 7
    assert [text.split(":")[0].rpartition("/")[2] for text in told] == [
        "toolgate.toml", "environment TOOLGATE_SERVE__HOTS", "toolgate.toml", "toolgate.toml", "mcp.json", ".mcp.json",
        ".mcp.json",
    ]  # fmt: skip


def test_warnings_do_not_stand_in_the_way(project: Path) -> None:
    config = load(project, mcp={"a": {"command": "x", "alwaysAllow": ["b"]}})
    assert [problem.level for problem in config.warnings] == ["warning"]
    assert "a" in config.servers


def test_budgets_that_were_named_and_are_gone_are_an_error(project: Path) -> None:
    (told,) = refused(project, "[policy]\nbudgets = 'gone.toml'")
    assert told == "toolgate.toml:2:1: error: `policy.budgets` names a file that is not there"


def test_a_flag_beats_the_environment(project: Path) -> None:
    flags = [Flag("--tenant", "identity.tenant", "flag"), Flag("--as", "identity.user", None)]
    config = load_config(project, environ(project, TOOLGATE_IDENTITY__TENANT="e", TOOLGATE_IDENTITY__USER="bob"), flags)
    assert (config.identity.tenant, config.identity.user) == ("flag", "user:bob")


def test_a_user_that_a_flag_names_can_not_be_a_role(project: Path) -> None:
    with pytest.raises(ConfigError, match=r"flag --as: error: `identity.user`: `role:admin` is not a user"):
        load_config(project, environ(project), [Flag("--as", "identity.user", "role:admin")])


def test_a_variable_that_is_not_set_disturbs_nobody_until_its_server_is_started(project: Path) -> None:
    assert "a" in load(project, mcp={"a": {"command": "${NOT_SET}"}}).servers


def test_headers_for_the_collector_are_expanded_only_when_asked_for(project: Path) -> None:
    toml = "[telemetry]\nendpoint = 'http://x'\nheaders = { Authorization = 'Bearer ${OTLP}' }"
    config = load(project, toml)
    assert config.telemetry_headers({"OTLP": "hunter2"}) == {"Authorization": "Bearer hunter2"}
    with pytest.raises(ConfigError, match=r"toolgate.toml:3:13: error: the environment variable `OTLP` is not set"):
        config.telemetry_headers({})


def test_a_configuration_shows_no_secret_that_was_written_into_it(project: Path) -> None:
    config = load(
        project,
        "[telemetry]\nendpoint = 'http://a:hunter2@x'\nheaders = { A = 'hunter2' }\n"
        "[models.m]\nprovider = 'scripted'\nscript = 'x'\nbase_url = 'http://a:hunter2@x'",
        {"a": {"command": "x", "args": ["hunter2"], "env": {"A": "hunter2"}}, "b": {"url": "http://hunter2"}},
    )
    assert "hunter2" not in repr(config)


def test_what_is_believed_of_servers_is_said_in_the_file_and_a_wrong_word_is_named(tmp_path: Path) -> None:
    (tmp_path / ".mcp.json").write_text('{"mcpServers": {"shop": {"command": "x"}}}')
    toml = tmp_path / "toolgate.toml"
    toml.write_text("")
    environ = {"HOME": str(tmp_path)}
    config = load_config(tmp_path, environ)
    assert config.trust.hold_on == ("hidden_text", "bidi", "terminal_escape")
    assert (config.trust.accept_changes, config.servers["shop"].word.new_tools) == ("none", "accept")
    toml.write_text('[trust]\nhold_on = ["shadowing"]\n[servers.shop]\nnew_tools = "hold"\n')
    config = load_config(tmp_path, environ)
    assert (config.trust.hold_on, config.servers["shop"].word.new_tools) == (("shadowing",), "hold")
    toml.write_text('[trust]\nhold_on = ["hiden_text"]\naccept_changes = "all"\n')
    with pytest.raises(ConfigError) as refused:
        load_config(tmp_path, environ)
    assert [problem.line for problem in refused.value.problems] == [3, 2] or len(refused.value.problems) == 2
    assert "`trust.hold_on[0]` can't be `hiden_text`" in str(refused.value)
    assert "did you mean `hidden_text`?" in str(refused.value)
