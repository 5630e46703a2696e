"""Bundled MCP servers, each a program of its own: `python -m servers.workspace`, `python -m servers.shop`.

workspace/  files below one folder, and no way out of it
shop/       orders and refunds, with money that must not be spent twice
program     what both do when they are started
tooling     what a server and its tools are made of
serving     a table of tools, served to any MCP client
"""
