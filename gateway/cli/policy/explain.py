"""`toolgate policy explain`: the verdict, and every line that had to do with it."""

import asyncio
import dataclasses
import os
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, ends
from gateway.cli.logs import say_nothing_of_servers
from gateway.cli.options import Caller, as_json, caller, emit, through, usage_of

if TYPE_CHECKING:
    from gateway.call import Action, JsonObject
    from gateway.catalogue import Catalogue
    from gateway.cli.policy.knowing import Known
    from gateway.config import Config
    from gateway.policy import Policy, Query
    from gateway.policy.recorded import Past

__all__ = ["explain_command", "informed", "question"]

ACTIONS = ("call", "list", "read", "get", "subscribe", "complete", "approve", "admin")


@dataclasses.dataclass(frozen=True, slots=True)
class _Asked:
    """How the question was typed; None for what was not."""

    agent: str | None
    path: str | None
    action: str | None
    arguments: str | None
    requester: str | None
    run_facts: str | None
    at: str | None
    run: str | None
    call: str | None


@click.command("explain", epilog=ends())
@click.option("--who", metavar="WHO", help="The same as --as.")
@click.option("--agent", metavar="NAME", help="Through this agent; both it and the user must be allowed.")
@click.option("--tool", "path", metavar="SERVER/TOOL", help="What is to be done.")
@click.option("--action", type=click.Choice(ACTIONS), help="What is to be done with it.  [default: call]")
@click.option("--args", "arguments", metavar="JSON", help="The arguments; without them, conditions on them are open.")
@click.option("--requester", metavar="WHO", help="For the action approve: who asked for the call.")
@click.option("--run-facts", metavar="FACTS", help="What the run has done, `tainted,calls=3,usd=0.25`, and auth_age.")
@click.option("--at", metavar="TIME", help="When: `2026-11-21T09:30`, in UTC if it says nothing else.")
@click.option("--run", metavar="RUN", help="A call of this run, as it is in the record ...")
@click.option("--call", metavar="KEY", help="... by its key; without one, the last that was decided.")
@click.option("--offline", is_flag=True, help="Do not connect: the tool is known as it is in toolgate.lock.")
@as_json
@caller
def explain_command(who: str | None, offline: bool, as_json: bool, caller: Caller, **asked: str | None) -> int:
    """Say what the policy decides and why: the deciding line, all that match, the roles, what comes nearest, and what
    would change it. With --run it is about a recorded call, under the policy as it is now.

    Exit code 0 whatever the verdict is: it is an answer.
    """
    from gateway.policy import load
    from gateway.policy.explain import explain

    say_nothing_of_servers()
    words = _Asked(**asked)
    config = dataclasses.replace(caller, user=caller.user if who is None else who).config()
    policy = load(config.policy.model, config.policy.files)
    past = asyncio.run(_past(config, words)) if words.run else None
    query = _changed(past.query, words) if past else _query(config, words)
    query = asyncio.run(informed(config, query, offline=offline))
    explanation = explain(policy, query)
    lasting = _lasting(config, policy, query) if explanation.decision.effect == "ask" else []
    if as_json:
        recorded: dict[str, object] = {"recorded": past.to_json()} if past else {}
        recorded |= {"remembered": lasting} if lasting else {}
        emit(explanation.to_json() | {"tool_known": query.tool is not None} | recorded)
    else:
        _print(policy, query, past)
        for said in lasting:
            click.echo(f"\n  but   {said}, as long as the tool is the same and whoever agreed may agree to it")
    return Exit.OK


def _lasting(config: "Config", policy: "Policy", query: "Query") -> list[str]:
    """The answers to earlier calls that may count for this one, too, as the store has them: where no line asks that did
    not ask then, and no secret of ours is in it that was not told of then.
    """
    from contextlib import closing

    from gateway.call import Arguments
    from gateway.config import own_secrets
    from gateway.credentials import holding
    from gateway.errors import TooOld
    from gateway.reasons import of_lines
    from gateway.store.opening import is_made, open_store

    if query.args is None or query.action != "call" or not is_made(config):
        return []
    arguments = Arguments.parse(query.args)
    holds = holding(arguments, own_secrets(config, os.environ))
    try:
        store = open_store(config, as_it_is=True)
    except TooOld:  # nothing is in it yet
        return []
    with closing(store):
        found = store.lasting.about(query.subject, query.object)
    asking = {reason.name for reason in of_lines(policy, query)}
    such = (one for one in found if one.agent == query.subject.agent and one.alike(arguments))
    return [one.said for one in such if asking <= set(one.reasons) and one.tells_of(arguments, holds)]


def _print(policy: "Policy", query: "Query", past: "Past | None") -> None:
    from gateway.policy.explain import explain
    from gateway.policy.render import render, render_past

    for line in render_past(past, query, policy.digest) if past else ():
        click.echo(line)
    click.echo(render(explain(policy, query)))


# ---- the question


def _query(config: "Config", asked: _Asked) -> "Query":
    from gateway.identity import user_subject

    if asked.call:
        raise click.UsageError("--call needs --run: a call has its key within a run")
    if asked.path is None:
        raise click.UsageError("say what is to be done with --tool, or which recorded call is meant with --run")
    query = question(config, asked.path, asked.action or "call", None)
    subject = dataclasses.replace(query.subject, agent=through(asked.agent))
    requester = user_subject(asked.requester) if asked.requester else None
    return _changed(dataclasses.replace(query, subject=subject, requester=requester), asked)


def question(config: "Config", path: str, action: str, arguments: str | None) -> "Query":
    """May the configured user do this now? A name that is none, or arguments that can't be read: a mistake of use."""
    from datetime import UTC, datetime

    from gateway.call import Subject
    from gateway.names import split_path
    from gateway.policy import Query, RunFacts

    with usage_of("SERVER/TOOL"):
        split_path(path)
        if is_pattern(path, action):
            raise ValueError(f"`{path}` is a pattern, and this is about one tool; `policy who-can` takes a pattern")
    args = None if arguments is None else _arguments(arguments)
    subject = Subject(config.identity.user, config.identity.tenant)
    return Query(subject, action, path, args, None, RunFacts(), datetime.now(UTC))


def is_pattern(path: str, action: str) -> bool:
    """Whether it stands for more than one name. A tool's name has no `*` and no `?`; a resource's may have a `?`."""
    return "*" in path or ("?" in path and action not in ("read", "subscribe", "complete"))


def _changed(query: "Query", asked: _Asked) -> "Query":
    """The question with the arguments, the run and the time that were typed."""
    if asked.arguments is not None:
        query = dataclasses.replace(query, args=_arguments(asked.arguments))
    if asked.at is not None:
        query = _at(query, asked.at)
    return query if asked.run_facts is None else _with_facts(query, asked.run_facts)


def _with_facts(query: "Query", text: str) -> "Query":
    """The question with what these words say of the run and, counted from the time that it is about, of its subject."""
    from gateway.policy.run_words import auth_age, run_facts

    with usage_of("--run-facts"):
        age, words = auth_age(text)
        query = dataclasses.replace(query, run=run_facts(words, query.run))
    if age is None:
        return query
    subject = dataclasses.replace(query.subject, since=query.now.timestamp() - age)
    return dataclasses.replace(query, subject=subject)


def _arguments(text: str) -> "JsonObject":
    from gateway.call import Arguments

    with usage_of("--args"):
        return Arguments.parse(text).value


def _at(query: "Query", text: str) -> "Query":
    from datetime import UTC, datetime

    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        said = f"`{ascii(text)[1:-1]}` is no time; write 2026-11-21T09:30"
        raise click.BadParameter(said, param_hint="--at") from None
    return dataclasses.replace(query, now=when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC))


async def _past(config: "Config", asked: _Asked) -> "Past":
    """The recorded call that is meant. Raises UnknownRun."""
    from gateway.policy.recorded import approval_of, calls_of, past
    from gateway.store.opening import open_store

    if asked.path or asked.action or asked.agent:
        raise click.UsageError(
            "a recorded call has its own tool, action and agent: leave out --tool, --action, --agent"
        )
    store = open_store(config, as_it_is=True)
    try:
        row = await store.run_row(asked.run or "")
        events = await store.events(row.id)
        key = asked.call or next(reversed(calls_of(events)), "")
        approval = approval_of(events, key)
        kept = (await store.approval(approval)).arguments if approval else None
    finally:
        store.close()
    with usage_of("--call"):
        return past(row.id, events, key, asked.arguments or kept)


# ---- the tool


async def informed(config: "Config", query: "Query", *, offline: bool) -> "Query":
    """The query with the facts about its tool, from its server alone, or as it was pinned."""
    from gateway.cli.policy.knowing import connected, pinned

    server = query.object.partition("/")[0]
    known = pinned(config, [server]) if offline else await connected(config, [server])
    kinds: dict[str, Action] = {"read": "read", "subscribe": "read", "get": "get", "complete": "complete"}
    tool = known.catalogue.find(kinds.get(query.action, "call"), query.object)
    if not offline:
        _say_how_known(known, query, there=tool is not None)
    return dataclasses.replace(query, tool=tool)


def _say_how_known(known: "Known", query: "Query", *, there: bool) -> None:
    if not there:
        why = _why_unknown(known.catalogue, query)
        click.echo(f"nothing is known about `{query.object}`: {why}", err=True)
    elif known.from_pins:
        click.echo(f"`{query.object}` is known as it is in toolgate.lock: its server can't be asked", err=True)


def _why_unknown(catalogue: "Catalogue", query: "Query") -> str:
    from gateway.visible import visible
    from gateway.wording import did_you_mean

    server = query.object.partition("/")[0]
    if server in catalogue.missing:
        return visible(catalogue.missing[server])
    if not any(tool.server == server for tool in catalogue.tools.values()):
        return f"no server `{server}` is configured"
    return did_you_mean(query.object, catalogue.tools) or "its server does not offer it"
