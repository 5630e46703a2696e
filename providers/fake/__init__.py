"""A fake model behind a network: a local server that plays scripts in three wire formats, with faults on demand.

It stands beside the other providers because it plays what `providers.scripted` plays: one script, embedded or on the
wire. `docs/fake-model.md` is the manual. Read in this order: `wire` (what the formats have in common), `checks` (shapes
of requests), `anthropic/`, `responses/`, `chat/` (each `shapes`, `rules`, `reading`, `writing`), `plan` (an answer as
actions), `line` (a connection that can be cut), `echo` (a key that is repeated), `answering` and `server`. Beside them:
`openai` (what two of the formats share), `routes` (which request means what), `models` (the list of them), `results`,
`wording` (of errors), `marks` (where in the script a reply was made), `seals` and `cache` (what backends keep), and
`record` (what was asked, for tests).
"""

from providers.fake.server import HEADER, FakeModel, greeting

__all__ = ["HEADER", "FakeModel", "greeting"]
