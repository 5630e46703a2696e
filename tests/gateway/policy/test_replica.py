"""How a process reports itself."""

from gateway.policy.replica import DEAD_AFTER, Replica

IT = Replica("host.example/4711/ab.cd", "/etc/policy.csv", "serve", 1, "d" * 64, 2, 1_000)


def test_it_is_silent_after_half_a_minute() -> None:
    assert not IT.silent(1_000 + DEAD_AFTER)
    assert IT.silent(1_001 + DEAD_AFTER)


def test_it_names_its_machine_and_its_process() -> None:
    assert (IT.host, IT.pid) == ("host.example", 4711)
    assert IT.to_json()["pid"] == 4711
    assert IT.to_json()["digest"] == "d" * 64
