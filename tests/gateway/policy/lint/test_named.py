import pytest

from gateway.policy.lint.people import People
from tests.gateway.policy.lint.offered import FINE, offered, told

TOOLS = (offered("shop/refund", {"amount": {"type": "number"}}), offered("shop/order"), offered("mail/send"))
PEOPLE = People(frozenset({"user:ann"}), frozenset({"acme"}), closed=True)
READ = """p, *, *, s*/*, read, tool.trusted, allow, y
g, user:ann, role:support, acme
p, role:support, *, mail/*, call, , allow, y
"""


def on(when: str, tool: str = "shop/*", action: str = "call", **known: object) -> list[str]:
    line = f'p, *, *, {tool}, {action}, "{when}", deny, no\n'
    return told(FINE + line + READ, *TOOLS, people=PEOPLE, **known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("when", "found"),
    [
        (
            "tool.name == 'refnd'",
            "unknown-tool: nothing that `shop/*` matches is called `refnd` (did you mean `refund`?)",
        ),
        ("tool.name == 'send'", "unknown-tool: nothing that `shop/*` matches is called `send`"),
        ("tool.server in ['shp']", "unknown-server: `shp` is not connected (did you mean `shop`?)"),
        ("'mial' in run.servers", "unknown-server: `mial` is not connected (did you mean `mail`?)"),
        ("'role:suport' in subject.roles", "unknown-role: nobody has `role:suport` (did you mean `role:support`?)"),
        ("subject.tenant == 'acmee'", "unknown-tenant: no `g` line, no API key, no run and no configuration knows"),
    ],
)
def test_a_name_that_is_nowhere_is_told_at_its_place(when: str, found: str) -> None:
    (line,) = on(when)
    assert found in line
    assert line.startswith(f"policy.csv:2:{24 + when.index(chr(39)) + 1} ")


@pytest.mark.parametrize(
    "when",
    [
        "tool.name == 'refund' or tool.name in ['order']",
        "tool.server == 'shop' and 'mail' in run.servers",
        "'role:support' in subject.roles",
        "subject.tenant == 'acme'",
        "matches(tool.name, 'refn*') or tool.name > 'zzz'",
    ],
)
def test_what_is_there_is_left_alone(when: str) -> None:
    assert on(when) == []


def test_of_servers_that_can_not_be_reached_nothing_is_known() -> None:
    assert on("tool.name == 'lead' and tool.server == 'crm'", "*/*", missing={"crm": "down"}) == []


def test_without_tools_and_people_nothing_is_compared_with_them() -> None:
    line = "p, *, *, shop/*, call, tool.name == 'x' or subject.tenant == 'y' or tool.server == 'z', deny, no\n"
    assert told(FINE + line) == []
