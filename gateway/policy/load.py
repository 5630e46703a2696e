"""Policy files -> `Policy`, or every reason why not.

Strict: one error anywhere, and there is no policy. What is only doubtful (a role that nobody has, a line that stands
twice) is a warning, kept in `Policy.warnings`.
"""

import gc
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gateway.errors import PolicyError, Problem
from gateway.policy.custom import Model, read_model
from gateway.policy.custom_rows import reader_of
from gateway.policy.decide import Policy
from gateway.policy.files import Source, read_sources
from gateway.policy.model import is_shipped
from gateway.policy.roles import Roles
from gateway.policy.rows import Grant, Obligation, Reader, Row, Rule, parse_lines
from gateway.policy.wording import GROUPS
from gateway.wording import did_you_mean

__all__ = ["build", "digest_of", "load", "own_model", "parse"]


def load(model: str | Path, policy: str | Path) -> Policy:
    """Reads `model.conf`, and `policy.csv` or a folder `policy.d/`. Raises PolicyError with every problem found."""
    return build(*read_sources(Path(model)), sources=read_sources(Path(policy)))


def parse(text: str, file: str = "policy.csv") -> Policy:
    """A policy from the text of one file, under the shipped model. Raises PolicyError."""
    return build(None, sources=[Source(file, text.encode())])


def build(model: Source | None, *, sources: Sequence[Source], hollow: bool = False) -> Policy:
    """A policy from files that have been read. Raises PolicyError. Pure.

    A file without a line was cut while it was written, unless it is said to be meant: by `hollow` (see `taking`).
    """
    with _without_collections():
        return _build(model, sources, hollow=hollow)


@contextmanager
def _without_collections() -> Iterator[None]:
    """What is made here stays: the collector would walk it again and again and find nothing, a third of the time.

    So it is old at once. What a process has frozen stays frozen; then ours grows old by itself.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on and not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()
        if was_on:
            gc.enable()


def _build(model: Source | None, sources: Sequence[Source], *, hollow: bool) -> Policy:
    problems: list[Problem] = []
    rows: list[Row] = []
    own = own_model(model, problems) if model else None
    if not problems:  # under a model that can't be read, no line can be
        rows = _rows(sources, reader_of(own) if own else None, problems, hollow=hollow)
    rules = [row for row in rows if isinstance(row, Rule)]
    grants = [row for row in rows if isinstance(row, Grant)]
    obligations = [row for row in rows if isinstance(row, Obligation)]
    for kind in sorted({grant.kind for grant in grants}):
        problems += Roles.of(grant for grant in grants if grant.kind == kind).circles()
    if not rules and not problems and not hollow:
        problems.append(_nothing(sources))
    if problems:
        raise PolicyError(sorted(problems, key=_place))
    spoken_of = [*rules, *(obligation.rule for obligation in obligations)]
    found = [*_twice(rules), *_twice(grants), *_twice(obligations), *_unknown_roles(spoken_of, grants, obligations)]
    warnings = sorted(found, key=_place)
    digest = digest_of(model, sources)
    if own is None or model is None:
        return Policy(rules, grants, digest, warnings, obligations)
    from gateway.policy.stock import CasbinPolicy  # it brings Casbin, which only a model of one's own needs

    return CasbinPolicy(own, rows, digest, [*_about(model.file, own), *warnings])


def own_model(model: Source, problems: list[Problem]) -> Model | None:
    """A model that is not the shipped one; None, too, for one that can't be used, which adds to the problems."""
    text = _text(model, problems)
    if text is None or is_shipped(text):
        return None
    found = read_model(model.file, text)
    if isinstance(found, Model):
        return found
    problems += found
    return None


def _about(file: str, model: Model) -> Iterable[Problem]:
    message = "this is not the shipped model: Casbin's own engine decides, which takes longer the more lines there are"
    yield Problem(file, 0, 0, message, "", "warning", "custom-model")
    yield from model.warnings


def _rows(
    sources: Sequence[Source], reader: type[Reader] | None, problems: list[Problem], *, hollow: bool
) -> list[Row]:
    rows: list[Row] = []
    for source in sources:
        text = _text(source, problems)
        found, wrong = parse_lines(source.file, text or "", reader)
        rows += found
        problems += wrong
        if text is not None and not found and not wrong and len(sources) > 1 and not hollow:
            problems.append(_empty(source))
    return rows


def _text(source: Source, problems: list[Problem]) -> str | None:
    try:
        return source.content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = source.content.count(b"\n", 0, error.start) + 1
        column = error.start - source.content.rfind(b"\n", 0, error.start)
        problems.append(Problem(source.file, line, column, "not UTF-8", "save the file as UTF-8"))
        return None


def _nothing(sources: Sequence[Source]) -> Problem:
    hint = "a policy without any denies everything; was the file cut while it was written? if it is meant:"
    hint = f"{hint} toolgate policy reload --force"
    return Problem(sources[0].file, 0, 0, "there is no `p` line", hint)


def _empty(source: Source) -> Problem:
    """Of several files, one without a line: its denials may have been lost, and the others don't show it."""
    hint = "was it cut while it was written? delete it if it is not needed"
    return Problem(source.file, 0, 0, "this file holds no line", hint)


def _place(problem: Problem) -> tuple[str, int, int]:
    return problem.file, problem.line, problem.column


def digest_of(model: Source | None, sources: Sequence[Source]) -> str:
    """The SHA-256 of the content, in hex. File names count, for decisions name lines by them; so do the lengths, for
    nothing may shift.
    """
    digest = hashlib.sha256()
    for source in [*([model] if model else []), *sources]:
        name = Path(source.file).name.encode()
        digest.update(b"%d %d\n%b%b" % (len(name), len(source.content), name, source.content))
    return digest.hexdigest()


def _twice(rows: Sequence[Rule] | Sequence[Grant] | Sequence[Obligation]) -> Iterable[Problem]:
    seen: dict[tuple[object, ...], Row] = {}
    for row in rows:
        first = seen.setdefault(row.key, row)
        if first is not row:
            message = f"this line says the same as {first.where}"
            yield Problem(row.file, row.line, 1, message, "delete one of them", "warning", "duplicate")


def _unknown_roles(
    rules: Sequence[Rule], grants: Sequence[Grant], obligations: Sequence[Obligation]
) -> Iterable[Problem]:
    """Groups that rules name and nobody has, and groups that somebody has and no rule names, nor an `escalate=`."""
    grants = [grant for grant in grants if grant.kind == "g"]
    given = {grant.role for grant in grants}
    used = {rule.who for rule in rules} | {grant.member for grant in grants}
    used |= {up[0] for obligation in obligations if (up := obligation.duties.escalate)}
    for rule in rules:
        if rule.who.startswith(tuple(f"{group}:" for group in GROUPS)) and rule.who not in given:
            hint = did_you_mean(rule.who, given) if given else "give it to somebody with a `g` line"
            yield Problem(
                rule.file, rule.line, rule.columns[1], f"nobody has `{rule.who}`", hint, "warning", "unknown-role"
            )
    for grant in grants:
        if grant.role not in used:
            hint = did_you_mean(grant.role, used)
            yield Problem(
                grant.file, grant.line, grant.columns[2], f"no line uses `{grant.role}`", hint, "warning", "unused-role"
            )
