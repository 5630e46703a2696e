"""What was encoded once is not encoded again, as long as it is the very same."""

from collections.abc import Sequence

from providers.wire.remembered import remembered


def test_the_same_tuple_is_looked_at_once_and_another_one_anew() -> None:
    seen: list[Sequence[int]] = []

    @remembered
    def total(items: Sequence[int]) -> int:
        seen.append(items)
        return sum(items)

    first, equal, changing = tuple([1, 2]), tuple([1, 2]), [1]  # noqa: C409 - constants that are equal are the same
    assert (total(first), total(first), total(equal)) == (3, 3, 3)
    assert len(seen) == 2
    assert total(changing) == 1
    changing.append(5)
    assert total(changing) == 6


def test_only_the_last_ones_are_kept() -> None:
    seen: list[Sequence[int]] = []

    def total(items: Sequence[int]) -> int:
        seen.append(items)
        return sum(items)

    of, many = remembered(total, keep=2), [(number,) for number in range(3)]
    assert [of(items) for items in [*many, many[2], many[0]]] == [0, 1, 2, 2, 0]
    assert len(seen) == 4
