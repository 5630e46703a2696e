"""Bundled MCP servers, each a program of its own: `python -m servers.workspace`, `python -m servers.shop`."""
