"""The options of `toolgate run` and `resume`; what they do is tested in test_driving.py."""

from pathlib import Path

import pytest

from tests.gateway.cli.conftest import Command


def test_run_answers(bare: Path, toolgate: Command) -> None:
    done = toolgate("run", "hi")
    assert (done.code, done.out) == (0, "Nothing to do.\n")
    assert "agent:desk for user:ann · acme · demo  hi" in done.err


def test_a_text_is_needed(bare: Path, toolgate: Command) -> None:
    failed = toolgate("run")
    assert (failed.code, failed.out) == (2, "")
    assert failed.err == "toolgate: Missing argument 'TEXT' (see `toolgate run --help`)\n"


def test_an_unknown_agent_or_model_is_a_mistake_of_use(bare: Path, toolgate: Command) -> None:
    for option, hint in (("--agent", "configured: `desk`"), ("--model", "configured: `demo`")):
        failed = toolgate("run", "hi", option, "nobody")
        assert failed.code == 2
        assert "`nobody`" in failed.err
        assert hint in failed.err
    assert toolgate("runs", "--json").json == []


def test_a_broken_script_is_named_with_its_line(bare: Path, toolgate: Command) -> None:
    (bare / "bad.yaml").write_text("steps:\n  - saay: hello\n")
    failed = toolgate("run", "hi", "--model", "scripted:bad.yaml", "--json")
    assert (failed.code, failed.error["code"]) == (3, "config")
    assert failed.error["problems"][0]["line"] == 2
    missing = toolgate("run", "hi", "--model", "scripted:none.yaml")
    assert missing.code == 3
    assert "none.yaml" in missing.err


def test_several_models_may_be_named_and_the_next_goes_on_when_one_fails(bare: Path, toolgate: Command) -> None:
    (bare / "bad.yaml").write_text("steps:\n  - fail: {kind: auth, message: no such key}\n    say: never\n")
    done = toolgate("run", "hi", "--model", "scripted:bad.yaml,demo", "--json")
    assert done.code == 0
    assert done.lines[0]["model"] == f"scripted:{(bare / 'bad.yaml').resolve()},demo"
    (failed,) = [line for line in done.lines if line["event"] == "model_failed"]
    assert (failed["kind"], failed["why"], failed["then"]) == ("auth", "no such key", "demo")


def test_a_run_that_ends_because_of_its_model_says_where_to_look(bare: Path, toolgate: Command) -> None:
    (bare / "bad.yaml").write_text("steps:\n  - fail: {kind: auth, message: no such key}\n    say: never\n")
    failed = toolgate("run", "hi", "--model", "scripted:bad.yaml")
    assert failed.code == 1
    assert "failed (auth)  no such key" in failed.err
    assert "look at the model: toolgate models --check" in failed.err


def test_a_budget_is_read_in_the_words_of_budgets_toml(bare: Path, toolgate: Command) -> None:
    done = toolgate("run", "hi", "--budget", "usd=1", "--budget", "tokens=20k", "--json")
    assert done.lines[0]["limits"]["nanos"] == 1_000_000_000
    assert done.lines[0]["limits"]["tokens"] == 20_000
    failed = toolgate("run", "hi", "--budget", "bananas=1")
    assert failed.code == 2
    assert "bananas" in failed.err


def test_whoever_asks_is_in_the_record(bare: Path, toolgate: Command) -> None:
    done = toolgate("run", "hi", "--as", "bob", "--tenant", "umbrella", "--json")
    assert (done.lines[0]["user"], done.lines[0]["tenant"]) == ("user:bob", "umbrella")
    assert toolgate("run", "hi", "--as", "role:boss").code == 2


def test_a_submitted_run_is_left_to_the_workers_by_whoever_resumes_it_and_any_other_is_not(
    bare: Path, toolgate: Command
) -> None:
    run_id = toolgate("submit", "count the bells").out.strip()
    toolgate("runs", "pause", run_id)
    assert toolgate("worker", "--until-idle", "--json").lines == []
    left = toolgate("runs", "resume", run_id[:6], "--no-run", "--budget", "turns=3", "--json")
    assert (left.code, left.json) == (0, {"run": run_id, "status": "queued"})
    assert toolgate("worker", "--until-idle", "--json").lines == [{"run": run_id, "status": "succeeded", "cause": ""}]
    assert toolgate("runs", "show", run_id, "--json").json["events"][2]["limits"] == {"turns": 3}
    over = toolgate("resume", run_id, "--no-run")
    assert (over.code, "there is nothing to go on with" in over.err) == (1, True)
    own = toolgate("run", "hi", "--budget", "tokens=1", "--json").lines[0]["run"]
    refused = toolgate("resume", own, "--no-run")
    assert (refused.code, "was not submitted: no worker goes on with it" in refused.err) == (1, True)


def test_resume_needs_a_run_that_exists(bare: Path, toolgate: Command) -> None:
    failed = toolgate("resume", "r-nothing")
    assert failed.code == 1
    assert "there is no run `r-nothing`" in failed.err


# ---- an answer in data


@pytest.fixture
def form(bare: Path) -> Path:
    (bare / "form.json").write_text('{"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}')
    return bare / "form.json"


def test_an_answer_in_data_is_all_that_stdout_has(bare: Path, form: Path, toolgate: Command) -> None:
    (bare / "data.yaml").write_text(
        "steps:\n  - say: '{}'\n  - say: |-\n      ```json\n      {\"n\": 1.50}\n      ```\n"
    )
    done = toolgate("run", "hi", "--model", "scripted:data.yaml", "--output-schema", str(form))
    assert (done.code, done.out) == (0, '{"n": 1.50}\n')
    assert "the answer does not fit its schema  'n' is a required property" in done.err


def test_a_run_whose_answer_does_not_fit_fails_and_says_where(bare: Path, form: Path, toolgate: Command) -> None:
    (bare / "data.yaml").write_text('steps:\n  - say: no\n  - say: \'{"n": "x"}\'\n')
    failed = toolgate("run", "hi", "--model", "scripted:data.yaml", "--output-schema", str(form))
    assert (failed.code, failed.out) == (1, "")
    assert "failed (output)" in failed.err
    assert "at `n`: this text is not of type 'number'" in " ".join(failed.err.split())
    events = toolgate("run", "hi", "--model", "scripted:data.yaml", "--output-schema", str(form), "--json").lines
    assert [event["event"] for event in events if "reject" in event["event"]] == ["answer_rejected"]
    assert (events[-1]["event"], events[-1]["kind"]) == ("failed", "output")


def test_a_schema_that_can_not_be_used_starts_no_run(bare: Path, form: Path, toolgate: Command) -> None:
    form.write_text('{"$ref": "https://example.com/form.json"}')
    failed = toolgate("run", "hi", "--output-schema", str(form), "--json")
    assert (failed.code, failed.error["code"]) == (3, "config")
    assert "only what stands in the schema itself" in failed.error["message"]
    assert toolgate("run", "hi", "--output-schema", "none.json").code == 3
    assert toolgate("runs", "--json").json == []
