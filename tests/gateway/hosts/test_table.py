import re

from gateway.hosts.table import HOSTS

ROOTS = {"{home}", "{config}", "{support}", "{appdata}", "{codex}", "{claude}", "{workspace}"}


def test_every_host_has_a_name_to_type_and_a_place_of_its_own() -> None:
    names = [host.name for host in HOSTS]
    assert len(names) == len(set(names)) == 8
    assert all(re.fullmatch(r"[a-z-]+", name) for name in names)
    assert all(any(location.scope == "user" for location in host.locations) for host in HOSTS)


def test_every_path_begins_with_a_known_folder() -> None:
    paths = [path for host in HOSTS for place in host.locations for path in place.paths.values()]
    paths += [path for host in HOSTS for place in host.locations for path, _ in place.off if path]
    assert {path.partition("/")[0] for path in paths} <= ROOTS


def test_every_place_is_known_on_linux_and_on_macos() -> None:
    for host in HOSTS:
        for place in host.locations:
            assert "*" in place.paths or {"linux", "darwin"} <= set(place.paths)
