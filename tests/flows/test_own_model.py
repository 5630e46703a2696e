"""A `model.conf` of one's own, through the front door: Casbin decides, and lists and calls agree."""

from pathlib import Path

import pytest

from tests.fixtures.served import ECHO, ERAS, text_of
from tests.fixtures.serving import Project
from tests.flows.test_login import names, wire

MODEL = """\
[request_definition]
r = sub, obj, act, ctx
[policy_definition]
p = priority, sub, obj, act, when, eft, why
[role_definition]
g = _, _
g2 = _, _
[policy_effect]
e = priority(p.eft) || deny
[matchers]
m = r.act == p.act && (p.sub == "*" || g(r.sub, p.sub)) && (tool(r.obj, p.obj) || g2(r.obj, p.obj)) \
&& when(p.when, r.ctx, p.eft)
"""
LINES = (
    "p, 10, *,         secret,    call, , deny,  never",
    "p, 20, *,         echo/add,  call, args.a > 100, ask, large sums need a person",
    "p, 30, role:dev,  echo/*,    call, , allow, developers",
    "g, user:ann, role:dev",
    "g2, echo/env, secret",
)


@pytest.mark.parametrize("era", ERAS)
def test_casbin_decides_under_a_model_of_ones_own(tmp_path: Path, era: str) -> None:
    project = Project(tmp_path)
    entry = {key: ECHO[key] for key in ("command", "args")}
    project.write('[identity]\nuser = "user:ann"\ntenant = "acme"\n', {"echo": entry}, *LINES)
    (tmp_path / "policies" / "model.conf").write_text(MODEL)
    checked = project.give("policy", "check")
    assert checked.returncode == 0
    assert "this is not the shipped model" in checked.stdout
    with project.serve() as gateway, wire(gateway, era) as client:
        assert "echo__echo" in names(client)
        assert "echo__env" not in names(client)
        assert text_of(client.call("echo__echo", {"text": "hi"})) == "hi"
        assert client.call("echo__env", {})["isError"]
        assert "large sums need a person" in text_of(client.call("echo__add", {"a": 101, "b": 1}))
        assert client.call("echo__add", {"a": 1, "b": 1})["structuredContent"] == {"sum": 2}


def test_a_model_that_can_not_be_classified_keeps_the_gateway_from_starting(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("", {}, "p, *, *, */*, call, , allow, y")
    model = tmp_path / "policies" / "model.conf"
    model.write_text(model.read_text().replace("tool(r.obj, p.obj)", "keyMatch(r.obj, p.obj)"))
    refused = project.give("serve", "--port", "0")
    assert refused.returncode == 3
    assert "policies/model.conf:21:50:" in refused.stderr
    assert "`keyMatch` is refused: it ignores whatever follows the first `*`" in refused.stderr
