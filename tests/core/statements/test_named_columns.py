"""Columns of a bank's CSV that are named by hand, and the first rows from which they are named."""

import pytest
from tests.core.statements.test_formats import CREDITS, CSV

from urja.core.statements import StatementError, first_rows_unknown, parse

HEADINGS = {
    "Date": "Tag",
    "Narration": "Worum es geht",
    "Chq./Ref.No.": "Beleg",
    "Withdrawal Amt.": "Paid (Dr)",
    "Deposit Amt.": "Paid (Cr)",
    "Closing Balance": "Stand",
}
NAMED = (
    ("date", "Tag"),
    ("narration", "worum  es geht"),
    ("reference", "Beleg"),
    ("debit", "Paid (Dr)"),
    ("credit", "Paid (Cr)"),
    ("balance", "Stand"),
)


def foreign(text=CSV):
    for known, unknown in HEADINGS.items():
        text = text.replace(known, unknown, 1)
    return text.encode()


def test_columns_named_by_hand_are_read_as_known_ones():
    with pytest.raises(StatementError, match="no row has headings such as"):
        parse(foreign())
    assert parse(foreign(), NAMED) == parse(CSV.encode())
    assert [one.amount_minor for one in parse(foreign(), NAMED).entries] == CREDITS
    signed = b"Tag,Text,Bewegung,Stand\n02/03/2026,A,5.00,5.00\n03/03/2026,B,-2.00,3.00\n"
    named = (("date", "Tag"), ("amount", "Bewegung"), ("balance", "Stand"))
    assert [one.amount_minor for one in parse(signed, named).entries] == [500, -200]


def test_the_first_rows_are_shown_where_headings_are_unknown():
    first = first_rows_unknown(foreign())
    assert first is not None
    assert (first.headings[0], first.headings[4], len(first.rows)) == ("Tag", "Paid (Dr)", 5)
    assert first.rows[0][0] == "02/03/26"
    assert first_rows_unknown(foreign(), NAMED) is None
    assert first_rows_unknown(CSV.encode()) is None
    assert first_rows_unknown(foreign().replace(b",", b";")).headings == first.headings


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ((*NAMED, ("date", "Beleg")), "a column has two headings"),
        ((*NAMED[:2], ("reference", "Stand"), *NAMED[3:]), "'Stand' is empty or named for two columns"),
        ((("date", " "), *NAMED[1:]), "is empty or named for two"),
        ((*NAMED[:5], ("balance", "Saldo")), r"no row has all headings that were named \(.*Saldo\)"),
        (NAMED[:3], "with those of a date, an amount and the balance"),
        (NAMED[:5], "with those of a date, an amount and the balance"),
        (
            (*NAMED[:3], ("debit", "Paid (Cr)"), ("credit", "Paid (Dr)"), ("balance", "Leer")),
            "no row has all",
        ),
        ((*NAMED[:3], ("debit", "Paid (Cr)"), ("credit", "Paid (Dr)"), NAMED[5]), "the balance is"),
    ],
)
def test_a_map_that_fits_the_file_nowhere_is_refused(named, says):
    with pytest.raises(StatementError, match=says):
        parse(foreign(), named)


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ((("debit", "Credit"), ("credit", "Debit")), "'Credit' says credit: it cannot be named debit"),
        ((("reference", "Balance"),), "'Balance' says balance: it cannot be named reference"),
        (
            (("balance", "Leer"),),
            "line 1: the heading 'Balance' says balance: no other column can be named so",
        ),
        ((("credit", "Text"),), "'Credit' says credit: no other column"),
    ],
)
def test_what_known_headings_say_of_money_is_not_changed_by_hand(named, says):
    body = b"Date,Text,Leer,Debit,Credit,Balance\n02/03/2026,A,,,5.00,5.00\n"
    with pytest.raises(StatementError, match=says):
        parse(body, named)


def test_without_a_balance_in_each_row_named_columns_prove_nothing():
    """The entries come to nothing, so that opening and closing balance would fit debit and credit swapped as well."""
    body = b"Opening Balance,1.00\nTag,Out,In,Stand\n02/03/2026,5.00,,\n03/03/2026,,5.00,\nClosing Balance,1.00\n"
    for columns in (("Out", "In"), ("In", "Out")):
        named = (("date", "Tag"), ("debit", columns[0]), ("credit", columns[1]), ("balance", "Stand"))
        with pytest.raises(StatementError, match="line 3: there is no balance"):
            parse(body, named)


def test_a_heading_that_stands_twice_cannot_be_named():
    with pytest.raises(StatementError, match="line 1: two columns have the heading 'betrag'"):
        parse(b"Tag,Betrag,Betrag\n02/03/2026,1.00,1.00\n", (("date", "Tag"), ("amount", "Betrag")))


def test_columns_of_another_format_cannot_be_named():
    with pytest.raises(StatementError, match="named for CSV alone"):
        parse(
            b":20:STMT1\n:25:50100012345678\n:28C:61/1\n:60F:C260302INR1,00\n:62F:C260304INR1,00\n-}", NAMED
        )


def test_hindi_headings_are_known():
    body = "दिनांक,विवरण,Debit,Credit,Balance\n02/03/2026,A,,5.00,5.00\n".encode()
    assert [one.narration for one in parse(body).entries] == ["A"]
