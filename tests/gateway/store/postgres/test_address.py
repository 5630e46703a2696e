"""Where a database is: read from its URL, shown without a secret, explained when it can't be reached."""

import pytest

from gateway.errors import StoreError
from gateway.store.postgres.address import Address, address


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:s3cret@db.example:5433/toolgate", "postgresql://ann@db.example:5433/toolgate"),
        ("postgres://ann@db/x?sslmode=require&password=s3cret", "postgresql://ann@db/x"),
        ("postgresql://ann:s3cr%65t%40@/x?host=/run/pg", "postgresql://ann@/run/pg/x"),
        ("postgresql://a,b:1/x?user=ann&dbname=y", "postgresql://ann@a,b:1/x"),
        ("postgresql:///x", "postgresql:///x"),
    ],
)
def test_what_is_shown_of_it_says_where_it_is_and_no_secret(url: str, shown: str) -> None:
    place = address(url)
    assert place.shown == shown
    assert "s3cr" not in repr(place)


@pytest.mark.parametrize(
    "url", ["postgresql://ann:s3@cret@db/x", "postgresql://ann:s3/cret@db/x", "mysql://ann:s3cret@db/x", "s3cret", ""]
)
def test_a_url_that_can_not_be_read_is_refused_without_a_word_of_it(url: str) -> None:
    with pytest.raises(StoreError, match="in a password `@` is written `%40`") as found:
        address(url)
    assert "s3" not in str(found.value)
    assert "cret" not in str(found.value)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('FATAL:  password authentication failed for user "ann"', "the password is wrong"),
        ('FATAL:  database "x" does not exist', "`createdb` makes one"),
        ('FATAL:  role "ann" does not exist', "`createuser` makes one"),
        ("server does not support SSL, but SSL was required", "speaks no TLS"),
        ('root certificate file "/root.crt" does not exist', "sslrootcert=system"),
        ("SSL error: certificate verify failed", "not trusted"),
        ("Connection refused\n\tIs the server running on that host?", "nobody answers there"),
        ("permission denied for schema public", "GRANT CREATE"),
        ("no schema has been selected to create in", "CREATE SCHEMA makes one"),
        ("cannot execute UPDATE in a read-only transaction", "name the primary"),
        ("canceling statement due to lock timeout", "writing for too long"),
    ],
)
def test_what_went_wrong_is_told_with_what_to_do(said: str, told: str) -> None:
    text = address("postgresql://ann:s3cret@db/x").explained(Exception(said))
    assert text.startswith(said.splitlines()[0])
    assert told in text


def test_whatever_the_driver_says_has_no_password_in_it() -> None:
    place = address("postgresql://ann:s3%40cret@db/x?sslpassword=t0p")
    assert place.explained(Exception("bad s3@cret, s3%40cret and t0p")) == "bad ***, *** and ***"
    assert place.explained(Exception("")) == "Exception"
    assert place.explained(Exception("who knows")) == "who knows"


def test_what_the_url_says_counts_before_what_we_say() -> None:
    place = address("postgresql://db/x?connect_timeout=60")
    assert "connect_timeout" not in place.options
    assert place.options["application_name"] == "toolgate"
    assert Address("postgresql://db/x", "", ()).options["connect_timeout"] == "5"
