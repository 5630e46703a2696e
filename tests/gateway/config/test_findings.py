from pathlib import Path

import pytest

from gateway.config.documents import toml_document
from gateway.config.findings import validated
from gateway.config.places import Place
from gateway.config.settings import Settings
from gateway.errors import Problem


def problems(text: str) -> list[Problem]:
    document = toml_document(text, "toolgate.toml", Path())
    found = validated(Settings, document.value, document.places, Place("toolgate.toml"))
    assert isinstance(found, list)
    return [problem for problem in found if "lacks the key" not in problem.message or "models" in problem.message]


def only(text: str) -> str:
    (problem,) = problems(text)
    return str(problem)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[serve]\nprot = 1", "toolgate.toml:2:1: error: there is no key `prot` in `[serve]` (did you mean `port`?)"),
        ("[serv]\nport = 1", "toolgate.toml:1:2: error: there is no key `serv` (did you mean `serve`?)"),
        ("serve.port = 70000", "toolgate.toml:1:7: error: `serve.port` must be less than or equal to 65535"),
        ("serve = 1", "toolgate.toml:1:1: error: `serve` must be a table"),
        ("models = []", "toolgate.toml:1:1: error: `models` must be a table"),
        ('[serve]\nport = "1"', "toolgate.toml:2:1: error: `serve.port` must be a whole number"),
        ("[serve]\nhost = 1", "toolgate.toml:2:1: error: `serve.host` must be text in quotes"),
        ('[serve]\nallowed_hosts = "a"', "toolgate.toml:2:1: error: `serve.allowed_hosts` must be a list: `[...]`"),
        (
            '[serve]\nallowed_hosts = [\n "a",\n 1]',
            "toolgate.toml:4:2: error: `serve.allowed_hosts[1]` must be text in quotes",
        ),
        ("[servers.x]\ntrusted = 1", "toolgate.toml:2:1: error: `servers.x.trusted` must be `true` or `false`"),
        (
            '[servers.x]\nera = "moderm"',
            "toolgate.toml:2:1: error: `servers.x.era` can't be `moderm` (did you mean `modern`?)",
        ),
        ("[servers.x]\ncall_timeout = -1", "toolgate.toml:2:1: error: `servers.x.call_timeout`: must be more than 0"),
        (
            "[models.x]\nname = 'y'",
            "toolgate.toml:1:9: error: `[models.x]` lacks the key `provider`",
        ),
        (
            "[models.x]\nprovider = 'scriptd'",
            "toolgate.toml:2:1: error: `models.x.provider`: there is no provider `scriptd`; did you mean `scripted`?",
        ),
        (
            "[agents.x]\ntools = ['shop']",
            "toolgate.toml:2:1: error: `agents.x.tools`: `shop` is no `server/tool`: write `shop/*` for all its tools",
        ),
        (
            "[agents.x.budgets]\nwall_time = 15",
            '[agents.x.budgets]: write a time with its unit: `"90s"`, `"15m"` or `"2h"`',
        ),
    ],
)
def test_each_mistake_is_told_in_our_words_at_its_place(text: str, told: str) -> None:
    if told.startswith("["):
        assert only(text).endswith(told.partition(": ")[2])
    else:
        assert only(text) == told


def test_a_name_that_can_not_be_one_is_told_where_it_stands() -> None:
    assert only('[agents."a b"]').startswith("toolgate.toml:1:9: error: `agents.a b`: a name has")


def test_everything_that_is_wrong_is_told_at_once() -> None:
    assert len(problems("[serve]\nprot = 1\nhost = 2\n[x]\n")) == 3


def test_no_message_of_pydantic_shines_through() -> None:
    told = [str(problem) for problem in problems("models = 1\nagents = 2\nserve = 3\ntelemetry = 4\n")]
    assert all("must be a table" in text for text in told)
