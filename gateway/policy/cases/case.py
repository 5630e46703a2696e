"""One question to the policy, with what is expected of its answer. Pure.

What a table says comes here as `Said`, whatever its format: every value with its place, so that a mistake in it can be
shown where it stands.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from gateway.call import Arguments, ArgumentsError, Subject, Tool
from gateway.duties import Duties
from gateway.errors import Problem
from gateway.offer import Offer, OfferKind
from gateway.policy.cases.facts import Facts, Unreadable, said
from gateway.policy.globs import ToolGlob
from gateway.policy.obligations import DutyError, parse_duties
from gateway.policy.scope import Query
from gateway.policy.wording import ACTIONS, EFFECTS, Effect
from gateway.wording import did_you_mean

__all__ = ["KEYS", "NEEDED", "Case", "Said", "Wrong", "case_of"]

KEYS = (
    "name", "who", "agent", "tenant", "action", "tool", "args", "with", "now", "requester", "said", "read", "expect",
    "line", "why", "duties",
)  # fmt: skip
NEEDED = ("name", "who", "tool", "expect")

_USER = re.compile(r"(?:user|agent):[A-Za-z0-9._@:|/\\+~=-]+")
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LINE = re.compile(r"[^\s:]+:[1-9][0-9]*|none")
_NO_DUTIES = "none"
_OFFERS: Mapping[str, OfferKind] = {"read": "resource", "subscribe": "resource", "get": "prompt"}
W = TypeVar("W", bound=str)


@dataclass(frozen=True, slots=True)
class Said:
    """One value of a table, and where it stands. `parts` are its words with their own places, if it has any."""

    value: Any
    line: int
    column: int
    parts: tuple["Said", ...] = ()

    @property
    def text(self) -> str:
        return str(self.value)


class Wrong(Exception):
    """A value that can't be used."""

    def __init__(self, at: Said, message: str, hint: str = "") -> None:
        self.at, self.message, self.hint = at, message, hint
        super().__init__(message)

    def problem(self, file: str) -> Problem:
        return Problem(file, self.at.line, self.at.column, self.message, self.hint)


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked, and what should come of it.

    `line` is the line that should decide (`policy.csv:12`, or `none` for a denial because no line allows), `why` a part
    of what that line says to people; both may be empty. `duties` are those that the call must have, all and only these;
    None: they are not looked at. `about_tool`: the case itself says what the tool is.
    """

    file: str
    number: int
    name: str
    query: Query
    about_tool: bool
    expect: Effect
    line: str = ""
    why: str = ""
    duties: Duties | None = None

    @property
    def where(self) -> str:
        return f"{self.file}:{self.number}"

    @property
    def expected(self) -> str:
        """In words: `deny by policy.csv:12`."""
        by = f" by {self.line}" if self.line else ""
        keeping = "" if self.duties is None else f" with {self.duties}" if str(self.duties) else " with no duties"
        return f"{self.expect}{by}" + (f" because `{self.why}`" if self.why else "") + keeping


def case_of(file: str, start: Said, given: Mapping[str, Said]) -> Case:
    """What one entry of a table says; `start` is where it begins. Raises Wrong."""
    for name in NEEDED:
        if name not in given or given[name].value == "":
            raise Wrong(start, f"`{name}` is empty" if name in given else f"`{name}` is missing")
    facts = _facts(given)
    expect = _one_of("effect", given["expect"], EFFECTS)
    line = given.get("line")
    if line and not _LINE.fullmatch(line.text):
        hint = "write `policy.csv:12`, or `none`; a part of the line's own words belongs into `why`"
        raise Wrong(line, f"`{line.text}` is not a line", hint)
    why = given["why"].text if "why" in given else ""
    query = _query(given, facts)
    decided = line.text if line else "", why, _duties(given.get("duties"), expect)
    return Case(file, start.line, given["name"].text, query, facts.about_tool, expect, *decided)


def _duties(given: Said | None, expect: Effect) -> Duties | None:
    if given is None or given.value == "":
        return None
    if given.text == _NO_DUTIES:
        return Duties()
    if expect == "deny":
        raise Wrong(given, "what is denied has no duties", "leave `duties` empty")
    try:
        return parse_duties(given.text)
    except DutyError as error:
        at = Said(given.value, given.line, given.column + error.offset)
        raise Wrong(at, error.message, error.hint) from None


def _facts(given: Mapping[str, Said]) -> Facts:
    words = tuple(_words(given))
    try:
        return said(tuple(word.text for word in words))
    except Unreadable as error:
        at = next(word for word in words if word.text == error.word)
        raise Wrong(at, error.message, error.hint) from None


def _words(given: Mapping[str, Said]) -> Iterator[Said]:
    """What `with` says, and the keys that are facts of their own."""
    yield from given["with"].parts if "with" in given else ()
    for name in ("now", "requester", "said", "read"):
        if name in given:
            at = given[name]
            yield Said(f"{name}={at.text}", at.line, at.column)


def _query(given: Mapping[str, Said], facts: Facts) -> Query:
    action = _one_of("action", given["action"], ACTIONS) if "action" in given else "call"
    tool, path = _tool(given["tool"], action, facts)
    args = {"uri": path.partition("/")[2]} if action in ("read", "subscribe") else _args(given.get("args"))
    args = None if action == "list" else args  # a list is the same whatever the arguments will be
    return Query(_subject(given, facts), action, path, args, tool, facts.run, facts.now, facts.requester)


def _subject(given: Mapping[str, Said], facts: Facts) -> Subject:
    """`who` may end in ` via agent:NAME`, as people say it; or `agent` says so."""
    who = given["who"]
    user, via, agent = (part.strip() for part in f"{who.text} ".partition(" via "))
    if "agent" in given:
        if agent:
            raise Wrong(given["agent"], "the agent is named twice", "write it in `agent` or behind ` via `")
        agent = f"agent:{given['agent'].text.removeprefix('agent:')}"
    if not _USER.fullmatch(user):
        raise Wrong(who, f"`{user}` can't ask for anything", _who_hint(user))
    if (via or agent) and not (_USER.fullmatch(agent) and agent.startswith("agent:")):
        raise Wrong(given.get("agent", who), f"`{agent}` is not an agent", "write `agent:NAME`")
    tenant = given.get("tenant")
    if tenant and not _TENANT.fullmatch(tenant.text):
        raise Wrong(tenant, f"`{tenant.text}` is not a tenant", "write its exact name")
    since = None if facts.auth_age is None else facts.now.timestamp() - facts.auth_age
    return Subject(user, tenant.text if tenant else "default", agent or None, since)


def _who_hint(user: str) -> str:
    if user.startswith(("role:", "team:")):
        return "write a user who has it, `user:NAME`"
    bare = ":" not in user and _USER.fullmatch(f"user:{user}")
    return f"did you mean `user:{user}`?" if bare else "write `user:NAME`"


def _args(given: Said | None) -> Mapping[str, Any] | None:
    if given is None or given.value == "":
        return {}
    try:
        return Arguments.parse(given.value).value
    except ArgumentsError as error:
        raise Wrong(given, str(error), 'write a JSON object, such as {"amount": 50}') from None


def _tool(given: Said, action: str, facts: Facts) -> tuple[Tool | Offer | None, str]:
    """The tool as far as the case says what it is, and its path. Of a resource or a prompt the kind is always known."""
    try:
        path = ToolGlob.of(given.text)
    except ValueError:
        raise Wrong(given, f"`{given.text}` is not a server/tool name") from None
    if action not in ("read", "subscribe", "get", "complete") and not path.exact:
        raise Wrong(given, f"`{given.text}` is a pattern", "a case is about one tool: write its name")
    kind = _OFFERS.get(action) or (_completed(path.name) if action == "complete" else None)
    if kind:
        return Offer(kind, path.server, path.name, {}, bool(facts.trusted)), path.text
    if not facts.about_tool:
        return None, path.text
    definition = {"name": path.name, "annotations": facts.hints}
    return Tool(path.server, path.name, definition, facts.pin, bool(facts.trusted)), path.text


def _completed(name: str) -> OfferKind:
    return "template" if "://" in name else "prompt"


def _one_of(what: str, given: Said, known: Sequence[W]) -> W:
    for word in known:
        if word == given.value:
            return word
    raise Wrong(given, f"unknown {what} `{given.text}`", did_you_mean(given.text, known))
