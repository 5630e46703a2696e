"""`toolgate pins`: what is pinned and what is held, the difference, and a person's yes. No server is started.

What is shown and accepted is what a gateway has seen and noted down, not what a server started anew would say.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from gateway.cli.exits import Exit, Stop, ends
from gateway.cli.options import Caller, as_json, caller, emit, only_behind

if TYPE_CHECKING:
    from gateway.pins.accepting import Accepting
    from gateway.pins.entries import Notes, Pins
    from gateway.pins.files import PinFiles

__all__ = ["pins_command"]

SHORTEST_PIN = 8  # of what a pin begins with


@click.group("pins", invoke_without_command=True, epilog=ends())
@as_json
@caller
@click.pass_context
def pins_command(context: click.Context, as_json: bool, caller: Caller) -> int:
    """List the pinned tools; those that are held, and those that came later, say so."""
    if context.invoked_subcommand is not None:
        return only_behind(context, "toolgate pins {name} ...")
    from gateway.cli.pinning import print_pins, rows

    files, pins, notes = _read(caller)
    if as_json:
        emit({"lock": files.shown, **rows(pins, notes)})
        return Exit.OK
    print_pins(pins, notes)
    if not pins and not notes.tools:
        click.echo("nothing is pinned yet; `toolgate tools` looks at the servers and pins what they offer", err=True)
    return Exit.OK


@pins_command.command("show", epilog=ends())
@click.argument("target", metavar="SERVER[/TOOL]")
@as_json
@caller
def show_command(target: str, as_json: bool, caller: Caller) -> int:
    """What was pinned, and what is there now, value by value; nothing in it is invisible."""
    from gateway.cli.pinning import details, print_details

    _, pins, notes = _read(caller)
    _known(target, pins, notes)
    shown = details(pins, notes, target)
    if as_json:
        emit(shown)
    else:
        print_details(shown)
    return Exit.OK


@pins_command.command("accept", epilog=ends())
@click.argument("target", metavar="SERVER[/TOOL]", required=False)
@click.option("--all", "everything", is_flag=True, help="Whatever is held, of every server.")
@click.option("--pin", metavar="HASH", help="Only if the tool's definition is this one, as `pins show` prints it.")
@as_json
@caller
def accept_command(target: str | None, everything: bool, pin: str | None, as_json: bool, caller: Caller) -> int:
    """Take a held definition for what the tool is from now on; running gateways notice."""
    if (target is None) != everything:
        raise click.UsageError("say which: SERVER, SERVER/TOOL, or --all")
    if pin is not None and (target is None or "/" not in target or len(pin) < SHORTEST_PIN):
        raise click.UsageError(f"--pin goes with one SERVER/TOOL, and has at least {SHORTEST_PIN} characters")
    who = caller.config().identity.user
    done = _accepted(caller, target, pin, who)
    if as_json:
        emit({"tools": list(done.tools), "servers": list(done.servers), "by": who})
        return Exit.OK
    from gateway.visible import visible

    for name in (*done.servers, *done.tools):
        click.echo(f"accepted by {who}: {visible(name)}", err=True)
    if not done.servers and not done.tools:
        click.echo("nothing waits to be accepted here", err=True)
    return Exit.OK


@pins_command.command("forget", epilog=ends())
@click.argument("target", metavar="SERVER[/TOOL]")
@click.option("--pinned", is_flag=True, help="Also what is pinned: it is pinned anew when it is seen the next time.")
@as_json
@caller
def forget_command(target: str, pinned: bool, as_json: bool, caller: Caller) -> int:
    """Forget what was held once and is not there any more."""
    from gateway.pins.forgetting import forget
    from gateway.visible import visible

    files = _files(caller)
    with _writing(files):
        pins, notes = files.read() or {}, files.read_notes()
        _known(target, pins, notes)
        done = forget(pins, notes, target, pinned=pinned)
        if done.pins != pins:
            files.write(done.pins)
        files.write_notes(done.notes)
    if as_json:
        emit({"tools": list(done.paths)})
        return Exit.OK
    for path in done.paths:
        click.echo(f"forgotten: {visible(path)}", err=True)
    if not done.paths:
        click.echo("nothing is known here that is not there any more; --pinned forgets what is pinned, too", err=True)
    return Exit.OK


def _accepted(caller: Caller, target: str | None, pin: str | None, who: str) -> "Accepting":
    """The change, written down while no gateway writes."""
    from datetime import UTC, datetime

    from gateway.pins.accepting import accept
    from gateway.pins.entries import Accepted

    files = _files(caller)
    word = Accepted(who, datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"))
    with _writing(files):
        pins, notes = files.read() or {}, files.read_notes()
        if target is not None:
            _known(target, pins, notes)
        if target is not None and "/" in target:
            _still(target, pin, pins, notes)
        done = accept(pins, notes, target, word, pin)
        if done.tools or done.servers:
            files.write(done.pins)
            files.write_notes(done.notes)
    return done


@contextmanager
def _writing(files: "PinFiles") -> Iterator[None]:
    try:
        with files.turn():
            yield
    except OSError as error:
        raise Stop(Exit.ERROR, f"{files.shown} can't be written: {error.strerror or error}") from None


def _still(target: str, pin: str | None, pins: "Pins", notes: "Notes") -> None:
    """Raises Stop unless what waits is what the person has seen; what is not there any more he has to name so."""
    server, _, tool = target.partition("/")
    note, entry = notes.tools.get(target), pins[server].entries.get(tool) if server in pins else None
    added = entry.pin if entry is not None and entry.added_at and (note is None or note.gone_at) else None
    there = [each for each in (note.pin if note else None, added) if each is not None]
    if pin is not None and not any(each.startswith(pin) for each in there):
        now = f"it is {there[-1][:12]} now" if there else "nothing of it waits"
        raise Stop(Exit.ERROR, f"the definition is not the one with the hash {pin}: {now}; see `toolgate pins show`")
    if pin is None and note is not None and note.gone_at and added is None:
        said = f"`{target}` was not like this any more when a gateway looked last; to accept it all the same, say --pin"
        raise Stop(Exit.ERROR, f"{said} {note.pin[:12]}; see `toolgate pins show`")


def _known(target: str, pins: "Pins", notes: "Notes") -> None:
    """Raises Stop for a server or tool that nobody has seen."""
    from gateway.visible import visible
    from gateway.wording import did_you_mean

    tools = {f"{name}/{tool}" for name, server in pins.items() for tool in server.entries} | notes.tools.keys()
    known = tools | pins.keys() | {path.partition("/")[0] for path in tools}
    if target not in known:
        hint = did_you_mean(target, sorted(known)) or "`toolgate pins` lists what is"
        raise Stop(Exit.ERROR, f"nothing is pinned or held as `{visible(target)}`; {hint}")


def _files(caller: Caller) -> "PinFiles":
    from gateway.pins.files import PinFiles

    return PinFiles.of(caller.config().folders)


def _read(caller: Caller) -> "tuple[PinFiles, Pins, Notes]":
    files = _files(caller)
    return files, files.read() or {}, files.read_notes()
