"""The real server, as a child on stdio, and the LSP client of another project."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.lsp.client import LanguageClient

from gateway.pins.document import dump
from gateway.pins.entries import Identity, PinnedEntry, PinnedServer

PATIENCE = 60.0  # seconds: only a server that hangs takes them
ADD = {"name": "add", "description": "Adds.", "inputSchema": {"properties": {"a": {"type": "number"}, "b": {}}}}
TEXT = "p, user:ann, *, echo/*, call, , allow, y\np, *, *, echo/add, call, args.a > 1, deny, n\n"


@dataclass
class Editor:
    """An editor that has the policy open, and what the server told it of each file."""

    client: LanguageClient
    path: Path
    told: "asyncio.Queue[types.PublishDiagnosticsParams]" = field(default_factory=asyncio.Queue)
    version: int = 1

    @property
    def uri(self) -> str:
        return self.path.as_uri()

    async def open(self, text: str) -> list[types.Diagnostic]:
        item = types.TextDocumentItem(self.uri, "toolgate-policy", self.version, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return await self.findings()

    async def write(self, text: str) -> list[types.Diagnostic]:
        self.version += 1
        whole = types.TextDocumentContentChangeWholeDocument(text)
        changed = types.VersionedTextDocumentIdentifier(self.version, self.uri)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(changed, [whole]))
        return await self.findings()

    async def findings(self) -> list[types.Diagnostic]:
        told = await asyncio.wait_for(self.told.get(), PATIENCE)
        assert told.uri == self.uri
        return list(told.diagnostics)

    def at(self, line: int, character: int) -> tuple[types.TextDocumentIdentifier, types.Position]:
        return types.TextDocumentIdentifier(self.uri), types.Position(line, character)

    async def offered(self, line: int, character: int) -> list[types.CompletionItem]:
        params = types.CompletionParams(*self.at(line, character))
        found = await asyncio.wait_for(self.client.text_document_completion_async(params), PATIENCE)
        assert isinstance(found, list)
        return found

    async def hover(self, line: int, character: int) -> str:
        params = types.HoverParams(*self.at(line, character))
        found = await asyncio.wait_for(self.client.text_document_hover_async(params), PATIENCE)
        if found is None:
            return ""
        assert isinstance(found.contents, types.MarkupContent)
        return found.contents.value


@asynccontextmanager
async def an_editor(project: Path, path: Path) -> AsyncIterator[Editor]:
    client = LanguageClient("editor", "1")
    editor = Editor(client, path)

    @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)  # type: ignore[untyped-decorator]
    def told(params: types.PublishDiagnosticsParams) -> None:
        editor.told.put_nowait(params)

    await client.start_io(sys.executable, "-m", "gateway.cli", "policy", "lsp", "--stdio", "--project", str(project))
    capabilities = types.ClientCapabilities()
    begin = types.InitializeParams(capabilities, root_uri=project.as_uri())
    await asyncio.wait_for(client.initialize_async(begin), PATIENCE)
    client.initialized(types.InitializedParams())
    yield editor
    await asyncio.wait_for(client.shutdown_async(None), PATIENCE)
    client.exit(None)
    await asyncio.wait_for(client.stop(), PATIENCE)  # type: ignore[no-untyped-call]


def session(project: Path, path: Path, use: Callable[[Editor], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with an_editor(project, path) as editor:
            await use(editor)

    asyncio.run(whole())


@pytest.fixture
def pinned(bare: Path) -> Path:
    """The project, whose server has been seen."""
    pins = {"echo": PinnedServer(Identity("x"), {"add": PinnedEntry.of(ADD)})}
    (bare / "toolgate.lock").write_text("".join(dump(pins)))
    (bare / ".mcp.json").write_text('{"mcpServers": {"echo": {"command": "x"}}}')
    (bare / "policies" / "policy.csv").write_text(TEXT)
    return bare


def test_an_editor_is_told_what_is_wrong_where_and_that_it_is_mended(pinned: Path) -> None:
    async def use(editor: Editor) -> None:
        assert await editor.open(TEXT) == []
        (found,) = await editor.write(TEXT + "p, *, *, echo/add, call, , Deny, \U0001f600\n")
        assert found.message.startswith("unknown effect `Deny` (did you mean `deny`?)")
        assert found.severity == types.DiagnosticSeverity.Error
        assert (found.range.start, found.range.end) == (types.Position(2, 27), types.Position(2, 31))
        (found,) = await editor.write(TEXT.replace("args.a >", "args.c >"))
        assert "`c`" in found.message or "args.c" in found.message
        assert found.severity == types.DiagnosticSeverity.Warning
        assert await editor.write(TEXT) == []

    session(pinned, pinned / "policies" / "policy.csv", use)


def test_an_editor_is_offered_tools_roles_and_arguments_and_told_what_they_are(pinned: Path) -> None:
    async def use(editor: Editor) -> None:
        await editor.open(TEXT + "p, *, *, echo/\np, *, *, echo/add, call, args.\n")
        tools = {item.label: item for item in await editor.offered(2, 14)}
        assert tools["echo/add"].detail == "Adds."
        edit = tools["echo/add"].text_edit
        assert isinstance(edit, types.TextEdit)
        assert (edit.range.start, edit.range.end) == (types.Position(2, 9), types.Position(2, 14))
        assert {item.label for item in await editor.offered(2, 3)} == {"*", "user:ann"}
        assert [item.label for item in await editor.offered(3, 30)] == ["a", "b"]
        assert "**deny**: everybody may not call the tool `echo/add`" in await editor.hover(1, 0)
        assert "`args.a` number" in await editor.hover(1, 31)
        assert await editor.hover(9, 0) == ""

    session(pinned, pinned / "policies" / "policy.csv", use)
