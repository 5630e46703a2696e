"""Policy files of any size, the shape of what companies write: roles, tenants, exact tools and patterns, conditions."""

from pathlib import Path

__all__ = ["SERVERS", "TOOLS", "USERS", "policy_text", "write_policies"]

SERVERS, TOOLS, USERS = 20, 25, 200  # `s0/t0` to `s19/t24`; each user has two of 40 roles

_CONDITIONS = ("", "", "args.amount <= {0}", "under(args.path, 'notes')", "has(args.kind) and args.kind != 'x{0}'")
_EFFECTS = ("allow", "allow", "allow", "ask", "deny")
_OWN = """\
p, user:bench,  *, up/*,      call, args.text != 'forbidden', allow, the benchmark may echo
p, *,           *, up/danger, call, , deny, nobody may
p, *,           *, s0/*,      call, run.tainted, ask, untrusted text was read
"""


def policy_text(rules: int) -> str:
    """So many `p` rows, and the roles of 200 users."""
    own = _OWN.splitlines()[:rules]
    made = [_rule(number) for number in range(rules - len(own))]
    grants = [f"g, user:u{user}, role:r{(user + extra) % 40}, *" for user in range(USERS) for extra in (0, 7)]
    return "\n".join([*own, *made, *grants, ""])


def _rule(number: int) -> str:
    tool = "*" if number % 11 == 0 else f"t{number % TOOLS}" if number % 3 else f"t{number % TOOLS}*"
    when = _CONDITIONS[number % len(_CONDITIONS)].format(number)
    tenant = "acme" if number % 4 == 0 else "*"
    effect = _EFFECTS[number // 5 % len(_EFFECTS)]
    return (
        f'p, role:r{number % 40}, {tenant}, s{number // 40 % SERVERS}/{tool}, call, "{when}", {effect}, rule {number}'
    )


def write_policies(folder: Path, rules: int, model: Path) -> None:
    """`model.conf`, `policy.csv`, and a `budgets.toml` with every limit set and none in reach."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.conf").write_text(model.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "policy.csv").write_text(policy_text(rules), encoding="utf-8")
    most = (
        'turns = 1000000\ntool_calls = 100000000\ntokens = "9000000m tokens"\nusd = "$1000000"\nwall_time = "8000h"\n'
    )
    (folder / "budgets.toml").write_text(f"[run]\n{most}\n[clients]\n{most}", encoding="utf-8")
