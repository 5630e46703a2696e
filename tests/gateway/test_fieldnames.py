"""A key that holds a field's name as a word is the field, however it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fieldnames import FieldNames, holder

KEYS = [
    *("ssn", "SSN", "ssn:", "ssn ", " SSN", "SSN#", "ssn (full)", "ssn[0]", "user[ssn]", "@ssn", "ns:ssn", "$ssn"),
    *("customer ssn", "customer_ssn", "customer-ssn", "ssn.value", "ssn/value", "s.s.n", "S.S.N.", "s_s_n"),
    *("ssnNumber", "customerSsn", "customerSSN", "SSNNumber", "SSNnumber", "ssn1", "2ssn", "has_ssn"),
    *("\uff53\uff53\uff4e", "s\u200bsn", "s\u00adsn", "s\u0301sn", "%73sn", "&#115;sn", "\\u0073sn", "%2573sn"),
]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_holds_the_name_as_a_word_is_the_field(key: str) -> None:
    assert FieldNames(["ssn"]).named((key,))
    assert FieldNames(["*.ssn"]).named(("people", key))
    assert holder("SSN")(key)


@pytest.mark.parametrize("key", ["", "classname", "passn", "ss", "ssnx", "xssn", "Assnx", "is_snappy", "[redacted]"])
def test_a_key_that_does_not_is_another(key: str) -> None:
    assert not FieldNames(["ssn"]).named((key,))


@pytest.mark.parametrize(
    ("field", "path", "named"),
    [
        ("customer.iban", ("customer", "iban"), True),
        ("customer.iban", ("Customers: customer", "IBAN (full)"), True),
        ("customer.iban", ("customer.iban",), True),
        ("customer.iban", ("customerIban",), True),
        ("a.customer.iban", ("a", "customer[iban]"), True),
        ("a.customer.iban", ("a_customer", "iban"), True),
        ("customer.iban", ("iban",), False),
        ("customer.iban", ("iban", "customer"), False),
        ("customer.iban", ("customer", "x", "iban"), False),
        ("*.iban", ("iban",), True),
        ("*.*.iban", ("iban",), True),
        ("*.customer.iban", ("customer", "iban"), True),
        ("*.customer.iban", ("iban",), False),
        ("customer.*", ("customer", "x"), True),
        ("customer.*", ("x",), False),
        ("*", ("x",), True),
        ("*_token", ("a_token",), True),
        ("*_token", ("apiToken",), True),
        ("*_token", ("API token:",), True),
        ("*_token", ("my-token (old)",), True),
        ("*_token", ("token",), False),
        ("*_token", ("a_tokens",), False),
        ("?ban", ("my iban",), True),
        ("iban*", ("my ibans",), True),
        ("birth_date", ("birthDate",), True),
        ("birth_date", ("Date of birth",), False),
        ("gr\u00f6\u00dfe", ("GR\u00d6SSE",), True),
        ("line2", ("line2",), True),
        ("line2", ("line 2 (of 3)",), True),
        ("line", ("underline",), False),
    ],
)
def test_a_path_ends_in_a_field_step_by_step_or_in_one_key(field: str, path: tuple[str, ...], named: bool) -> None:
    assert FieldNames([field]).named(path) is named


def test_of_a_key_with_too_many_words_for_a_glob_nobody_says_that_it_is_none() -> None:
    assert FieldNames(["x*y"]).named((" ".join("a" * 60),))
    assert not FieldNames(["xy"]).named((" ".join("a" * 60),))


def test_to_the_letter_is_less() -> None:
    names = FieldNames(["ssn", "customer.iban", "*_token"])
    assert names.is_one("SSN")
    assert names.is_one("a_token")
    assert not names.is_one("ssn:")
    assert not names.is_one("iban")


@given(
    st.text(st.characters(exclude_categories=["L", "N", "M", "Cs"], exclude_characters="%&\\"), max_size=3),
    st.text(max_size=3),
)
def test_signs_part_words(sign: str, more: str) -> None:
    assert holder("ssn")(f"{more} {sign}ssn{sign or ' '} {more}")
