"""The allocation of a recharge to old bills, and its reversal."""

from datetime import date

from hypothesis import given, strategies as st

from urja.core.arrears import Due, allocate, arrears_share, reverse_payments, total_owed

amounts = st.integers(0, 50_000)
bills = st.lists(
    st.builds(
        Due,
        key=st.integers(1, 10_000),
        bill=st.just("B"),
        due_on=st.dates(date(2025, 1, 1), date(2026, 12, 31)),
        surcharge_minor=amounts,
        principal_minor=amounts,
    ),
    max_size=5,
    unique_by=lambda due: due.key,
)


def by_paisa(dues, amount):
    """One paisa after the other, to the first pot that is not empty."""
    pots = [
        [due.key, kind, getattr(due, kind)]
        for due in sorted(dues, key=lambda due: (due.due_on, due.key))
        for kind in ("surcharge_minor", "principal_minor")
    ]
    paid = {}
    for key, kind, left in pots:
        take = min(left, amount)
        amount -= take
        if take:
            paid[key, kind] = take
    return paid


def plain(parts):
    return {
        (part.due.key, kind): getattr(part, kind)
        for part in parts
        for kind in ("surcharge_minor", "principal_minor")
        if getattr(part, kind)
    }


@given(bills, st.integers(0, 200_000))
def test_the_oldest_bill_first_and_its_surcharge_before_its_principal(dues, amount):
    parts = allocate(dues, amount)
    assert plain(parts) == by_paisa(dues, amount)
    assert sum(part.amount_minor for part in parts) == min(amount, total_owed(dues))


@given(bills, st.integers(0, 99), st.integers(0, 200_000), st.integers(0, 200_000))
def test_what_a_reversal_leaves_is_what_a_smaller_recharge_would_have_paid(dues, percent, amount, rest):
    rest = min(rest, amount)
    paid = allocate(dues, arrears_share(percent, total_owed(dues), amount))
    share = sum(part.amount_minor for part in paid)
    back = reverse_payments(paid, share - arrears_share(percent, share, rest))
    left = plain(paid)
    for key, minor in plain(back).items():
        left[key] -= minor
    smaller = allocate(dues, arrears_share(percent, total_owed(dues), rest))
    assert {key: minor for key, minor in left.items() if minor} == plain(smaller)
