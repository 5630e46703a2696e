"""OpenAI's Responses: `connect(endpoint)` is a `providers.Connected` that also counts.

`encoding` writes a request, `decoding` reads the events of a reply (`drafts` are its unfinished parts), `connecting`
makes a client of the SDK: for the API itself and what is compatible with it, and for OpenAI's models at Azure, Bedrock
and Vertex. Nothing is stored there.
"""

from providers.openai_responses.connecting import connect

__all__ = ["connect"]
