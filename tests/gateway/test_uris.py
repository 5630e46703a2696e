"""Which server a URI means: unchanged where it is one server's, told apart where it is not, found by templates else."""

import time
from collections.abc import Sequence

import pytest

from gateway.offer import Offer
from gateway.uris import MAX_URI, Uris, qualified


def resource(server: str, uri: str, *, trusted: bool = False) -> Offer:
    return Offer("resource", server, uri, {"uri": uri, "name": uri}, trusted)


def template(server: str, text: str, *, trusted: bool = False) -> Offer:
    return Offer("template", server, text, {"uriTemplate": text, "name": text}, trusted)


def path_of(uris: Uris, uri: str) -> str | None:
    found = uris.route(uri)
    return found.path if found else None


TWO = Uris.of([resource("a", "file:///x"), resource("b", "file:///y"), resource("b", "file:///z")], {})
SHARED = Uris.of([resource("a", "file:///x"), resource("b", "file:///x"), resource("b", "file:///y")], {})


def test_a_uri_that_one_server_lists_goes_through_unchanged() -> None:
    assert list(TWO.listed) == ["file:///x", "file:///y", "file:///z"]
    assert [path_of(TWO, uri) for uri in TWO.listed] == ["a/file:///x", "b/file:///y", "b/file:///z"]


def test_a_uri_that_two_servers_list_is_told_apart_and_means_nobodys_as_it_is() -> None:
    assert list(SHARED.listed) == ["toolgate://a/file:///x", "toolgate://b/file:///x", "file:///y"]
    assert path_of(SHARED, "toolgate://a/file:///x") == "a/file:///x"
    assert path_of(SHARED, "file:///x") is None


def test_not_even_by_a_template_does_a_uri_of_two_servers_come_to_one() -> None:
    both = [resource("a", "file:///x"), resource("b", "file:///x"), template("c", "file:///{name}", trusted=True)]
    assert path_of(Uris.of(both, {}), "file:///x") is None


def test_every_resource_can_be_named_with_its_server_also_one_that_is_not_listed() -> None:
    assert path_of(TWO, "toolgate://b/file:///z") == "b/file:///z"
    assert path_of(TWO, "toolgate://b/file:///other?a=b#c") == "b/file:///other?a=b#c"
    assert path_of(TWO, "ToolGate://b/file:///z") == "b/file:///z"


UI = Uris.of([resource("a", "ui://dash"), resource("b", "ui://dash"), resource("b", "ui://own")], {})


def test_a_user_interface_of_two_servers_stays_one_for_hosts_which_take_no_other_scheme() -> None:
    assert list(UI.listed) == ["ui://toolgate/a/dash", "ui://toolgate/b/dash", "ui://own"]
    assert [path_of(UI, uri) for uri in UI.listed] == ["a/ui://dash", "b/ui://dash", "b/ui://own"]
    assert path_of(UI, "toolgate://b/ui://dash") == path_of(UI, "UI://Toolgate/b/dash") == "b/ui://dash"
    assert path_of(UI, "ui://dash") is None


@pytest.mark.parametrize("uri", ["ui://toolgate/", "ui://toolgate/b", "ui://toolgate/b/", "ui://toolgate/c/dash"])
def test_a_qualified_interface_of_nobody_is_nobodys(uri: str) -> None:
    assert path_of(UI, uri) is None


def test_a_server_that_lists_anothers_qualified_interface_does_not_get_it() -> None:
    uris = Uris.of([resource("bank", "ui://pay"), resource("evil", "ui://toolgate/bank/pay")], {})
    assert path_of(uris, "ui://toolgate/bank/pay") == "bank/ui://pay"
    assert list(uris.listed) == ["ui://pay", "ui://toolgate/evil/toolgate/bank/pay"]
    assert path_of(uris, "ui://toolgate/evil/toolgate/bank/pay") == "evil/ui://toolgate/bank/pay"


def test_what_a_tool_names_is_its_servers_though_nobody_lists_it() -> None:
    uris = Uris.of([resource("a", "x:1"), template("b", "ui://{+all}")], {}, {("a", "ui://dash"), ("none", "ui://z")})
    assert path_of(uris, "ui://dash") == "a/ui://dash"
    assert uris.exposed("a", "ui://dash") == "ui://dash"
    assert path_of(uris, "ui://z") == "b/ui://z"  # of a server without resources nothing is read


def test_what_tools_of_two_servers_name_is_told_apart_as_what_they_list() -> None:
    uris = Uris.of([resource("a", "ui://dash"), resource("b", "x:1")], {}, {("a", "ui://dash"), ("b", "ui://dash")})
    assert list(uris.listed) == ["ui://toolgate/a/dash", "x:1"]
    assert [uris.exposed(server, "ui://dash") for server in "ab"] == ["ui://toolgate/a/dash", "ui://toolgate/b/dash"]
    assert path_of(uris, "ui://toolgate/b/dash") == "b/ui://dash"
    assert path_of(uris, "ui://dash") is None


def test_in_a_part_with_one_of_its_servers_a_shared_uri_is_that_ones_under_either_name() -> None:
    part = UI.part(lambda server: server == "a", lambda path: path.startswith("a/"))
    assert list(part.listed) == ["ui://toolgate/a/dash"]
    assert path_of(part, "ui://toolgate/a/dash") == path_of(part, "ui://dash") == "a/ui://dash"
    assert path_of(part, "ui://toolgate/b/dash") is None
    none = UI.part(lambda server: server == "b", lambda path: path == "b/ui://own")
    assert path_of(none, "ui://dash") is None


@pytest.mark.parametrize("uri", ["toolgate://c/file:///z", "toolgate://b/", "toolgate://b", "toolgate://", ""])
def test_what_names_no_server_with_resources_or_nothing_of_it_is_nobodys(uri: str) -> None:
    assert path_of(TWO, uri) is None


def test_a_server_that_lists_anothers_qualified_uri_does_not_get_it() -> None:
    uris = Uris.of([resource("bank", "x:1"), resource("evil", "toolgate://bank/x:1")], {})
    assert path_of(uris, "toolgate://bank/x:1") == "bank/x:1"
    assert list(uris.listed) == ["x:1", "toolgate://evil/toolgate://bank/x:1"]
    assert path_of(uris, "toolgate://evil/toolgate://bank/x:1") == "evil/toolgate://bank/x:1"


def test_what_nobody_lists_belongs_to_the_only_server_that_has_resources() -> None:
    assert path_of(Uris.of([resource("a", "x:1")], {}), "y:2") == "a/y:2"
    assert path_of(Uris.of([], {"a": True}), "y:2") == "a/y:2"
    assert path_of(Uris.of([], {"a": True, "b": True}), "y:2") is None
    assert path_of(Uris.of([], {}), "y:2") is None


def test_of_what_is_not_listed_only_the_trust_in_its_server_is_known() -> None:
    found = Uris.of([], {"a": True}).route("y:2")
    assert found == Offer("resource", "a", "y:2", {}, trusted=True)


MATCHES = [
    ("test://template/{id}/data", "test://template/42/data", True),
    ("test://template/{id}/data", "test://template/4/2/data", False),
    ("test://template/{id}/data", "test://template/42/data/", False),
    ("file:///{+path}", "file:///a/b/c.txt?x#y", True),
    ("file:///{path}", "file:///a/b", False),
    ("file:///{path}", "file:///%E2%98%83", True),
    ("x://{host}{/segments*}", "x://h/a/b/c", True),
    ("x://q{?a,b}", "x://q", True),
    ("x://q{?a,b}", "x://q?a=1&b=2", True),
    ("x://q{?a,b}", "x://q/a", False),
    ("x://q?fixed=1{&a}", "x://q?fixed=1&a=2", True),
    ("x://q{#part}", "x://q#here", True),
    ("x://file{.ext}", "x://file.txt", True),
    ("x://m{;v}", "x://m;v=1", True),
    ("x://{var:3}", "x://abc", True),
    ("x://(.*)", "x://anything", False),
    ("x://(.*)", "x://(.*)", True),
    ("x://{=bad}", "x://bad", False),
    ("x://{}", "x://", False),
    ("x://{open", "x://{open", True),
    ("x://" + "{a}" * 33, "x://", False),
    ("x://{a}\n", "x://b", False),
    ("x://{a}", "x://b\n", False),
]


@pytest.mark.parametrize(("text", "uri", "fits"), MATCHES)
def test_a_template_is_rfc_6570_and_nothing_of_it_is_a_pattern_but_its_expressions(
    text: str, uri: str, fits: bool
) -> None:
    uris = Uris.of([template("a", text), resource("b", "other:1")], {})
    assert path_of(uris, uri) == (f"a/{uri}" if fits else None)


def owner(*offers: Offer) -> str | None:
    found = Uris.of(list(offers), {}).route("file:///srv/data/x")
    return found.server if found else None


def test_the_template_with_the_most_text_of_its_own_has_it_and_of_equals_none() -> None:
    broad, narrow = template("broad", "{+any}"), template("narrow", "file:///srv/{+path}")
    assert owner(broad, narrow) == "narrow"
    assert owner(template("a", "file:///{+p}"), template("b", "file:///{+q}")) is None
    assert owner(template("a", "file:///{+p}"), template("a", "file:///{+q}")) == "a"


def test_a_server_that_is_not_trusted_takes_nothing_from_one_that_is() -> None:
    greedy, honest = template("evil", "file:///srv/data/{x}"), template("files", "file:///{+path}", trusted=True)
    assert owner(greedy, honest) == "files"


def test_templates_of_two_servers_are_told_apart_and_found_by_what_they_are_shown_as() -> None:
    uris = Uris.of([template("a", "x://{i}"), template("b", "x://{i}"), template("b", "y://{i}")], {})
    assert [shown for shown, _ in uris.templates] == ["toolgate://a/x://{i}", "toolgate://b/x://{i}", "y://{i}"]
    assert [uris.template(shown) for shown, _ in uris.templates] == [offer for _, offer in uris.templates]
    assert uris.template("toolgate://b/y://{i}") == uris.templates[2][1]
    assert uris.template("x://{i}") is None
    assert uris.route("x://{i}") is None


HOSTILE: Sequence[tuple[str, str]] = [
    ("x://" + "{+a}b" * 30, "x://" + "b" * 8000 + "!"),
    ("x://" + "{a}" * 32 + "!", "x://" + "a" * 8000),
    ("x://{+a}" + "aaaa{+b}" * 30 + "z", "x://" + "a" * 8000),
]


@pytest.mark.parametrize(("text", "uri"), HOSTILE)
def test_a_template_made_to_stop_the_gateway_does_not(text: str, uri: str) -> None:
    uris = Uris.of([template("a", text), resource("b", "other:1")], {})
    begin = time.process_time()
    uris.route(uri)
    assert time.process_time() - begin < 1.0


def test_a_uri_that_is_too_long_is_not_looked_for() -> None:
    uris = Uris.of([template("a", "x://{+a}"), resource("b", "other:1")], {})
    assert path_of(uris, "x://" + "a" * (MAX_URI - 4)) is not None
    assert path_of(uris, "x://" + "a" * (MAX_URI - 3)) is None


def test_of_two_offers_with_one_name_the_first_counts_and_a_qualified_name_holds_the_path() -> None:
    first, second = resource("a", "x:1"), Offer("resource", "a", "x:1", {"name": "other"})
    assert list(Uris.of([first, second], {}).listed.values()) == [first]
    assert qualified(first.path) == "toolgate://a/x:1"
