from gateway.policy import parse


def test_a_line_knows_where_it_stands_and_what_makes_it_the_same_as_another() -> None:
    one, other = parse("p, *, *, a/b, call, , deny, x\np, *, *, a/b, call, , deny, y").rules
    assert (one.where, other.where) == ("policy.csv:1", "policy.csv:2")
    assert one.key == other.key
