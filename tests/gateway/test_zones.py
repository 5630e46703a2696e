import pytest

from gateway.zones import UnknownZone, zone_named


def test_a_zone_has_the_name_of_the_iana_database() -> None:
    assert zone_named("Europe/Berlin").key == "Europe/Berlin"


@pytest.mark.parametrize("name", ["Europe/Berln", "localtime", "posix/Europe/Berlin", "../etc/passwd", ""])
def test_what_is_no_zone_everywhere_is_none(name: str) -> None:
    with pytest.raises(UnknownZone):
        zone_named(name)


def test_a_zone_that_is_like_it_is_named() -> None:
    with pytest.raises(UnknownZone) as wrong:
        zone_named("Europe/Berln")
    assert wrong.value.hint == "did you mean `Europe/Berlin`?"
