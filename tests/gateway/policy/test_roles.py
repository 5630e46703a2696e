from gateway.policy.roles import Roles
from gateway.policy.rows import Grant, parse_lines


def roles(text: str) -> Roles:
    rows, problems = parse_lines("p.csv", text)
    assert not problems
    return Roles.of(row for row in rows if isinstance(row, Grant))


CHAIN = roles(
    """
    g, user:ann, role:finance, acme
    g, role:finance, role:employee, acme
    g, role:employee, team:everybody, *
    g, user:root, role:admin, *
    """
)


def test_roles_are_had_through_roles() -> None:
    assert CHAIN.of_member("user:ann", "acme") == {"role:finance", "role:employee", "team:everybody"}
    assert CHAIN.of_member("user:eve", "acme") == frozenset()


def test_a_role_ends_with_its_tenant_and_star_counts_in_all() -> None:
    assert CHAIN.of_member("user:ann", "umbrella") == frozenset()
    assert CHAIN.of_member("role:employee", "umbrella") == {"team:everybody"}
    assert CHAIN.of_member("user:root", "wherever") == {"role:admin"}
    assert CHAIN.of_member("user:ann", "*") == frozenset()


def test_the_path_to_a_role_is_its_lines() -> None:
    path = CHAIN.path("user:ann", "team:everybody", "acme")
    assert [(hop.member, hop.role, hop.where) for hop in path] == [
        ("user:ann", "role:finance", "p.csv:2"),
        ("role:finance", "role:employee", "p.csv:3"),
        ("role:employee", "team:everybody", "p.csv:4"),
    ]
    assert CHAIN.path("user:ann", "role:admin", "acme") == ()


def test_chains_may_be_longer_than_casbin_follows() -> None:
    chain = roles("\n".join(f"g, role:r{number}, role:r{number + 1}, *" for number in range(40)))
    assert "role:r40" in chain.of_member("role:r0", "acme")


def test_a_circle_is_found_where_it_can_be_cut() -> None:
    (problem,) = roles("g, role:a, role:b, acme\ng, role:b, role:c, *\ng, role:c, role:a, acme").circles()
    assert "`role:a` would have itself as a role in tenant acme" in str(problem)
    assert str(problem).startswith("p.csv:1:12: error")


def test_a_role_that_has_itself_is_a_circle() -> None:
    (problem,) = roles("g, role:a, role:a, *").circles()
    assert "in every tenant" in problem.message


def test_halves_of_a_circle_in_different_tenants_are_none() -> None:
    assert roles("g, role:a, role:b, acme\ng, role:b, role:a, umbrella").circles() == []
