"""A fake model behind a network: a local server that plays scripts in three wire formats, with faults on demand.

It stands beside the other providers because it plays what `providers.scripted` plays: one script, embedded or on the
wire. `docs/fake-model.md` is the manual. Read in this order: `wire` (what the formats have in common), `checks` (shapes
of requests), `anthropic/`, `responses/`, `chat/` (each `shapes`, `rules`, `reading`, `writing`), `plan` (an answer as
actions), `line` (a connection that can be cut), `echo` (a key that is repeated), `answering` and `server`.
"""

from providers.fake.server import HEADER, FakeModel, greeting

__all__ = ["HEADER", "FakeModel", "greeting"]
