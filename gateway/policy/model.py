"""The Casbin model that Toolgate's evaluator implements. Pure.

`policies/model.conf` says in Casbin's own words what the files mean, for admins, editors and the tests' oracle. Under a
model that says something else, Casbin's own engine decides (`custom`, `stock`).
"""

from collections.abc import Iterator

__all__ = ["MODEL", "is_shipped"]

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


def is_shipped(text: str) -> bool:
    """Whether a model is the shipped one, blanks and comments aside."""
    return list(_said(text)) == list(_said(MODEL))


def _said(text: str) -> Iterator[str]:
    """Each line that says something, with its blanks made alike."""
    for line in text.removeprefix("\ufeff").splitlines():
        if line.strip() and not line.lstrip().startswith(("#", ";")):
            yield " ".join(line.split())
