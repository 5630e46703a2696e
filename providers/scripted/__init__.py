"""An embedded model that plays a script: for demonstrations, tests and dry runs, without a key or a network.

`ScriptedProvider.from_file(path)` is a `providers.Provider`; `docs/scripted-model.md` is the manual. Read in this
order: `nodes` (YAML that knows its lines), `template` (`${results[0].id}`), `seen` and `condition` (what came back, and
what is wanted of it), `script` (the steps), `faults` (what can go wrong), `place` (where a conversation stands in the
steps), `playing` (the provider).
"""

from providers.scripted.nodes import ScriptError
from providers.scripted.playing import ScriptedProvider

__all__ = ["ScriptError", "ScriptedProvider"]
