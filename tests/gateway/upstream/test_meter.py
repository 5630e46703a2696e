from gateway.upstream.meter import Meter, Pace

BURST, PACE = 500, 500.0


def test_a_burst_is_heard_at_once_and_what_is_more_at_its_pace() -> None:
    meter = Meter(Pace(BURST, PACE))
    assert meter.late(BURST, 100.0) == 0
    assert meter.late(1, 100.0) == 1 / PACE
    assert meter.late(int(PACE), 100.0) == (PACE + 1) / PACE


def test_what_rests_is_heard_at_once_again() -> None:
    meter = Meter(Pace(BURST, PACE))
    assert meter.late(BURST + 50, 100.0) == 50 / PACE
    assert meter.late(1, 100.0 + BURST / PACE) == 0
    assert meter.late(BURST, 1000.0) == 0


def test_it_has_rested_when_nothing_counts_any_more() -> None:
    meter = Meter(Pace(BURST, PACE))
    rested = []
    for count, now in ((BURST, 100.0), (1, 100.0 + BURST / PACE - 0.1), (1, 102.0)):
        meter.late(count, now)
        rested.append(meter.rested)
    assert rested == [True, False, True]
