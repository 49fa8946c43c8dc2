"""Each rupee is in exactly one bucket, and each planted break is found."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, strategies as st

from urja.core.money_trail import (
    BankEntry,
    Bucket,
    Cheque,
    Drawer,
    GatewayTaking,
    Payout,
    Reason,
    Records,
    Slip,
    Transfer,
    trail,
)

D = date(2026, 3, 2)


def after(days):
    return D + timedelta(days=days)


CHEQUE = Cheque("cheque 5", D, 2_000)
WHOLE = Records(
    drawers=[Drawer("drawer 1", D, 10_000, 500, 1_500, 0)],
    cheques_in_hand=[Cheque("cheque 6", D, 300)],
    slips=[Slip("slip 1", after(1), ((D, 9_000),), (CHEQUE,))],
    gateway=[GatewayTaking(D, "setl_1", 5_000, 118, 4_882), GatewayTaking(after(1), None, 700, 0, 0)],
    payouts=[Payout("setl_1", after(1), 4_882, 12)],
    transfers=[Transfer(after(2), 1_250, 13)],
    entries=[
        BankEntry(10, after(1), 9_000),
        BankEntry(11, after(2), 2_000),
        BankEntry(12, after(2), 4_882),
        BankEntry(13, after(2), 1_250),
        BankEntry(14, after(3), -59, "charges"),
    ],
    covered_through=after(9),
)
TAKEN = 10_000 + 300 + 2_000 + 5_000 + 700 + 1_250


def test_everything_is_somewhere():
    found = trail(WHOLE)
    assert found.breaks == ()
    assert found.taken_minor == TAKEN
    assert found.totals() == {
        Bucket.IN_DRAWER: 1_000 + 300,
        Bucket.IN_TRANSIT: 0,
        Bucket.AT_GATEWAY: 700,
        Bucket.IN_BANK: 9_000 + 2_000 + 4_882 + 1_250,
        Bucket.FEES: 118,
        Bucket.UNEXPLAINED: 0,
    }
    assert sum(sum(day.values()) for day in found.by_day().values()) == TAKEN


def without(*numbers):
    return [entry for entry in WHOLE.entries if entry.id not in numbers]


def changed(number, minor):
    return [replace(one, amount_minor=minor) if one.id == number else one for one in WHOLE.entries]


PLANTED = {
    "missing deposit": ({"entries": without(10)}, [(Reason.MISSING_DEPOSIT, 9_000)], 9_000),
    "short deposit": ({"entries": changed(10, 8_900)}, [(Reason.SHORT_DEPOSIT, 100)], 100),
    "missing payout": ({"payouts": [Payout("setl_1", after(1), 4_882)], "entries": without(12)}, [(Reason.MISSING_PAYOUT, 4_882)], 4_882),
    "payout less than reported": ({"entries": changed(12, 4_800)}, [(Reason.OTHER_PAYOUT, 82)], 82),
    "fee differing": (
        {"gateway": [replace(WHOLE.gateway[0], fee_minor=100), WHOLE.gateway[1]]},
        [(Reason.FEE_DIFFERS, 18)],
        18,
    ),
    "bank credit that no account claims": (
        {"entries": [*WHOLE.entries, BankEntry(20, after(3), 777)]},
        [(Reason.UNCLAIMED, 777)],
        0,
    ),
    "doubled credit": (
        {"transfers": [*WHOLE.transfers, Transfer(after(3), 1_250, 13)]},
        [(Reason.DOUBLED_CREDIT, 1_250)],
        1_250,
    ),
    "credit of more than the entry": (
        {"transfers": [Transfer(after(2), 1_300, 13)]},
        [(Reason.DOUBLED_CREDIT, 50)],
        50,
    ),
    "deposit credited twice by the bank": (
        {"entries": [*WHOLE.entries, BankEntry(20, after(3), 9_000)]},
        [(Reason.UNCLAIMED, 9_000)],
        0,
    ),
    "cheque returned on the bank only": (
        {"entries": [*WHOLE.entries, BankEntry(20, after(4), -2_000, "CHQ RETURN unpaid")]},
        [(Reason.CHEQUE_RETURNED, 2_000)],
        2_000,
    ),
    "statement gap": ({"gaps": [(after(3), after(5), 900)]}, [(Reason.STATEMENT_GAP, 900)], 0),
    "drawer short at its count": (
        {"drawers": [Drawer("drawer 1", D, 10_000, 500, 1_400, -100)]},
        [(Reason.DRAWER_DIFFERENCE, 100)],
        100,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_each_planted_break_is_found_with_its_amount(name):
    change, breaks, unexplained = PLANTED[name]
    found = trail(replace(WHOLE, **change))
    assert [(one.reason, one.amount_minor) for one in found.breaks] == breaks
    assert found.totals()[Bucket.UNEXPLAINED] == unexplained
    # What was taken is what the records say, whatever the bank says.
    extra = {"doubled credit": 1_250, "credit of more than the entry": 50}.get(name, 0)
    assert found.taken_minor == TAKEN + extra


def test_before_a_statement_covers_the_days_a_deposit_is_in_transit():
    found = trail(
        replace(
            WHOLE,
            entries=[],
            transfers=[],
            payouts=[Payout("setl_1", after(1), 4_882)],
            covered_through=after(3),
        )
    )
    assert found.breaks == ()
    assert found.totals()[Bucket.IN_TRANSIT] == 9_000 + 2_000 + 4_882


def test_a_slip_that_the_bank_books_as_one_amount():
    entries = [BankEntry(10, after(1), 11_000), *without(10, 11)]
    found = trail(replace(WHOLE, entries=entries))
    assert (found.breaks, found.totals()[Bucket.IN_BANK]) == ((), 9_000 + 2_000 + 4_882 + 1_250)


def test_a_returned_cheque_of_both_records_was_not_taken():
    slip = replace(WHOLE.slips[0], cheques=(replace(CHEQUE, returned=True),))
    returned = BankEntry(20, after(5), -2_000, "CHQ RETURN")
    found = trail(replace(WHOLE, slips=[slip], entries=[*WHOLE.entries, returned]))
    assert (found.breaks, found.taken_minor) == ((), TAKEN - 2_000)


amounts = st.integers(1, 5_000)
entries = st.lists(
    st.tuples(st.integers(0, 12), st.integers(-5_000, 5_000).filter(bool), st.sampled_from(["", "CHQ RTN"])),
    max_size=8,
).map(
    lambda rows: [BankEntry(number, after(on), minor, text) for number, (on, minor, text) in enumerate(rows)]
)


@given(
    entries,
    st.lists(amounts, max_size=3),
    st.lists(amounts, max_size=3),
    st.lists(amounts, max_size=2),
    st.integers(-1, 15),
)
def test_whatever_the_bank_says_each_taking_is_whole(bank, cash, cheques, payouts, covered):
    records = Records(
        drawers=[Drawer("1", D, sum(cash) + 50, 10, 60, 0)],
        slips=[
            Slip("slip", after(1), tuple((D, amount) for amount in cash), tuple(Cheque(str(n), D, a) for n, a in enumerate(cheques)))
        ],
        gateway=[GatewayTaking(D, str(n), amount, 1, amount - 1) for n, amount in enumerate(payouts)],
        payouts=[Payout(str(n), D, amount - 1) for n, amount in enumerate(payouts)],
        entries=bank,
        covered_through=after(covered) if covered >= 0 else None,
    )  # fmt: skip
    found = trail(records)
    assert found.taken_minor == sum(cash) + 50 + sum(cheques) + sum(payouts)
    in_bank = found.totals()[Bucket.IN_BANK]
    credits_minor = sum(entry.amount_minor for entry in bank if entry.amount_minor > 0)
    debited = sum(one.amount_minor for one in found.breaks if one.reason is Reason.CHEQUE_RETURNED)
    assert in_bank + found.unclaimed_minor + debited == credits_minor
