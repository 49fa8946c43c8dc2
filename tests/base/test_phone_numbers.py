"""Telephone numbers as people write them."""

import pytest

from urja.base.phone_numbers import normalised, spellings


@pytest.mark.parametrize(
    "text",
    ["9876543210", "98765 43210", "09876543210", "+91 98765-43210", "919876543210", "(+91) 98765.43210"],
)
def test_an_indian_mobile_number_has_one_form(text):
    assert normalised(text) == "+919876543210"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+254 712 345678", "+254712345678"),
        ("5876543210", None),  # no mobile number of India, and no country code
        ("987654321", None),
        ("98765432101", None),
        ("+0123456789", None),
        ("९८७६५४३२१०", None),
        ("asha@example.org", None),
        ("", None),
    ],
)
def test_other_numbers_need_their_country_code(text, number):
    assert normalised(text) == number


def test_every_stored_form_is_found():
    assert {normalised(one) for one in spellings("+919876543210")} == {"+919876543210"}
    assert spellings("+254712345678") == ("+254712345678", "254712345678")
