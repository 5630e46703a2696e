"""Anthropic's Messages: `connect(endpoint)` is a `providers.Connected` that also counts.

`encoding` writes a request, `form` the schema of its answer, `decoding` reads the events of a reply, `pausing` has one
that only paused go on, `connecting` makes a client of the SDK: for the API itself and what is compatible with it, and
for Claude at Azure, Bedrock and Vertex.
"""

from providers.anthropic.connecting import connect

__all__ = ["connect"]
