"""What `policy diff` and `policy backtest` have in common: which policy is meant, since when, and how changes read."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import usage_of

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.policy import Policy
    from gateway.policy.files import Source
    from gateway.policy.tally import Counted, Group

__all__ = ["MODEL_CHANGED", "PERIOD", "changes_as_text", "fail_on", "moment", "policy_at", "user_or_agent"]

PERIOD = "7d, 90m, 2026-11-20 or 2026-11-20T08:00"
MODEL_CHANGED = "model.conf is another one: it may permit more than what is shown"
_NAMED = 5  # people that a line names
_LONG, _SHOWN = 200, 10  # characters of a text, or items of a list
_ALIGNED = re.compile(r",[ \t]{2,}")  # columns of a file; here a line stands alone

fail_on = click.option(
    "--fail-on",
    type=click.Choice(("any", "widen", "none")),
    default="any",
    show_default=True,
    help="Which changes make exit code 1: any; only those that permit more; none.",
)


def moment(option: str, text: str | None, now: int) -> int | None:
    """Milliseconds since 1970: so long ago, or the date (UTC, or with an offset). Raises BadParameter."""
    from datetime import UTC, datetime

    from gateway.config.amounts import duration

    if text is None:
        return None
    try:
        return now - round(duration(text) * 1000)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"`{ascii(text)[1:-1]}` is no time; write {PERIOD}", param_hint=option) from None
    return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)


# ---- which policy


def user_or_agent(who: str | None) -> str | None:
    """What `--who` names: a user or an agent, if anybody."""
    with usage_of("--who"):
        if who is not None and not who.startswith(("user:", "agent:")):
            raise ValueError(f"`{ascii(who)[1:-1]}` is not a user or an agent: write user:NAME or agent:NAME")
    return who


def policy_at(given: str | None, config: "Config") -> "Policy":
    """A file, a folder, or `REVISION:PATH` of git; None: the policy in force. Raises PolicyError, BadParameter.

    It is read by its own `model.conf`, which stands in the folder or beside the file, or, for a revision, where the
    configured one stood then; where there is none, by the configured one of now.
    """
    from gateway.policy import load
    from gateway.policy.files import read_sources
    from gateway.policy.load import build

    if given is None:
        return load(config.policy.model, config.policy.files)
    path = Path(given)
    if not path.exists() and ":" not in given:
        raise click.BadParameter(f"there is no `{ascii(given)[1:-1]}`", param_hint="a policy")
    if not path.exists():
        sources = _of_git(given)
        then = _model_of_git(given, sources[0].file.partition(":")[2], config.policy.model)
        return build(then or read_sources(config.policy.model)[0], sources=sources)
    files = _files_in(path)
    beside = (folder / "model.conf" for folder in (path, files.parent))
    model = next((file for file in beside if file.is_file()), config.policy.model)
    return build(read_sources(model)[0], sources=read_sources(files))


def _files_in(path: Path) -> Path:
    """`policies/` holds more than the policy: its table of tests is no part of it."""
    return next((path / name for name in ("policy.csv", "policy.d") if (path / name).exists()), path)


def _of_git(given: str) -> "list[Source]":
    """The file, or the files of the folder, as they were in a revision."""
    from gateway.policy.files import Source

    revision, _, path = given.partition(":")
    names = _git(given, "ls-tree", "-r", "--name-only", "--full-name", revision, path.rstrip("/") or ".").splitlines()
    tables = [name for name in names if name.lower().endswith(".csv") and not name.endswith("/tests.csv")]
    if not tables:
        raise click.BadParameter(f"`{given}` holds no .csv file", param_hint="a policy")
    return [Source(f"{revision}:{name}", _git(given, "show", f"{revision}:{name}").encode()) for name in tables]


def _model_of_git(given: str, table: str, configured: Path) -> "Source | None":
    """The model of then: in the folder of this file, above a `policy.d`, or where the configured one stands now."""
    from gateway.policy.files import Source, shown

    revision, folder = given.partition(":")[0], Path(table).parent
    names = [(folder / "model.conf").as_posix()]
    names += [(folder.parent / "model.conf").as_posix()] if folder.name == "policy.d" else []
    listed = _git(given, "ls-tree", "-r", "--name-only", "--full-tree", revision, "--", *names).splitlines()
    if not listed and not Path(shown(configured)).is_absolute():
        listed = _git(given, "ls-tree", "--name-only", "--full-name", revision, "--", shown(configured)).splitlines()
    name = next((name for name in [*names, *listed] if name in listed), None)
    return Source(f"{revision}:{name}", _git(given, "show", f"{revision}:{name}").encode()) if name else None


def _git(given: str, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except OSError:
        said = f"there is no `{given}`, and no git to look for a revision"
        raise click.BadParameter(said, param_hint="a policy") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise click.BadParameter(f"`{given}` is no file and no revision of git ({said})", param_hint="a policy")
    return done.stdout.decode("utf-8", "replace")


# ---- how it reads


def changes_as_text(groups: "Sequence[Group]") -> Iterator[str]:
    """Lines for a terminal: what permits more first."""
    from gateway.policy.loosening import same
    from gateway.visible import visible

    for group in groups:
        shown = group.example
        more = "permits more" if group.widens else "permits less"
        yield f"{shown.before} -> {shown.after}  {_numbers(group)}, {more}"
        if "deny" not in shown.kind and not same(*shown.duties):
            before, after = (str(duties or "none") for duties in shown.duties)
            yield visible(f"  duties  {before} -> {after}")
        for cause in shown.causes:
            line = _ALIGNED.sub(", ", cause.text)
            yield visible(f"  {'-' if cause.side == 'old' else '+'} {cause.rule}  {line}".rstrip())
        yield visible(f"  who  {_people(group)}")
        yield visible(f"  such as  {_request(shown)}" + (f"  [{shown.call}]" if shown.call else ""))
        yield ""


def _numbers(group: "Group") -> str:
    from gateway.cli.policy.counting import counted

    kinds = [f"{counted(group.requests, 'kind')} of request"] if group.requests else []
    calls = [counted(group.recorded, "recorded call")] if group.recorded else []
    return ", ".join([*kinds, *calls])


def _people(group: "Group") -> str:
    named = [f"{who} {count}" for who, count in group.who.most_common(_NAMED)]
    left = len(group.who) - len(named)
    return ", ".join(named) + (f" and {left} more" if left else "")


def _request(shown: "Counted") -> str:
    """A request on one line, with those of its facts that a line looks at."""
    import json

    query = shown.query
    args = "" if query.args is None else " " + json.dumps(_brief(query.args), ensure_ascii=False, default=str)
    asked = f"{query.subject} ({query.subject.tenant}) {query.action} {query.object}{args}"
    facts = " ".join(_facts(shown))
    return f"{asked}  with {facts}" if facts else asked


def _brief(value: Any) -> Any:
    """What is long by its beginning, and how long it is."""
    if isinstance(value, dict):
        return {key: _brief(item) for key, item in value.items()}
    if isinstance(value, str) and len(value) > _LONG:
        return f"{value[:_SHOWN]}... ({len(value):,} characters)"
    if isinstance(value, list):
        more = [f"... ({len(value):,} items)"] if len(value) > _LONG else []
        return [*map(_brief, value[:_SHOWN] if more else value), *more]
    return value


def _facts(shown: "Counted") -> Iterator[str]:
    from gateway.policy.run_words import written
    from gateway.policy.tally import query_json

    said = query_json(shown.query)
    hints = (said["tool"] or {}).items()
    yield from (name if holds else f"not_{name}" for name, holds in hints if f"tool.{name}" in shown.looks_at)
    if any(name.startswith("run.") for name in shown.looks_at):
        yield from filter(None, written(shown.query.run).split(","))
    yield from _origins(shown)
    if any(name.startswith("now.") for name in shown.looks_at):
        yield f"now={said['now']}"
    if said["requester"]:
        yield f"requester={said['requester']}"


def _origins(shown: "Counted") -> Iterator[str]:
    """Who has said which argument, where a line asks for it."""
    from gateway.policy.origins import told

    sources = shown.query.run.sources
    if sources is None or not any(name.startswith("from_") for name in shown.looks_at):
        return
    for name, value in (shown.query.args or {}).items():
        found = told(sources, value)
        yield f"{name} from {found if isinstance(found, str) else 'an unknown source'}"
