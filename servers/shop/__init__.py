"""The shop server: a small bicycle shop on SQLite, with money that must not be spent twice.

`python -m servers.shop --db FILE`. Read in this order: `money`, `stock` (what a new shop sells), `database` (its
file), `ledger` (what it can do), `tools` (what MCP sees of it), `command` (the flags).
"""
