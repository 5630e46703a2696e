"""A `model.conf` of one's own: read strictly, and understood before it is used. Pure.

Casbin's engine decides under it (`stock`); what is here makes sure that it decides what was meant. Stock Casbin passes
over an unknown section, a second `m`, a misnamed column, and then allows; here each is a Problem with its line. What
can't be classified is refused with the reason: `ask` must stay a restriction, a list must agree with the calls, and no
name may be remembered for ever.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from gateway.errors import Problem
from gateway.policy.matcher import Matcher, Unclear, read_matcher
from gateway.wording import did_you_mean, listed

__all__ = ["EffectKind", "Model", "read_model"]

EffectKind = Literal["allow-and-deny", "allow-override", "priority"]

EFFECTS: Mapping[str, EffectKind] = {
    "some(where (p.eft == allow)) && !some(where (p.eft == deny))": "allow-and-deny",
    "some(where (p.eft == allow))": "allow-override",
    "priority(p.eft) || deny": "priority",
}
_REFUSED = {
    "!some(where (p.eft == deny))": "it allows whatever no line denies: each new tool, and everything if a file is cut",
    "subjectPriority(p.eft) || deny": "what is decided would depend on how deep roles are nested",
}
_SECTIONS = {
    "request_definition": "r",
    "policy_definition": "p",
    "role_definition": "g",
    "policy_effect": "e",
    "matchers": "m",
}
_REQUEST = ("sub", "dom", "obj", "act", "ctx")
_NEEDED = ("sub", "obj", "act")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_GROUP = re.compile(r"g[2-9]?")


@dataclass(frozen=True, slots=True)
class Model:
    """What a model says. `request` and `policy` are its columns, `roles` the number of fields of each `g`.

    `warnings` are what its author should know.
    """

    request: tuple[str, ...]
    policy: tuple[str, ...]
    roles: Mapping[str, int]
    effect: EffectKind
    matcher: Matcher
    warnings: tuple[Problem, ...] = field(default=(), compare=False)

    def text(self, effect: EffectKind | None = None) -> str:
        """For Casbin's own reader: what was understood, and nothing else; with another effect, if one is given."""
        decides = next(text for text, kind in EFFECTS.items() if kind == (effect or self.effect))
        roles = "".join(f"{name} = {', '.join('_' * fields)}\n" for name, fields in self.roles.items())
        return (
            f"[request_definition]\nr = {', '.join(self.request)}\n"
            f"[policy_definition]\np = {', '.join(self.policy)}\n"
            + (f"[role_definition]\n{roles}" if roles else "")
            + f"[policy_effect]\ne = {decides}\n[matchers]\nm = {self.matcher.text}\n"
        )


@dataclass(frozen=True, slots=True)
class _Said:
    line: int
    column: int
    text: str


class _Wrong(Exception):
    def __init__(self, said: _Said, message: str, hint: str = "", offset: int = 0) -> None:
        self.said, self.message, self.hint, self.offset = said, message, hint, offset
        super().__init__(message)


def read_model(file: str, text: str) -> Model | list[Problem]:
    """The model, or every reason that was found why it can't be used."""
    said: dict[str, _Said] = {}
    problems = list(_lines(file, text, said))
    if problems:
        return problems
    missing = [f"`{key} = ...` in `[{name}]`" for name, key in _SECTIONS.items() if key != "g" and key not in said]
    if missing:
        return [Problem(file, 0, 0, f"the model lacks {', '.join(missing)}")]
    try:
        return _understood(file, said)
    except _Wrong as wrong:
        return [Problem(file, wrong.said.line, wrong.said.column + wrong.offset, wrong.message, wrong.hint)]


# ---- lines


def _lines(file: str, text: str, said: dict[str, _Said]) -> Iterator[Problem]:
    """Fills `said` by key. A line that ends in a backslash goes on in the next."""
    section = ""
    for number, line in _joined(text):
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        if stripped[0] == "[" and stripped[-1] == "]":
            section = stripped[1:-1]
            if section not in _SECTIONS:
                yield Problem(file, number, 1, f"unknown section `{stripped}`", did_you_mean(section, _SECTIONS))
            continue
        if section in _SECTIONS:
            yield from _definition(file, number, line, section, said)
        elif not section:
            yield Problem(file, number, 1, f"`{stripped}` stands before the first section")


def _definition(file: str, number: int, line: str, section: str, said: dict[str, _Said]) -> Iterator[Problem]:
    key, equals, value = line.partition("=")
    key, wanted = key.strip(), _SECTIONS[section]
    if not equals or not value.strip():
        yield Problem(file, number, 1, f"expected `{wanted} = ...`")
    elif key != wanted and not (wanted == "g" and _GROUP.fullmatch(key)):
        yield Problem(file, number, 1, f"`{key}` is not known in `[{section}]`", f"there is one definition, `{wanted}`")
    elif key in said:
        yield Problem(file, number, 1, f"`{key}` is defined twice", f"it stands in line {said[key].line}, too")
    else:
        blanks = len(value) - len(value.lstrip())
        said[key] = _Said(number, len(line) - len(value) + blanks + 1, value.strip())


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Number of the first line, and the text of all that belong together."""
    first, parts = 0, ""
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        first = first if parts else number
        if line.rstrip().endswith("\\"):
            parts += line.rstrip()[:-1] + " "
            continue
        yield first, parts + line
        parts = ""
    if parts:
        yield first, parts


# ---- what they mean


def _understood(file: str, said: Mapping[str, _Said]) -> Model:
    request, policy = _request(said["r"]), _policy(said["p"])
    roles = {key: _role(one) for key, one in said.items() if _GROUP.fullmatch(key)}
    effect = _effect(said["e"], policy)
    matcher = _matcher(said["m"], request, policy, roles)
    _used(said, request, policy, effect, matcher)
    warnings = () if "dom" in request else (_without_tenants(file, said["r"]),)
    return Model(request, policy, roles, effect, matcher, warnings)


def _columns(said: _Said) -> tuple[str, ...]:
    names = tuple(name.strip() for name in said.text.split(","))
    for name in names:
        if not _NAME.fullmatch(name):
            raise _Wrong(said, f"`{name}` is not the name of a column", "small letters, digits and `_`")
        if names.count(name) > 1:
            raise _Wrong(said, f"`{name}` stands twice")
    return names


def _request(said: _Said) -> tuple[str, ...]:
    names = _columns(said)
    for name in names:
        if name not in _REQUEST:
            hint = did_you_mean(name, _REQUEST) or f"known: {listed(_REQUEST)}"
            raise _Wrong(said, f"Toolgate does not know what `{name}` of a request would be", hint)
    for name in _NEEDED:
        if name not in names:
            raise _Wrong(said, f"a request has no `{name}`: who may do what to which tool could not be told apart")
    return names


def _policy(said: _Said) -> tuple[str, ...]:
    names = _columns(said)
    if "effect" in names:
        raise _Wrong(said, "Casbin does not look at a column `effect`: every line would allow", "call it `eft`")
    for name in _NEEDED:
        if name not in names:
            raise _Wrong(said, f"a line has no column `{name}`", "each line says who may do what to which tool")
    return names


def _role(said: _Said) -> int:
    fields = [part.strip() for part in said.text.split(",")]
    if fields not in (["_", "_"], ["_", "_", "_"]):
        hint = "write `_, _`, or `_, _, _` for roles by tenant; a role with a condition is not supported"
        raise _Wrong(said, f"`{said.text}` is not a definition of roles", hint)
    return len(fields)


def _effect(said: _Said, policy: tuple[str, ...]) -> EffectKind:
    written = _plain(said.text)
    for text, why in _REFUSED.items():
        if written == _plain(text):
            raise _Wrong(said, f"the effect `{text}` is refused: {why}", f"known: {listed(EFFECTS)}")
    kind = next((kind for text, kind in EFFECTS.items() if _plain(text) == written), None)
    if kind is None:
        raise _Wrong(said, f"the effect `{said.text}` can't be classified", f"known: {listed(EFFECTS)}")
    if kind != "allow-override" and "eft" not in policy:
        raise _Wrong(said, "without a column `eft` every line would allow", "add `eft` to the policy definition")
    if kind == "priority" and "priority" not in policy:
        hint = "add a column `priority`: what is decided must not depend on the order of lines"
        raise _Wrong(said, "the effect `priority` needs a column with that name", hint)
    return kind


def _plain(text: str) -> str:
    return "".join(text.split())


def _matcher(said: _Said, request: tuple[str, ...], policy: tuple[str, ...], roles: Mapping[str, int]) -> Matcher:
    try:
        return read_matcher(said.text, request, policy, roles)
    except Unclear as unclear:
        raise _Wrong(said, f"matcher: {unclear.message}", unclear.hint, unclear.offset) from None


def _used(
    said: Mapping[str, _Said],
    request: tuple[str, ...],
    policy: tuple[str, ...],
    effect: EffectKind,
    matcher: Matcher,
) -> None:
    """Every column is looked at: one that is not would be filled in by people who believe that it counts."""
    told = {"p.why", "p.eft"} | ({"p.priority"} if effect == "priority" else set())
    for key, names in (("r", request), ("p", policy)):
        for name in names:
            if f"{key}.{name}" not in matcher.reads | told:
                raise _Wrong(said["m"], f"the matcher does not look at `{key}.{name}`", f"take `{name}` out of `{key}`")
    unused = [key for key in said if _GROUP.fullmatch(key) and key not in matcher.calls]
    if unused:
        raise _Wrong(said[unused[0]], f"the matcher does not use `{unused[0]}`", "take it out")


def _without_tenants(file: str, said: _Said) -> Problem:
    message = "this model does not look at tenants: what its lines allow, they allow in every tenant"
    return Problem(
        file, said.line, said.column, message, "add `dom`, if there is more than one", "warning", "no-tenants"
    )
