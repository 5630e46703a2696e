"""The language server of policy files: LSP's words for what `diagnosing` finds and `gateway.policy.editor` says.

The only module that imports pygls and lsprotocol.
"""

import logging
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path
from pygls.workspace import ServerTextPosition, TextDocument

from gateway.cli.policy.diagnosing import Desk, diagnosed
from gateway.errors import Problem
from gateway.policy.editor.completing import Suggestion, suggestions
from gateway.policy.editor.hovering import about
from gateway.policy.editor.words import Words
from gateway.policy.rows import Row, parse_lines

__all__ = ["serve"]

_LARGE = 400_000  # characters; larger files are looked over when they are saved, not as one types
_SEVERITY = {"error": types.DiagnosticSeverity.Error, "warning": types.DiagnosticSeverity.Warning}
_CELL = re.compile(r"[^,\r\n]*")
_TRIGGERS = [",", ".", "/", ":", " "]


def serve(desk: Desk) -> None:
    """Until the editor says that it is done."""
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # stderr is for what people should read
    server = LanguageServer("toolgate-policy", "1")

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        _publish(server, desk, params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        _publish(server, desk, params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        if len(_document(server, params.text_document.uri).source) <= _LARGE:
            _publish(server, desk, params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=_TRIGGERS))
    def complete(params: types.CompletionParams) -> list[types.CompletionItem]:
        document = _document(server, params.text_document.uri)
        line, offset = _at(document, params.position)
        found = suggestions(line, offset, _words(document, desk))
        return [_item(document, params.position, suggestion) for suggestion in found]

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        document = _document(server, params.text_document.uri)
        text = about(*_at(document, params.position), _words(document, desk))
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text)) if text else None

    server.start_io()


def _document(server: LanguageServer, uri: str) -> TextDocument:
    return server.workspace.get_text_document(uri)


def _at(document: TextDocument, position: types.Position) -> tuple[str, int]:
    """The line, and the offset in it in characters."""
    lines = document.lines
    line = lines[position.line].rstrip("\r\n") if position.line < len(lines) else ""
    return line, document.position_from_client_units(position).character if line else 0


def _words(document: TextDocument, desk: Desk) -> Words:
    return Words.of(_rows(document.source), desk.tools())


@lru_cache(maxsize=4)
def _rows(text: str) -> Sequence[Row]:
    """Of one text an editor asks many times."""
    rows, _ = parse_lines("", text)
    return rows


def _item(document: TextDocument, position: types.Position, suggestion: Suggestion) -> types.CompletionItem:
    start = document.position_to_client_units(ServerTextPosition(position.line, suggestion.start))
    edit = types.TextEdit(types.Range(start, position), suggestion.text)
    return types.CompletionItem(suggestion.text, detail=suggestion.about or None, text_edit=edit)


def _publish(server: LanguageServer, desk: Desk, uri: str) -> None:
    documents = server.workspace.text_documents.values()
    texts = {path.resolve(): document.source for document in documents if (path := _path(document.uri))}
    if not (path := _path(uri)):
        return
    for file, problems in diagnosed(desk, path, texts).items():
        whose = uri if file.resolve() == path.resolve() else from_fs_path(str(file.resolve())) or uri
        document = _document(server, whose)
        found = [_diagnostic(document, problem) for problem in problems]
        server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(whose, found))


def _path(uri: str) -> Path | None:
    """None for what is no file: a text that was never saved."""
    path = to_fs_path(uri)
    return Path(path) if path and uri.startswith("file:") else None


def _diagnostic(document: TextDocument, problem: Problem) -> types.Diagnostic:
    """From the place of the problem to the end of its cell."""
    line, column = max(0, problem.line - 1), max(0, problem.column - 1)
    text = document.lines[line] if line < len(document.lines) else ""
    cell = _CELL.match(text, column)
    start, end = (ServerTextPosition(line, at) for at in (column, max(column + 1, cell.end() if cell else 0)))
    place = types.Range(document.position_to_client_units(start), document.position_to_client_units(end))
    message = problem.message + (f" ({problem.hint})" if problem.hint else "")
    return types.Diagnostic(place, message, severity=_SEVERITY[problem.level], source="toolgate")
