from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.documents import toml_document
from gateway.config.folders import Folders
from gateway.config.layers import Flag, Layer, default_layer, environment_layer, file_layer, flag_layer, merged
from gateway.config.places import DEFAULT, KeyPath, Place

HOME, CWD = Path("/u/ann"), Path("/w")


def file(text: str, name: str = "toolgate.toml", folder: str = "/p") -> Layer:
    return file_layer(toml_document(text, name, Path(folder)), HOME)


def folders(project: Path | None) -> Folders:
    return Folders(CWD, HOME, project, HOME / ".config/toolgate", HOME / ".local/state/toolgate")


def test_flags_beat_the_environment_beats_the_project_beats_the_user_beats_defaults() -> None:
    layers = [
        default_layer("user:ann", folders(Path("/p"))),
        file("[identity]\nuser = 'user:u'\ntenant = 'u'\n[serve]\nport = 1\nhost = 'u'", "user.toml"),
        file("[serve]\nport = 2\n[identity]\ntenant = 'p'"),
        environment_layer({"TOOLGATE_SERVE__PORT": "3", "TOOLGATE_IDENTITY__TENANT": "e"}, CWD, HOME),
        flag_layer([Flag("--tenant", "identity.tenant", "f"), Flag("--as", "identity.user", None)], CWD, HOME),
    ]
    value, places = merged(layers)
    assert value["serve"] == {"port": 3, "host": "u"}
    assert value["identity"] == {"user": "user:u", "tenant": "f"}
    said = {path: str(place) for path, place in places.items() if len(path) == 2 and path[0] in ("serve", "identity")}
    assert said == {
        ("serve", "port"): "environment TOOLGATE_SERVE__PORT",
        ("serve", "host"): "user.toml:6",
        ("identity", "user"): "user.toml:2",
        ("identity", "tenant"): "flag --tenant",
    }
    assert places["store", "path"] is DEFAULT
    assert str(places["serve",]) == "environment TOOLGATE_SERVE__PORT"


@pytest.mark.parametrize(
    ("layer", "path"),
    [
        (file("store.path = 'x.db'"), Path("/p/x.db")),
        (file("store.path = '~/x.db'"), HOME / "x.db"),
        (file("store.path = '/abs/x.db'"), Path("/abs/x.db")),
        (environment_layer({"TOOLGATE_STORE__PATH": "x.db"}, CWD, HOME), CWD / "x.db"),
        (flag_layer([Flag("--store", "store.path", "x.db")], CWD, HOME), CWD / "x.db"),
        (default_layer("u", folders(Path("/p"))), Path("/p/.toolgate/toolgate.db")),
        (default_layer("u", folders(None)), HOME / ".local/state/toolgate/toolgate.db"),
    ],
)
def test_a_relative_path_starts_where_it_is_said(layer: Layer, path: Path) -> None:
    assert merged([layer])[0]["store"]["path"] == path


def test_the_script_of_a_model_is_a_path_too_and_other_texts_are_not() -> None:
    value = file("[models.x]\nscript = 'a.yaml'\nname = 'a.yaml'").value
    assert value["models"]["x"] == {"script": Path("/p/a.yaml"), "name": "a.yaml"}


def test_a_list_is_replaced_whole_and_its_places_with_it() -> None:
    value, places = merged([file("[serve]\nallowed_hosts = ['a', 'b']", "u"), file("[serve]\nallowed_hosts = ['c']")])
    assert value["serve"]["allowed_hosts"] == ["c"]
    assert ("serve", "allowed_hosts", 1) not in places
    assert places["serve", "allowed_hosts"] == Place("toolgate.toml", 2, 1)


def test_a_table_in_place_of_a_value_replaces_it_and_the_other_way_round() -> None:
    assert merged([file("serve = 1"), file("serve.port = 2")])[0] == {"serve": {"port": 2}}
    value, places = merged([file("serve.port = 2"), file("serve = 1")])
    assert value == {"serve": 1}
    assert set(places) == {("serve",)}


def test_an_environment_variable_that_is_no_setting_is_refused_with_the_right_word() -> None:
    layer = environment_layer({"TOOLGATE_SERVE__PROT": "1", "TOOLGATE_SEVRE__PORT": "1"}, CWD, HOME)
    assert [str(problem) for problem in layer.problems] == [
        "environment TOOLGATE_SERVE__PROT: error: there is no setting `serve.prot` (did you mean `port`?)",
        "environment TOOLGATE_SEVRE__PORT: error: there is no setting `sevre.port` (did you mean `serve`?)",
    ]


def test_other_variables_are_left_alone() -> None:
    layer = environment_layer({"TOOLGATE_PYTHON": "x", "SERVE__PORT": "1", "toolgate_serve__port": "1"}, CWD, HOME)
    assert (layer.value, layer.problems) == ({}, ())


def test_text_from_outside_gets_the_type_of_its_key() -> None:
    environ = {
        "TOOLGATE_SERVE__ALLOWED_HOSTS": "a, b",
        "TOOLGATE_SERVERS__SHOP__TRUSTED": "true",
        "TOOLGATE_SERVERS__SHOP__CALL_TIMEOUT": "2.5",
    }
    value = environment_layer(environ, CWD, HOME).value
    assert value["serve"]["allowed_hosts"] == ["a", "b"]
    assert value["servers"]["shop"] == {"trusted": True, "call_timeout": "2.5"}


def test_a_layer_does_not_show_what_it_holds() -> None:
    assert "hunter2" not in repr(file("[telemetry.headers]\nAuthorization = 'hunter2'"))


keys = st.sampled_from("abc")
trees: st.SearchStrategy[Any] = st.recursive(
    st.integers(), lambda inner: st.dictionaries(keys, inner, max_size=3), max_leaves=8
)


def layer_of(name: str, value: Mapping[str, Any]) -> Layer:
    return Layer(value, {path: Place(name) for path in paths(value)})


def paths(value: Any, path: KeyPath = ()) -> list[KeyPath]:
    below = [found for key, item in value.items() for found in paths(item, (*path, key))] if _table(value) else []
    return ([path] if path else []) + below


def _table(value: Any) -> bool:
    return isinstance(value, Mapping)


def reached(value: Any, path: KeyPath) -> Any:
    for part in path:
        value = value[part]
    return value


@given(st.lists(st.dictionaries(keys, trees, max_size=3), max_size=4))
def test_each_value_is_that_of_the_layer_that_its_place_names(values: list[dict[str, Any]]) -> None:
    layers = [layer_of(str(number), value) for number, value in enumerate(values)]
    value, places = merged(layers)
    assert set(places) == set(paths(value))
    for path, place in places.items():
        if not _table(reached(value, path)):
            assert reached(values[int(place.file)], path) == reached(value, path)
