"""Models of one's own. What stock Casbin passes over in silence is refused here, with its line and the reason."""

import pytest

from gateway.errors import Problem
from gateway.policy.custom import EFFECTS, Model, read_model
from gateway.policy.model import MODEL

PLAIN = """\
[request_definition]
r = sub, obj, act

[policy_definition]
p = sub, obj, act, eft

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = r.sub == p.sub && tool(r.obj, p.obj) && r.act == p.act
"""


def understood(text: str) -> Model:
    found = read_model("model.conf", text)
    assert isinstance(found, Model), found
    return found


def refused(text: str) -> Problem:
    found = read_model("model.conf", text)
    assert isinstance(found, list)
    return found[0]


def test_a_model_is_read_as_it_is_written() -> None:
    model = understood(PLAIN)
    assert (model.request, model.policy, model.roles) == (("sub", "obj", "act"), ("sub", "obj", "act", "eft"), {})
    assert model.effect == "allow-and-deny"
    assert understood(model.text()).matcher == model.matcher


def test_the_shipped_model_could_be_decided_by_casbin_too() -> None:
    assert understood(MODEL).roles == {"g": 3}


def test_blanks_comments_and_lines_that_go_on_do_not_matter() -> None:
    text = (
        PLAIN.replace("\n", "\r\n").replace(" && tool", " \\\r\n   && tool").replace("[matchers]", "# x\r\n[matchers]")
    )
    assert understood("\ufeff; hello\r\n" + text) == understood(PLAIN)


@pytest.mark.parametrize("effect", EFFECTS)
def test_an_effect_is_known_however_it_is_spaced(effect: str) -> None:
    text = PLAIN.replace(next(iter(EFFECTS)), effect.replace(" ", "  ").replace("(p", "( p"))
    text = text.replace("eft\n", "eft, priority\n") if effect.startswith("priority") else text
    assert understood(text).effect == EFFECTS[effect]


def test_a_model_without_tenants_is_told_what_that_means() -> None:
    (warning,) = understood(PLAIN).warnings
    assert (warning.line, warning.level) == (2, "warning")
    assert "in every tenant" in warning.message
    assert understood(MODEL).warnings == ()


@pytest.mark.parametrize(
    ("old", "new", "line", "part"),
    [
        # what stock Casbin passes over in silence, and then allows
        ("act, eft", "act, effect", 5, "does not look at a column `effect`"),
        ("[matchers]", "[Matchers]", 10, "unknown section"),
        ("[matchers]", "m = true\n[matchers]", 10, "is not known in `[policy_effect]`"),
        ("== p.act\n", "== p.act\nm = r.sub == p.sub\n", 12, "is defined twice"),
        ("m = ", "m2 = ", 11, "is not known"),
        ("p = sub", "p = sub, obj, act\np2 = sub", 6, "is not known"),
        ("act, eft", "act", 8, "without a column `eft`"),
        ("act, eft", "act, eft, dom", 11, "does not look at `p.dom`"),
        ("r = sub, obj, act", "r = sub, dom, obj, act", 11, "does not look at `r.dom`"),
        ("[policy_effect]", "[role_definition]\ng = _, _\n[policy_effect]", 8, "does not use `g`"),
        ("[policy_effect]", "[role_definition]\ng = _, _, (_, _)\n[policy_effect]", 8, "not a definition of roles"),
        ("[policy_effect]", "[role_definition]\ng = _\n[policy_effect]", 8, "not a definition of roles"),
        # effects
        ("some(where (p.eft == allow)) && ", "", 8, "allows whatever no line denies"),
        (next(iter(EFFECTS)), "subjectPriority(p.eft) || deny", 8, "how deep roles are nested"),
        (next(iter(EFFECTS)), "priority(p.eft) || deny", 8, "needs a column with that name"),
        (next(iter(EFFECTS)), "some(where (p.eft == ask))", 8, "can't be classified"),
        # columns
        ("r = sub, obj, act", "r = sub, obj, act, env", 2, "does not know what `env`"),
        ("r = sub, obj, act", "r = sub, obj", 2, "a request has no `act`"),
        ("p = sub, obj, act", "p = sub, act, act", 5, "stands twice"),
        ("p = sub, obj, act", "p = sub, Obj, act", 5, "is not the name of a column"),
        ("p = sub, obj", "p = sub, x", 5, "has no column `obj`"),
        # lines
        ("[request_definition]\n", "", 1, "before the first section"),
        ("r = sub, obj, act", "r sub, obj, act", 2, "expected `r = ...`"),
        ("r = sub, obj, act", "r =", 2, "expected `r = ...`"),
        # matchers
        ("r.sub == p.sub && ", "", 11, "does not look at"),
        (" && r.act == p.act", "", 11, "does not look at"),
        ("== p.act\n", "== p.act # && never\n", 11, "no `#`"),
        ("tool(", "keyMatch(", 11, "ignores whatever follows the first `*`"),
    ],
)
def test_what_would_not_mean_what_it_says_is_refused_at_its_line(old: str, new: str, line: int, part: str) -> None:
    assert old in PLAIN
    problem = refused(PLAIN.replace(old, new, 1))
    assert (problem.file, problem.line) == ("model.conf", line)
    assert part in problem.message


@pytest.mark.parametrize("text", ["", "# nothing", MODEL[:200], PLAIN[: PLAIN.index("[matchers]")]])
def test_an_empty_or_cut_model_is_refused(text: str) -> None:
    assert refused(text).message.startswith("the model lacks")
