"""Who is subscribed to a resource, or to what stands above it."""

from gateway.serve.subscribed import MOST_ABOVE, Subscribed


def above(subscribed: Subscribed[str], uri: str) -> list[tuple[str, list[str]]]:
    return [(whole, list(who)) for (_, whole), who in subscribed.above(("crm", uri))]


def test_the_wholes_of_a_part_come_the_longest_first() -> None:
    subscribed = Subscribed[str]()
    for server, uri, who in [
        ("crm", "file:///a", "ann"),
        ("crm", "file:///a", "bob"),
        ("crm", "file:///a/", "ann"),
        ("crm", "file:///a/b?x", "eve"),
        ("shop", "file:///a", "joe"),
    ]:
        subscribed.add((server, uri), who)
    assert above(subscribed, "file:///a/b?x#y") == [
        ("file:///a/b?x", ["eve"]),
        ("file:///a/", ["ann"]),
        ("file:///a", ["ann", "bob"]),
    ]
    assert above(subscribed, "file:///a") == above(subscribed, "file:///ab") == above(subscribed, "file://") == []
    assert list(subscribed.to(("crm", "file:///a"))) == ["ann", "bob"]
    assert not subscribed.to(("crm", "file:///b"))


def test_who_has_left_is_forgotten_and_so_is_what_nobody_is_subscribed_to() -> None:
    subscribed, key = Subscribed[str](), ("crm", "file:///a")
    for who in ("ann", "bob", "ann"):
        subscribed.add(key, who)
    subscribed.remove(key, "ann")
    subscribed.remove(key, "ann")
    assert above(subscribed, "file:///a/b") == [("file:///a", ["bob"])]
    subscribed.remove(key, "bob")
    subscribed.remove(key, "bob")
    assert above(subscribed, "file:///a/b") == []
    assert (subscribed._of, +subscribed._sizes) == ({}, {})  # noqa: SLF001


def test_places_beyond_the_first_few_are_not_looked_at() -> None:
    subscribed = Subscribed[str]()
    near, far = "x" + "/a" * (MOST_ABOVE - 1), "x" + "/a" * (MOST_ABOVE + 1)
    subscribed.add(("crm", near), "ann")
    subscribed.add(("crm", far), "ann")
    assert above(subscribed, far + "/a") == [(near, ["ann"])]
    assert above(subscribed, near + "/" + "b" * 9000) == []
