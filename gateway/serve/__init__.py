"""The gateway as an MCP server, for editors, coding agents and other runtimes: over HTTP and stdio, in both eras.

Reading order: `front` (the methods), `envelope` (what each era wants around a result), `sessions` (which run a request
belongs to), `strict` (JSON that can be read in one way only), `http` and `stdio` (the transports).
"""
