import pytest

from gateway.policy.matcher import Matcher, Unclear, read_matcher

REQUEST, POLICY = ("sub", "dom", "obj", "act", "ctx"), ("sub", "dom", "obj", "act", "when", "eft", "why", "owner")
ROLES = {"g": 3, "g2": 2}


def read(text: str) -> Matcher:
    return read_matcher(text, REQUEST, POLICY, ROLES)


def test_a_matcher_is_written_anew_so_that_it_can_be_read_in_one_way_only() -> None:
    found = read("r.sub==p.sub&&(p.dom == '*'||!tool(r.obj,p.obj))  &&when(p.when, r.ctx, p.eft) && g2(r.obj, p.obj)")
    assert found.text == (
        "((r.sub == p.sub) && ((p.dom == '*') || (! tool(r.obj, p.obj))) && when(p.when, r.ctx, p.eft)"
        " && g2(r.obj, p.obj))"
    )
    assert read(found.text) == found
    assert found.calls == {"tool", "when", "g2"}
    assert found.grouped == {"p.obj"}
    assert {"r.sub", "p.sub", "p.dom", "p.when", "r.ctx", "p.eft"} < found.reads


def test_a_star_means_everything_only_where_the_matcher_asks_for_it() -> None:
    assert read("p.sub == '*' || r.sub == p.sub").takes_star("p.sub")
    assert read("'*' == p.sub").takes_star("p.sub")
    assert not read("p.sub != '*' && r.sub == p.sub").takes_star("p.sub")
    assert not read("!(p.sub == '*')").takes_star("p.sub")
    assert read("!(p.sub != '*' && r.sub != p.sub)").takes_star("p.sub")
    assert not read("!(!(p.sub != '*') || r.sub == p.sub)").takes_star("p.sub")
    assert read("in_tenant(r.dom, p.dom)").takes_star("p.dom")
    assert not read("r.dom == p.dom").takes_star("p.dom")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("keyMatch(r.obj, p.obj)", "`keyMatch` is refused: it ignores"),
        ("globMatch(r.obj, p.obj)", "begin with a dot"),
        ("regexMatch(r.obj, p.obj)", "a hostile name"),
        ("keyMatch5(r.obj, p.obj)", "follows a `?`"),
        ("ipMatch(r.obj, p.obj)", "`ipMatch` is refused"),
        ("eval(p.when)", "as code"),
        ("toool(r.obj, p.obj)", "unknown function `toool`"),
        ("tool(p.obj, r.obj)", "can't be classified"),
        ("tool(r.obj, p.owner)", "can't be classified"),
        ("when(p.when, r.ctx, p.owner)", "can't be classified"),
        ("!when(p.when, r.ctx, p.eft)", "would grant"),
        ("!(r.sub == p.sub || when(p.when, r.ctx, p.eft))", "would grant"),
        ("p.when == ''", "`p.when` can only stand in"),
        ("r.ctx.args.amount < 5", "can't be classified"),
        ("p.eft == 'allow'", "`p.eft` can only stand in"),
        ("p.why == 'x'", "for people to read"),
        ("r.sub.name == 'x'", "can't be classified"),
        ("r.sub == r.boss", "there is no `r.boss`"),
        ("r.sub == 'ann'", "`ann` is nobody"),
        ("g(r.sub, p.sub)", "`g` has 3 fields"),
        ("r.sub < p.sub", "can't be classified"),
        ("r.sub == p.sub == r.obj", "can't be classified"),
        ("r.sub in ('user:ann', 'user:bob')", "can't be classified"),
        ("1 == 1", "can't be classified"),
        ("true", "can't be classified"),
        ("r.sub + 'x' == p.sub", "can't be classified"),
        ("(lambda: 1)()", "can't be classified"),
        ("r.obj == 'r.jina.ai/x'", "Casbin would rewrite"),
        ("r.obj == 'hi!'", "Casbin would rewrite"),
        ("r.obj == 'a&&b'", "Casbin would rewrite"),
        ("r.sub == p.sub # || true", "no `#`"),
        ("r.sub == 'a\\'", "no backslash"),
        ("r.sub == p.sub &&", "not a matcher"),
        ("(r.sub == p.sub", "not a matcher"),
        ("", "not a matcher"),
        ("(" * 300 + "r.sub == p.sub" + ")" * 300, "not a matcher"),
        ("r.sub == p.sub || " * 1000, "longer than"),
    ],
)
def test_what_can_not_be_classified_is_refused_with_the_reason(text: str, part: str) -> None:
    with pytest.raises(Unclear) as refused:
        read(text)
    assert part in refused.value.message
    assert 0 <= refused.value.offset <= len(text)
