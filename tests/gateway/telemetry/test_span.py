import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.span import ROOT, SPAN_NAMES, Link, link_to, span_id, trace_id, traceparent

ANY = st.text()


def test_ids_are_pinned_because_other_processes_and_later_versions_must_meet_in_the_same_tree() -> None:
    assert f"{trace_id('run_1'):032x}" == "37ddff8ee13f1e57937fd048fa323f5e"
    assert f"{span_id('run_1', ROOT):016x}" == "96fa7493fedf5c86"
    assert traceparent("run_1", "t1/call/c1") == "00-37ddff8ee13f1e57937fd048fa323f5e-c0cdb04183bdb516-01"


def test_ids_do_not_depend_on_the_process() -> None:
    code = "from gateway.telemetry.span import traceparent; print(traceparent('run_1', 't1/model'))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == traceparent("run_1", "t1/model")


@given(ANY, ANY)
def test_every_run_and_key_gets_ids_that_opentelemetry_accepts(run_id: str, key: str) -> None:
    assert 0 < trace_id(run_id) < 2**128
    assert 0 < span_id(run_id, key) < 2**64


@given(ANY, ANY)
def test_what_one_gateway_sends_another_can_link_to(run_id: str, key: str) -> None:
    assert link_to(traceparent(run_id, key)) == Link(trace_id(run_id), span_id(run_id, key))


def test_keys_of_different_runs_have_different_ids() -> None:
    assert span_id("a", "t1") != span_id("b", "t1")
    assert span_id("a", "t1") != span_id("a", "t2")
    assert span_id("at", "1") != span_id("a", "t1")


@pytest.mark.parametrize(
    "header",
    [
        None,
        7,
        "",
        "00-0123",
        "00-" + "0" * 32 + "-0123456789abcdef-01",
        "00-0123456789abcdef0123456789abcdef-" + "0" * 16 + "-01",
        "ff-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
        "00-0123456789ABCDEF0123456789ABCDEF-0123456789abcdef-01",
        "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01\n",
        ["00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"],
    ],
)
def test_what_is_no_traceparent_links_to_nothing(header: object) -> None:
    assert link_to(header) is None


def test_a_traceparent_with_other_flags_or_of_a_later_version_is_read() -> None:
    ids = "0123456789abcdef0123456789abcdef-0123456789abcdef"
    assert link_to(f"00-{ids}-03") == link_to(f"01-{ids}-00-more") == Link(*(int(part, 16) for part in ids.split("-")))


def test_the_span_names_are_public_and_stay() -> None:
    of_a_run = ("agent.run", "agent.step", "llm.call", "tool.call", "policy.check", "approval.wait")
    assert set(SPAN_NAMES) == {*of_a_run, "policy.reload"}
