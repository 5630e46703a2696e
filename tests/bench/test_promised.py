"""What is promised of a call stands beside what was measured, in the numbers of the same minute."""

from bench.promised import with_limits
from bench.table import Column, Row, Table


def a_table() -> Table:
    measured = {
        "direct": (0.2, 20_000.0),
        "the SDK's server": (1.24, 1_000.0),
        "toolgate, normal": (1.0, 2_000.0),
        "toolgate, normal, handshake": (1.1, 1_900.0),
        "toolgate, full": (2.0, 900.0),
    }
    rows = [Row(label, {"p50": p50, "added": p50 - 0.2, "rate_64": rate}) for label, (p50, rate) in measured.items()]
    return Table(
        "Calls", [Column("p50", "p50 ms"), Column("added", "added"), Column("rate_64", "calls/s x64", 0)], rows
    )


def test_both_eras_have_a_limit_by_what_the_sdks_server_does_on_the_same_machine() -> None:
    table = with_limits(a_table(), "direct", "the SDK's server", "toolgate, normal")
    limits = {
        row.label: (row.values["added_limit"], row.values["rate_limit"])
        for row in table.rows
        if row.values["added_limit"] is not None
    }
    assert set(limits) == {"toolgate, normal", "toolgate, normal, handshake"}
    for added, rate in limits.values():
        assert added is not None
        assert rate is not None
        assert round(added, 2) == 1.0  # 1.04 ms, of which 0.25 / 0.26
        assert round(rate) == 2051  # 1,000 calls a second, 8,000 / 3,900 times
    assert [column.key for column in table.columns] == ["p50", "added", "added_limit", "rate_64", "rate_limit"]


def test_half_of_it_is_half_the_rate_and_twice_the_time() -> None:
    whole = with_limits(a_table(), "direct", "the SDK's server", "toolgate, normal").rows[2].values
    half = with_limits(a_table(), "direct", "the SDK's server", "toolgate, normal", share=0.5).rows[2].values
    assert half["added_limit"] == 2 * (whole["added_limit"] or 0)
    assert half["rate_limit"] == (whole["rate_limit"] or 0) / 2
