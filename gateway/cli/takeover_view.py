"""What `toolgate import` tells: to people as it goes on, or as one JSON value at the end. Never a secret."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from gateway.cli.columns import aligned
from gateway.cli.exits import Exit
from gateway.cli.options import emit
from gateway.cli.program import program, typed
from gateway.cli.proof import Proof, Tried
from gateway.cli.takeover import Answer, Plan, secrets_in, shown_command
from gateway.config.folders import Folders
from gateway.errors import Problem
from gateway.hosts.changes import Failure
from gateway.hosts.dialects import passes_variables
from gateway.hosts.home import Home
from gateway.hosts.naming import Found
from gateway.hosts.sections import Section
from gateway.visible import visible

__all__ = ["Report", "proof_lines"]


class Report:
    """Collects what happens. `as_json` keeps it for one value at the end; else data goes to stdout, talk to stderr."""

    def __init__(self, home: Home, folders: Folders, *, as_json: bool) -> None:
        self.home, self.folders, self.as_json = home, folders, as_json
        self.servers: dict[int, dict[str, Any]] = {}
        self.files: list[dict[str, Any]] = []
        self.problems: list[Problem] = []
        self.connected: list[str] = []
        self.proof: Proof | str | None = None
        self.failed = False
        self.note = ""

    def near(self, path: Path) -> str:
        """The path as one would type it."""
        return typed(path, self.folders.cwd, self.folders.home)

    def _say(self, *rows: Sequence[str], indent: str = "") -> None:
        """Rows of data, in columns."""
        for line in aligned([[visible(cell) for cell in row] for row in rows]) if rows and not self.as_json else ():
            click.echo(f"{indent}{line}")

    def _tell(self, text: str) -> None:
        if not self.as_json:
            click.echo(text, err=True)

    def _problem(self, problems: Sequence[Problem]) -> None:
        self.problems += problems
        for problem in problems:
            self._tell(visible(str(problem)))

    # ---- the steps

    def found(self, found: Sequence[Found], sections: Sequence[Section], problems: Sequence[Problem]) -> None:
        """What there is, and what would be done with it."""
        self._problem(problems)
        for section in sections:
            inside = [one for one in found if one.section is section]
            if not inside:
                self.connected.append(section.host.name)
            state = "" if inside else "goes through Toolgate already"
            self._say((section.host.title, self._place(section), *([state] if state else [])))
            self._say(*[(one.name, _intention(one)) for one in inside], indent="  ")
        for one in found:
            self.servers[id(one)] = _row(one)
        for one in found:
            self._warn(one)

    def _place(self, section: Section) -> str:
        """The file; and that it is about the project's folder, where its path does not say so."""
        path, folder = section.source.path, section.workspace
        return self.near(path) + ("" if folder is None or folder in path.parents else ", for this folder")

    def _warn(self, one: Found) -> None:
        if one.entry is None:
            return
        if secrets := secrets_in(one):
            where = self.near(self.home.servers_file)
            self._tell(f"{visible(one.here)}: {', '.join(map(visible, secrets))} stays literal, in {where} (mode 0600)")
        for key, what in (("enabledTools", "no other tools than these are there"), ("disabledTools", "switched off")):
            if key in one.entry:
                self._tell(f"{visible(one.here)}: {what}, as before: {', '.join(map(visible, one.entry[key])) or '-'}")
        if one.dropped:
            self._tell(f"{visible(one.here)}: {', '.join(map(visible, one.dropped))} has no effect in Toolgate")

    def read_elsewhere(self) -> None:
        """The project's `.mcp.json` is Toolgate's, and not only Toolgate's."""
        where = self.near(self.home.servers_file)
        self._tell(f"Claude Code reads .mcp.json here itself, round the gateway: move what is in it to {where}")

    def made(self, paths: Sequence[Path]) -> None:
        """Files of the user's own gateway."""
        for path in paths:
            self._tell(f"made {self.near(path)}")

    def answered(self, wanted: Sequence[Found], answers: Mapping[str, Answer], *, judged: bool) -> None:
        """How each server answered."""
        self._say(*[(name, *_answer(answer, judged=judged)) for name, answer in answers.items()])
        for one in wanted:
            self.servers[id(one)] |= _answer_row(answers[one.here], judged=judged)
        for name, answer in answers.items() if judged else ():
            if answer.tools and not answer.usable:
                line = f"p, user:YOU, *, {name}/*, call, , allow, WHY"
                self._tell(f"the policy allows you no tool of {name}; a line that would: {line}")

    def planned(self, plan: Plan, *, dry_run: bool, keep: bool) -> None:
        """What is moved, or with `dry_run` would be."""
        self._problem(plan.problems)
        for section, _ in plan.connected if plan.variables else ():
            if not passes_variables(section.host):
                names = ", ".join(plan.variables)
                self._tell(f"{section.host.title} can't pass on {names}: set it for {section.host.title} itself")
        done = "kept" if keep else "moved"
        for one in plan.moved:
            self.servers[id(one)]["state"] = f"would be {done}" if dry_run else done
        for change in plan.changes:
            self.files.append({"owner": change.owner, "file": str(change.path), "written": not dry_run})
        if dry_run:
            self._say(*[("would change", self.near(change.path)) for change in plan.changes])

    def wrote(self, plan: Plan, failures: Sequence[Failure]) -> None:
        """Which files were written."""
        failed = {failure.change.path: failure.why for failure in failures}
        for file in self.files:
            file["written"] = Path(file["file"]) not in failed
        self.failed = bool(failed)
        done = [change.path for change in plan.changes if change.path not in failed]
        self._say(*[("changed", self.near(path)) for path in done])
        for path, why in failed.items():
            self._tell(f"{self.near(path)} could not be written, and is as it was: {why}")
        if done:
            self._tell(f"start your clients anew; `{program()} import --undo` gives their files back")

    def proved(self, section: Section, proof: Proof | str) -> None:
        """What came of the proof."""
        self.proof = proof
        title = f"proof, with what {section.host.title} starts now"
        self._tell(title)
        if isinstance(proof, str):
            self._tell(f"the gateway does not answer: {visible(proof)}")
            return
        self._say(*proof_lines(proof), indent="  ")

    def end(self, note: str, *, unreached: bool = False) -> int:
        """The last word, and the exit code."""
        if note:
            self._tell(note)
        code = self._code(unreached=unreached)
        if self.as_json:
            emit(self._json(note))
        return code

    def _code(self, *, unreached: bool) -> int:
        if self.failed or (isinstance(self.proof, Proof) and not self.proof.holds):
            return Exit.ERROR
        if self.problems:
            return Exit.CONFIG
        return Exit.UNREACHABLE if unreached or isinstance(self.proof, str) else Exit.OK

    def _json(self, note: str) -> dict[str, Any]:
        proof = {"error": self.proof} if isinstance(self.proof, str) else self.proof and self.proof.to_json()
        return {
            "gateway": str(self.home.folder),
            "servers": list(self.servers.values()),
            "connected": self.connected,
            "files": self.files,
            "problems": [str(problem) for problem in self.problems],
            "proof": proof,
            "note": note or None,
        }


def proof_lines(proof: Proof) -> list[tuple[str, str, str]]:
    """The two calls, for people."""
    return [_tried("allowed", proof.allowed), _tried("denied", proof.denied)]


def _tried(what: str, tried: Tried) -> tuple[str, str, str]:
    if tried.verdict == "none":
        return (what, "not tried", tried.why)
    mark = what if tried.holds else f"NOT {what}: {tried.verdict}"
    by = " ".join(part for part in (tried.rule, f"[{tried.gate}]" if tried.gate else "", tried.why) if part)
    return (mark, tried.tool, by)


def _intention(one: Found) -> str:
    if one.entry is None:
        return f"stays: {one.why}"
    name = "" if one.here == one.name else f" as {one.here}"
    return f"{shown_command(one)}{name}" + ("  (known here)" if one.known else "")


def _row(one: Found) -> dict[str, Any]:
    taken = one.entry is not None
    return {
        "client": one.section.host.name,
        "file": str(one.section.source.path),
        "place": str(one.place),
        "server": one.name,
        "name": one.here or None,
        "command": shown_command(one) if taken else None,
        "known": one.known,
        "state": "found" if taken else "stays",
        "why": one.why or None,
        "secrets": secrets_in(one),
        "dropped": list(one.dropped),
    }


def _answer(answer: Answer, *, judged: bool) -> tuple[str, str]:
    status = answer.status
    if not answer.ready:
        return "stays", status.error or "it does not answer"
    policy = f", {answer.usable} of them open to you" if judged else ""
    tools = "1 tool" if status.tools == 1 else f"{status.tools} tools"
    return "answers", f"{tools}{policy}, {status.era} era, {status.connect_seconds or 0:.2f} s"


def _answer_row(answer: Answer, *, judged: bool) -> dict[str, Any]:
    status = answer.status
    if not answer.ready:
        return {"state": "stays", "why": status.error or "it does not answer"}
    return {"tools": status.tools, "open": answer.usable if judged else None, "era": status.era}
