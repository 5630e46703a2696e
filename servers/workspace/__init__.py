"""The workspace server: files below one folder, and no way out of it.

`python -m servers.workspace --root DIR`. Read in this order: `rooted` (the folder), `tools` (what MCP sees of it),
`command` (the flags).
"""
