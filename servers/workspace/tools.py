"""What MCP sees of the folder: five tools. Pure but for the folder that they are given."""

from collections.abc import Callable
from dataclasses import asdict
from functools import wraps

from servers.tooling import Answer, Asked, Hints, Schema, ServedTool, ToolFailed
from servers.workspace.rooted import LIMIT, Refused, Rooted

__all__ = ["INSTRUCTIONS", "tools_for"]

INSTRUCTIONS = (
    "Files of one workspace. Paths are relative to it and use `/`: `notes/today.md`. "
    f"Files are UTF-8 text of at most {LIMIT} bytes. Nothing outside the workspace can be reached."
)

_FILE: Schema = {"type": "string", "minLength": 1, "description": "A file, relative to the workspace: `notes/today.md`"}
_FOLDER: Schema = {"type": "string", "default": ".", "description": "A folder, relative to the workspace"}
_TEXT: Schema = {"type": "string"}
_BYTES: Schema = {"type": "integer", "minimum": 0, "description": "Bytes"}
_YES_NO: Schema = {"type": "boolean"}
_ENTRY: Schema = {
    "type": "object",
    "properties": {"name": _TEXT, "kind": {"enum": ["file", "folder", "link", "other"]}, "size": _BYTES},
    "required": ["name", "kind", "size"],
    "additionalProperties": False,
}


def tools_for(root: Rooted) -> tuple[ServedTool, ...]:
    """The tools of one folder. They raise ToolFailed for whatever the folder refuses."""
    return (_list(root), _read(root), _write(root), _move(root), _delete(root))


def _telling(run: Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
    @wraps(run)
    def told(asked: Asked) -> Answer:
        try:
            return run(asked)
        except Refused as refusal:
            raise ToolFailed(str(refusal)) from None

    return told


def _list(root: Rooted) -> ServedTool:
    @_telling
    def run(asked: Asked) -> Answer:
        path = asked.arguments["path"]
        entries, complete = root.entries(path)
        return Answer({"path": path, "entries": [asdict(entry) for entry in entries], "complete": complete})

    return ServedTool(
        name="list_files",
        title="List files",
        description="Lists what one folder of the workspace holds, sorted by name, without what lies deeper.",
        parameters={"path": _FOLDER},
        output={"path": _TEXT, "entries": {"type": "array", "items": _ENTRY}, "complete": _YES_NO},
        hints=Hints(read_only=True, idempotent=True),
        run=run,
    )


def _read(root: Rooted) -> ServedTool:
    @_telling
    def run(asked: Asked) -> Answer:
        path = asked.arguments["path"]
        content = root.read(path)
        return Answer({"path": path, "content": content, "size": len(content.encode())}, text=content)

    return ServedTool(
        name="read_file",
        title="Read a file",
        description="Returns the whole text of a file.",
        parameters={"path": _FILE},
        output={"path": _TEXT, "content": _TEXT, "size": _BYTES},
        hints=Hints(read_only=True, idempotent=True),
        run=run,
    )


def _write(root: Rooted) -> ServedTool:
    @_telling
    def run(asked: Asked) -> Answer:
        path = asked.arguments["path"]
        size, created = root.write(path, asked.arguments["content"])
        return Answer({"path": path, "size": size, "created": created})

    return ServedTool(
        name="write_file",
        title="Write a file",
        description="Makes a file, or replaces all of its text, and makes the folders on the way. All or nothing.",
        parameters={"path": _FILE, "content": {"type": "string", "description": "The file's whole text"}},
        output={"path": _TEXT, "size": _BYTES, "created": _YES_NO},
        hints=Hints(destructive=True, idempotent=True),
        run=run,
    )


def _move(root: Rooted) -> ServedTool:
    @_telling
    def run(asked: Asked) -> Answer:
        source, destination = asked.arguments["source"], asked.arguments["destination"]
        root.move(source, destination)
        return Answer({"source": source, "destination": destination})

    return ServedTool(
        name="move_file",
        title="Move or rename a file",
        description="Gives a file another name or folder, and makes the folders on the way. Never replaces a file.",
        parameters={"source": _FILE, "destination": _FILE},
        output={"source": _TEXT, "destination": _TEXT},
        hints=Hints(destructive=True),  # nothing is lost, but the old name is: more than an addition
        run=run,
    )


def _delete(root: Rooted) -> ServedTool:
    @_telling
    def run(asked: Asked) -> Answer:
        path = asked.arguments["path"]
        return Answer({"path": path, "existed": root.delete(path)})

    return ServedTool(
        name="delete_file",
        title="Delete a file",
        description="Deletes a file for good. Says whether there was one; a file that is gone already is no error.",
        parameters={"path": _FILE},
        output={"path": _TEXT, "existed": _YES_NO},
        hints=Hints(destructive=True, idempotent=True),
        run=run,
    )
