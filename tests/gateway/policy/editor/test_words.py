from gateway.call import Tool
from gateway.policy.editor.words import Words
from gateway.policy.rows import parse_lines

TEXT = """\
p, role:support, acme, shop/*, call, , allow, y
p, user:eve, *, shop/*, call, , Deny, a line that can't be read
g, user:ann, role:support, acme
g, role:boss, role:support, *
"""


def a_tool(path: str, **properties: object) -> Tool:
    server, _, name = path.partition("/")
    definition = {"name": name, "description": f"What {name} does.", "inputSchema": {"properties": properties}}
    return Tool(server, name, definition, "pin")


REFUND = a_tool("shop/refund", amount={"type": "number", "description": "in euros"}, note={"type": ["string", "null"]})
ORDER = a_tool("shop/order", sku={}, amount={"type": "integer"})
SEND = a_tool("mail/send", to={"type": "array"})
WORDS = Words.of(parse_lines("", TEXT)[0], [SEND, REFUND, ORDER])


def test_what_is_named_is_what_the_readable_lines_name() -> None:
    assert WORDS.whos == ("role:boss", "role:support", "user:ann")
    assert WORDS.tenants == ("acme",)
    assert WORDS.groups == ("role:boss", "role:support")
    assert WORDS.members == {"role:support": ("user:ann in acme", "role:boss")}
    assert list(WORDS.tools) == ["mail/send", "shop/order", "shop/refund"]


def test_arguments_are_those_of_the_tools_that_the_pattern_matches() -> None:
    assert WORDS.arguments("shop/refund") == {"amount": "number: in euros", "note": "string or null"}
    assert WORDS.arguments("shop/*") == {"sku": "", "amount": "integer", "note": "string or null"}
    assert WORDS.arguments("bank/*") == {}
    assert set(WORDS.arguments("sho")) == {"sku", "amount", "note", "to"}  # no pattern yet: it may become any


def test_a_schema_that_is_none_offers_nothing() -> None:
    odd = Tool("x", "y", {"name": "y", "inputSchema": {"properties": ["a"]}}, "pin")
    bare = Tool("x", "z", {"name": "z", "inputSchema": {"properties": {"a": True}}}, "pin")
    assert Words.of([], [odd]).arguments("x/y") == {}
    assert Words.of([], [bare]).arguments("x/z") == {"a": ""}
