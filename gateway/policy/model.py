"""The Casbin model that Toolgate's evaluator implements. Pure.

`policies/model.conf` says in Casbin's own words what the files mean, for admins, editors and the tests' oracle. A model
that says something else would not be obeyed, so it is refused.
"""

from collections.abc import Iterator

from gateway.errors import Problem

__all__ = ["MODEL", "model_problems"]

MODEL = """\
[request_definition]
r = sub, dom, obj, act, ctx

[policy_definition]
p = sub, dom, obj, act, when, eft, why

[role_definition]
g = _, _, _

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = r.act == p.act && in_tenant(r.dom, p.dom) && tool(r.obj, p.obj) && (p.sub == "*" || g(r.sub, p.sub, r.dom)) && \
when(p.when, r.ctx, p.eft)
"""

_HINT = "Toolgate decides by its own model; put back the shipped model.conf and write rules into the policy file"


def model_problems(file: str, text: str) -> list[Problem]:
    """The first place where a model differs from the shipped one, blanks and comments aside; empty when none does."""
    wanted = [line for _, line in _said(MODEL)]
    found = list(_said(text))
    for (number, line), want in zip(found, wanted, strict=False):
        if line != want:
            return [
                Problem(file, number, 1, f"the model differs here from the shipped one, which says `{want}`", _HINT)
            ]
    if len(found) == len(wanted):
        return []
    if len(found) > len(wanted):
        number, line = found[len(wanted)]
        return [Problem(file, number, 1, f"the shipped model has no `{line}`", _HINT)]
    return [Problem(file, 0, 0, f"the model ends before `{wanted[len(found)]}`", _HINT)]


def _said(text: str) -> Iterator[tuple[int, str]]:
    """Number and text of each line that says something, with its blanks made alike."""
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith(("#", ";")):
            yield number, " ".join(line.split())
