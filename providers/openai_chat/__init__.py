"""Chat Completions, for OpenAI-compatible endpoints: `connect(endpoint)` is a `providers.Connected`.

`profiles` says how each known endpoint deviates, `encoding` writes a request, `decoding` reads the events of a reply,
`usage` its tokens, `details` what was thought, `connecting` makes a client of OpenAI's SDK.
"""

from providers.openai_chat.connecting import connect
from providers.openai_chat.profiles import PROFILES, Profile

__all__ = ["PROFILES", "Profile", "connect"]
