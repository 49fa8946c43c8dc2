"""References of transfers in the narrations of Indian banks."""

import pytest

from urja.core.statements import normalised_utr, utr_in, without_references
from urja.core.statements.references import key_in


@pytest.mark.parametrize(
    ("narration", "utr"),
    [
        ("UPI/CR/412345678901/RAVI KUMAR/SBIN/ravi@oksbi/flat 12", "412345678901"),
        ("UPI-ASHA-ASHA@YBL-HDFC0001234-412345678902-MAINT", "412345678902"),
        ("IMPS-412345678903-MOHAN-HDFC-XXXXXXXX1234-RENT", "412345678903"),
        ("MMT/IMPS/412345678904/NA/GOPAL/ICIC0000001", "412345678904"),
        ("NEFT CR-SBIN0001234-ASHA DEVI-SBIN526061123456", "SBIN526061123456"),
        ("NEFT-HDFCN52026030212345678-RAVI", "HDFCN52026030212345678"),
        ("RTGS CR-ICIC0000001-GOPAL-ICICR42026030200123456", "ICICR42026030200123456"),
        ("BY TRANSFER-501000123456-SELF", ""),
        ("CASH DEPOSIT HDFC0001234", ""),
    ],
)
def test_found_in_a_narration(narration, utr):
    assert utr_in(narration) == utr


def test_a_column_of_its_own_is_believed_first():
    assert utr_in("UPI/999999999999/X", "0000412345678901") == "412345678901"
    assert utr_in("CHQ PAID", "000123") == ""


def test_a_cheque_number_filled_with_zeros_is_no_reference_and_knows_its_entry_again():
    for narration, reference in (
        ("BY CLG", "0000000000123456"),
        ("BY CLG", "000000123456"),
        ("BY CLG", "000001234567"),
        ("IMPS 000000123456", ""),
    ):
        assert utr_in(narration, reference) == "", (narration, reference)
        assert key_in(narration, reference).endswith("123456" if "7" not in reference else "1234567")
    assert utr_in("UPI/412345678901", "0000000000123456") == "412345678901"
    assert utr_in("", "000112345678") == "000112345678", "year 0, day 001"


def test_as_people_copy_it():
    assert normalised_utr(" 4123 4567 8901 ") == "412345678901"
    assert normalised_utr("sbin 5260-6112-3456") == "SBIN526061123456"
    for wrong in ("", "12345", "000000123456", "000000000000", "ABCDEFGHIJKLMNOP", "x" * 500, "४१२३४५६७८९०१"):
        with pytest.raises(ValueError, match="is not a reference"):
            normalised_utr(wrong)


def test_pages_show_no_reference():
    shown = without_references("UPI/CR/412345678901/RAVI KUMAR/SBIN526061123456/98765@ybl")
    assert shown == "UPI/CR/…/RAVI KUMAR/…/…@ybl"
