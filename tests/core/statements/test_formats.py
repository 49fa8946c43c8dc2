"""One statement in each format of the banks, read alike; and what is refused, with its line."""

from datetime import date

import pytest
from hypothesis import given, strategies as st

from urja.core.statements import StatementError, parse
from urja.core.statements.fields import amount_minor, day
from urja.core.units import MOST_MINOR

CSV = """\ufeffNEEM RESIDENTS ASSOCIATION,,,,,,
"Account No : 50100012345678",,,,,,
Statement From : 01/03/2026 To : 05/03/2026,,,,,,
,,,,,,
Date,Narration,Chq./Ref.No.,Value Dt,Withdrawal Amt.,Deposit Amt.,Closing Balance
02/03/26,UPI-RAVI KUMAR-RAVI@OKHDFC-412345678901,0000412345678901,02/03/26,,"1,00,000.00","1,50,000.00"
02/03/26,NEFT CR-SBIN0001234-ASHA-SBIN526061123456,SBIN526061123456,02/03/26,,500.50,"1,50,500.50"
03/03/26,CASH DEPOSIT BY SELF,,03/03/26,,500.50,"1,51,001.00"
03/03/26,CASH DEPOSIT BY SELF,,03/03/26,,500.50,"1,51,501.50"
04/03/26,ELECTRICITY BILL,000123,05/03/26,"1,501.50",,"1,50,000.00"
,,,,,,
"STATEMENT SUMMARY  :-",,,,,,
Opening Balance,Dr Count,Cr Count,Debits,Credits,Closing Bal,
"50,000.00",1,4,"1,501.50","1,01,501.50","1,50,000.00",
**End of statement**
"""
CREDITS = [10_000_000, 50_050, 50_050, 50_050, -150_150]

MT940 = """{1:F01HDFCINBBXXXX0000000000}{2:I940X}{4:
:20:STMT1
:25:50100012345678
:28C:61/1
:60F:C260302INR50000,00
:61:2603020302CR100000,00NTRFNONREF//412345678901
:86:UPI/CR/412345678901/RAVI KUMAR/
HDFC/ravi@okhdfc
:61:2603020302C500,50NTRFSBIN526061123456
:86:NEFT ASHA
:62M:C260302INR150500,50
-}
{1:F01HDFCINBBXXXX0000000000}{2:I940X}{4:
:20:STMT1
:25:50100012345678
:28C:61/2
:60M:C260302INR150500,50
:61:2603030303C500,50NCSHNONREF
:86:CASH DEPOSIT BY SELF
:61:2603030303C500,50NCSHNONREF
:86:CASH DEPOSIT BY SELF
:61:2603050304D1501,50NCHK000123
:86:ELECTRICITY BILL
:62F:C260304INR150000,00
-}
"""


def camt(entries, closing="150000.00", before=""):
    return f"""<?xml version="1.0" encoding="UTF-8"?>{before}
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>1</MsgId></GrpHdr><Stmt>
<Id>1</Id><FrToDt><FrDtTm>2026-03-01T00:00:00</FrDtTm><ToDtTm>2026-03-05T23:59:59</ToDtTm></FrToDt>
<Acct><Id><Othr><Id>50100012345678</Id></Othr></Id><Ccy>INR</Ccy></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="INR">50000.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-03-01</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="INR">{closing}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-03-05</Dt></Dt></Bal>
{entries}</Stmt></BkToCstmrStmt></Document>""".encode()


def entry(amount, mark="CRDT", on="2026-03-02", details="", more="", status="<Sts><Cd>BOOK</Cd></Sts>"):
    return f"""<Ntry><Amt Ccy="INR">{amount}</Amt><CdtDbtInd>{mark}</CdtDbtInd>{more}{status}<BookgDt><Dt>{on}</Dt></BookgDt>
<ValDt><Dt>{on}</Dt></ValDt>{details}</Ntry>"""


def transaction(amount, reference, text=""):
    return f"""<TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId><TxId>{reference}</TxId></Refs><Amt Ccy="INR">{amount}</Amt>
<CdtDbtInd>CRDT</CdtDbtInd><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls>"""


CAMT = camt(
    # A batch of two transfers, an entry that is only pending, and the rest.
    entry(
        "100500.50",
        details="<NtryDtls>"
        + transaction("100000.00", "412345678901", "UPI RAVI")
        + transaction("500.50", "SBIN526061123456")
        + "</NtryDtls>",
    )
    + entry("77.00", status="<Sts>PDNG</Sts>")
    + entry("500.50", on="2026-03-03", more="<RvslInd>false</RvslInd>")
    + entry("500.50", on="2026-03-03", status="<Sts>BOOK</Sts>")
    + entry("1501.50", "DBIT", "2026-03-04")
)


@pytest.mark.parametrize(
    ("kind", "body"), [("csv", CSV.encode()), ("mt940", MT940.encode()), ("camt053", CAMT)]
)
def test_each_format_says_the_same(kind, body):
    found = parse(body)
    assert (found.format, found.account) == (kind, "50100012345678")
    assert (found.opening_minor, found.closing_minor) == (5_000_000, 15_000_000)
    assert [one.amount_minor for one in found.entries] == CREDITS
    assert [one.utr for one in found.entries] == ["412345678901", "SBIN526061123456", "", "", ""]
    assert [one.booked_on.day for one in found.entries] == [2, 2, 3, 3, 4]
    assert found.through_on >= date(2026, 3, 4)
    assert found.entries[2].key == found.entries[3].key


def test_csv_as_other_banks_export_it():
    """Newest first, one column of amounts with Cr/Dr, tabs, Windows-1252, other dates, a text over two rows."""
    text = (
        "Txn Date\tDescription\tAmount (INR)\tCr/Dr\tBalance (INR)\n"
        "04-Mar-2026 10:15\tUPI/412345678902/refund – reversal\t20.00\tDR.\t80.00\n"
        "03 Mar 2026\tUPI/412345678902/caf\u00e9\t₹ 100.00\tCr\t100.00 Cr\n"
    ).replace("₹ ", "Rs. ")
    found = parse(text.encode("cp1252"))
    assert [(one.amount_minor, one.utr, one.reversal) for one in found.entries] == [
        (10_000, "412345678902", False),
        (-2_000, "412345678902", True),
    ]
    assert "café" in found.entries[0].narration
    continued = parse(
        b"Date;Particulars;Debit;Credit;Balance\n01.03.2026;IMPS-;;5,00;5,00\n;412345678903 RAVI;;;\nTotal;;;5,00;\n"
    )
    assert [(one.amount_minor, one.utr) for one in continued.entries] == [(500, "412345678903")]


def test_marks_of_reversals():
    def minor(mark):
        sign, closing = ("D", "5,00") if mark in ("D", "RC") else ("C", "5,00")
        text = f":20:1\n:25:1\n:28C:1\n:60F:C260301INR0,\n:61:260302{mark}5,NTRFX\n:62F:{sign}260302INR{closing}\n"
        (one,) = parse(text.encode()).entries
        return one.amount_minor, one.reversal

    assert [minor(mark) for mark in ("C", "D", "RC", "RD")] == [
        (500, False),
        (-500, False),
        (-500, True),
        (500, True),
    ]
    year = parse(
        b":20:1\n:25:1\n:28C:1\n:60F:C251231INR0,\n:61:2512311231C5,NTRFX\n:61:2512310102C5,NTRFX\n:62F:C260102INR10,\n"
    )
    assert [one.booked_on for one in year.entries] == [date(2025, 12, 31), date(2026, 1, 2)]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "line 1: the file is empty"),
        (b"%PDF-1.7", "line 1: this is a PDF: export CSV"),
        (b"hello\nworld", "line 1: no row has headings"),
        (CSV.replace('500.50,"1,50,500.50"', '500.51,"1,50,500.50"').encode(), "line 7: the balance is"),
        (CSV.replace("03/03/26,CASH", "33/03/26,CASH", 1).encode(), "line 8: '33/03/26' is not a date"),
        (CSV.replace(",500.50,", ",5oo.50,", 1).encode(), "line 7: '5oo.50' is not an amount"),
        (CSV.replace('1,4,"1,501.50","1,01,501.50","1,50,000.00"', '1,4,"1,501.50","1,01,501.50","1,50,000.01"').encode(), "the balances do not add up: .* a difference of 0.01"),
        (MT940.replace(":62F:C260304INR150000,00", ":62F:C260304INR150000,01").encode(), "line 24: the page does not add up"),
        (MT940.replace(":60M:C260302INR150500,50", ":60M:C260302INR150500,00").encode(), "line 17: the page does not continue"),
        (MT940.split("\n{1:")[0].encode() + b"\n", "line 11: pages follow that the file does not have"),
        (MT940.replace(":61:2603020302CR", ":61:2613020302CR").encode(), "line 6: '261302' is not a date"),
        (MT940.replace(":25:50100012345678", ":25:1", 1).encode(), "line 15: the file has the accounts 1 and 50100012345678"),
        (camt(entry("5.00")), "the balances do not add up: .* a difference of 99995.00"),
        (camt("", before='<!DOCTYPE x [<!ENTITY a "aaaa">]>'), "line 1: the XML defines a document type"),
        (camt("<Ntry>"), "line 7: this is not whole XML"),
        (camt(entry("5.00", "BOTH")), "line 7: 'BOTH' is neither CRDT nor DBIT"),
        (
            camt(entry("7.00", details="<NtryDtls>" + transaction("1.00", "") * 2 + "</NtryDtls>")),
            "line 7: the transactions of the batch come to 200, its entry is 700",
        ),
        (b"<Document>" + b"<a/>" * 300_001 + b"</Document>", "line 1: the XML is nested too deeply, or too large"),
        (b":20:1\n:86:x\n" + b"a\n" * 100, "line 64: more than 60 lines under :86:"),
        (b"Date,Narration,Credit,Balance\n1/1/26,a,1,1\n" + b",more,,\n" * 30, "line 23: more than 20 rows of text"),
        (b"<Document><BkToCstmrAcctRpt/></Document>", "line 1: this XML is not camt.053"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_its_line(body, says):
    with pytest.raises(StatementError, match=says):
        parse(body)


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("1,00,000.00", 10_000_000),
        ("1,000,000.5", 100_000_050),
        ("1.000,00", 100_000),
        ("5.00 Dr", -500),
        ("5.00CR", 500),
        ("(5.00)", -500),
        ("-5", -500),
        ("5-", -500),
        ("INR 12.30", 1_230),
        ("₹0.01", 1),
    ],
)
def test_amounts(text, minor):
    assert amount_minor(text) == minor


@pytest.mark.parametrize("text", ["", "1,00", "1.000", "1,2,3", "0.001", "1e5", "٣", "--5", "nan", "9" * 20])
def test_what_is_no_amount(text):
    if text == "1,00":
        assert amount_minor(text) == 100, "a decimal comma"
        return
    with pytest.raises(ValueError, match=r"amount|decimals"):
        amount_minor(text)


def test_an_amount_has_a_bound_and_as_many_zeros_as_a_bank_writes():
    assert amount_minor("0" * 5000 + "90000000000.00") == MOST_MINOR
    for text in ("90000000000.01", "-9,00,00,00,00,000"):
        with pytest.raises(ValueError, match=r"beyond 90000000000\.00, the largest amount that is taken"):
            amount_minor(text)


def test_dates():
    assert {day(text) for text in ("31/01/2026", "31-01-26", "31.1.2026", "31-Jan-2026", "31 January 2026", "2026-01-31", "20260131", "31/01/2026 23:59:59")} == {
        date(2026, 1, 31)
    }  # fmt: skip
    with pytest.raises(ValueError, match="the day first"):
        day("01/31/2026")


SAMPLES = [CSV.encode(), MT940.encode(), CAMT]


@given(
    st.one_of(
        st.binary(max_size=300),
        st.tuples(
            st.sampled_from(SAMPLES),
            st.integers(0, 2_000),
            st.integers(0, 40),
            st.binary(max_size=12) | st.sampled_from([b",", b"\n", b":61:", b"<Ntry>", b'"', b"-", b"\xff"]),
        ).map(lambda cut: cut[0][: cut[1]] + cut[3] + cut[0][cut[1] + cut[2] :]),
    )
)
def test_any_bytes_give_a_statement_that_adds_up_or_a_clear_refusal(body):
    try:
        found = parse(body)
    except StatementError:
        return
    assert found.opening_minor + sum(one.amount_minor for one in found.entries) == found.closing_minor


def indian(minor):
    whole, part = divmod(abs(minor), 100)
    text = str(whole)
    head, tail = text[:-3], text[-3:]
    groups = [tail]
    while head:
        groups.insert(0, head[-2:])
        head = head[:-2]
    return f"{'-' if minor < 0 else ''}{','.join(groups)}.{part:02}"


@given(st.integers(-MOST_MINOR, MOST_MINOR))
def test_money_comes_back_as_it_went(minor):
    assert amount_minor(indian(minor)) == minor
    sign = "Dr" if minor < 0 else "Cr"
    assert amount_minor(f"{indian(abs(minor))} {sign}") == minor
