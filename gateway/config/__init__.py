"""What Toolgate is told: `toolgate.toml`, `.mcp.json`, `budgets.toml`, the environment and the flags.

Reading order: `settings` (what may be said), `models`, `endpoints`, `model_names` and `choosing` (which model is meant
by a name, and where it is served), `output_schemas` (what an answer must fit), `server_entry` and `servers` (which
servers), `auth_word` (how to get into them), `tool_word` (what is said of their single tools) and `network`, `folders`
and `layers` (who is heard first), `loading` (all of it at once), `expansion` and `resolved_auth` (secrets, at the last
moment), `own_secrets` (all that there are), `showing` and `masking` (what people see of it), `budgets`, `starter` (what
`toolgate init` writes). Tables of their own have `channels` (how people are asked), `queueing` (workers), `serving`,
`stores` and `extra_fields` (of an endpoint); of budgets.toml `budget_rules` and `tool_prices`, in `amounts` as people
write them; `live_budgets` are those in force while the file is edited. Below them: `table` is what all tables share,
`templates` are texts with `${VARIABLES}`, `fields` and `schemas` say what the models know of a key; `places`,
`documents`, `toml_lines` and `jsonc` (both with a `cursor`) know in which line something stands; `findings` says what
is wrong with it.
"""

from gateway.config.budgets import SAFE, Budgets, load_budgets, parse_budget
from gateway.config.expansion import ResolvedHttp, ResolvedServer, ResolvedStdio, ServerConfig, expand
from gateway.config.layers import Flag
from gateway.config.live_budgets import LiveBudgets
from gateway.config.loading import Config, load_config
from gateway.config.own_secrets import own_secrets
from gateway.config.resolved_auth import ResolvedAuth, resolve_auth
from gateway.config.settings import AgentConfig, ModelConfig, Settings
from gateway.config.showing import Origin, launch, origins
from gateway.config.starter import Kept, Written, has_own_servers, write_starter

__all__ = [
    "SAFE",
    "AgentConfig",
    "Budgets",
    "Config",
    "Flag",
    "Kept",
    "LiveBudgets",
    "ModelConfig",
    "Origin",
    "ResolvedAuth",
    "ResolvedHttp",
    "ResolvedServer",
    "ResolvedStdio",
    "ServerConfig",
    "Settings",
    "Written",
    "expand",
    "has_own_servers",
    "launch",
    "load_budgets",
    "load_config",
    "origins",
    "own_secrets",
    "parse_budget",
    "resolve_auth",
    "write_starter",
]
