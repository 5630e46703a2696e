import tomllib

from gateway.hosts.toml_edit import with_table, without_tables

TEXT = """\
model = "gpt-5"   # the good one

# what time is it?
[mcp_servers.time]
command = "uvx" # from uv
args = [
  "mcp-server-time", # [not.a.header]
]

[mcp_servers.time.env]
TZ = "[utc]"
NOTE = \"\"\"
[mcp_servers.git]
\"\"\"
# what follows is mine
[mcp_servers."my git"]
command = 'git'

[projects."/p"]
trust_level = "trusted"
"""


def test_a_table_goes_with_the_tables_in_it_and_nothing_else_does() -> None:
    text = without_tables(TEXT, ("mcp_servers",), ["time"])
    start, end = TEXT.index("[mcp_servers.time]"), TEXT.index("# what follows")
    assert text == TEXT[:start] + "\n" + TEXT[end:]
    assert "time" not in tomllib.loads(text)["mcp_servers"]


def test_a_quoted_name_is_the_same_name() -> None:
    assert list(tomllib.loads(without_tables(TEXT, ("mcp_servers",), ["my git"]))["mcp_servers"]) == ["time"]


def test_a_table_is_added_behind_what_is_there() -> None:
    value = {"command": 'say "hi"', "args": ["a\\b", "ü"], "env": {"A.B": "1"}}
    text = with_table(TEXT, ("mcp_servers",), "tool gate", value)
    assert text.startswith(TEXT)
    assert tomllib.loads(text)["mcp_servers"]["tool gate"] == value


def test_lines_end_as_those_that_are_there() -> None:
    text = with_table('a = 1\r\nb = "x"', (), "t", {"c": "d"})
    assert text == 'a = 1\r\nb = "x"\r\n\r\n[t]\r\nc = "d"\r\n'
    assert without_tables(text, (), ["t"]) == 'a = 1\r\nb = "x"\r\n\r\n'


def test_an_empty_file_gets_no_empty_line() -> None:
    assert with_table("", (), "t", {"c": "d"}) == '[t]\nc = "d"\n'
