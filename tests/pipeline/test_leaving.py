"""The remaining balance of an ended supply goes where it was requested to go: once, and only when every day is
charged."""

from datetime import timedelta

import pytest
from tests.apps import town
from tests.apps.town import START, adopt
from tests.pipeline.test_arrears import owes
from tests.pipeline.test_post import load
from tests.usecases.life import DAY, HOUR, do
from tests.usecases.test_moving import Meter

NOON = START + 12 * HOUR
NEXT = START + DAY + 2 * HOUR


@pytest.fixture
def place(database):
    """Two houses with 500 and 10 rupees; the first one's meter pushes."""
    load()
    made = [adopt(1, credit_minor=50_000), adopt(2, credit_minor=1_000)]
    with database.connect() as connection:
        meter = Meter(connection, "URJ00000001")
        post(START + HOUR)
        yield Place(made, meter)


class Place:
    def __init__(self, made, meter):
        self.first, self.second = made
        self.meter = meter

    def leave(self, at=NOON, **more):
        from urja.usecases.operations import MoveOut

        self.meter.blocks(START, *[100] * 24)
        return do(MoveOut(consumer_number="URJ00000001", at=at, **more), at + HOUR)

    def balance(self, which=None):
        from urja.apps.books.models import Account

        return Account.objects.get(id=(which or self.first).account_id).balance_minor

    def left(self):
        from urja.apps.billing.arrears import dues_of

        account = self.first.account_id
        return [
            f"{due.bill} {due.principal_minor}+{due.surcharge_minor}"
            for due in dues_of([account]).get(account, [])
        ]

    def _entries(self, condition):
        return self.meter.connection.execute(
            f"SELECT amount_minor FROM books_entry WHERE account_id = %s AND {condition} ORDER BY seq",
            [self.first.account_id],
        ).fetchall()

    def to_dues(self):
        return [amount for (amount,) in self._entries("line = 'arrears'")]

    def charged(self):
        return -sum(amount for (amount,) in self._entries("origin = 'engine'"))

    def laws(self, now=NEXT + 4 * HOUR):
        """Those that do not hold."""
        from urja.laws.verify import laws

        return [law for law, holds in laws(self.meter.connection, now, town.ZONE).items() if not holds]

    def final(self):
        from urja.apps.billing.models import FinalSettlement

        return FinalSettlement.objects.get()


def post(now):
    from urja.pipeline import post

    return post.post_due(now, HOUR)


def debits():
    from urja.apps.books.models import DebitRequest

    return list(DebitRequest.objects.order_by("id").values_list("kind", "reverses", "amount_minor"))


def test_nothing_goes_before_the_last_day_is_charged(place):
    place.leave(register_wh=12_400)
    assert place.final().settled_at is None
    assert debits() == []
    post(NEXT)
    final = place.final()
    (debit,) = debits()
    assert debit == ("refund", "refund", final.amount_minor)
    assert final.settled_at == NEXT
    # 2.4 kWh at three rupees, and the fixed charges of the day.
    assert 0 < final.amount_minor < 50_000 - 720
    assert place.balance() == 0
    post(NEXT + HOUR)
    assert len(debits()) == 1


def test_it_goes_to_another_account_with_consent(place):
    place.leave(register_wh=12_400, transfer_to=place.second.account_id, consented=True)
    before = place.balance(place.second)
    post(NEXT)
    moved = place.final().amount_minor
    post(NEXT + HOUR)
    assert debits() == [("transfer", "transfer", moved)]
    assert place.balance() == 0
    charged = before + moved - place.balance(place.second)
    assert 0 <= charged < 1_000


def test_an_end_without_a_read_waits_for_what_may_still_come(place):
    """The blocks up to the end say as much as a read, once nothing more is waited for (`close_cutoff_s`)."""
    place.leave()
    post(NOON + HOUR / 2)
    assert (place.final().settled_at, debits()) == (None, [])
    post(NOON + 2 * HOUR)
    assert place.final().settled_at == NOON + 2 * HOUR
    assert len(debits()) == 1


def test_what_is_owed_stays_on_the_account(place):
    from urja.apps.books.operations import request_debit

    request_debit(
        account_id=place.first.account_id,
        amount_minor=60_000,
        kind="reversal",
        reverses="opening-credit",
        idempotency_key="x",
        requested_at=START,
    )
    place.leave(register_wh=12_400)
    post(NEXT)
    final = place.final()
    assert (final.settled_at, final.amount_minor) == (NEXT, 0)
    assert place.balance() < 0
    assert len(debits()) == 1


def test_arrears_are_paid_from_the_remaining_balance_and_a_deposit_pays_them_first(place):
    from urja.apps.billing.models import Arrear, Deposit

    stamp = {"recorded_at": START, "actor": "test"}
    owes(place.first, ("B1", "2026-03-02", 7_000, 500))
    Deposit.objects.create(
        id=2, agreement_id=place.first.agreement_id, amount_minor=5_000, taken_at=START, **stamp
    )
    place.leave(register_wh=12_400)
    assert Deposit.objects.get().returned_at is not None
    arrear = Arrear.objects.get()
    assert (arrear.principal_minor, arrear.surcharge_minor) == (2_500, 0)
    report = post(NEXT)
    assert report.dues == 1
    assert place.left() == []
    assert place.balance() == 0
    assert place.to_dues() == [-2_500]
    ((_, _, went),) = debits()
    assert went == place.final().amount_minor == 50_000 - 2_500 - place.charged()
    assert post(NEXT + HOUR).entries == 0
    assert place.laws() == []


def test_what_a_later_correction_gives_back_goes_the_same_way(place):
    from urja.apps.books.operations import request_credit

    place.leave(register_wh=12_400)
    post(NEXT)
    post(NEXT + HOUR)
    first = place.final().amount_minor
    request_credit(
        account_id=place.first.account_id,
        amount_minor=300,
        kind="correction",
        idempotency_key="c",
        requested_at=NEXT,
    )
    post(NEXT + 2 * HOUR)
    post(NEXT + 3 * HOUR)
    assert place.final().amount_minor == first + 300
    assert place.balance() == 0
    assert [amount for *_, amount in debits()] == [first, 300]


def test_killed_while_it_settles_nothing_goes_twice(place, monkeypatch):
    from urja.apps.billing.models import FinalSettlement

    class Killed(BaseException):
        """As a signal would."""

    def die(*_args, **_more):
        raise Killed

    place.leave(register_wh=12_400)
    with monkeypatch.context() as patched:
        patched.setattr(FinalSettlement, "save", die)
        with pytest.raises(Killed):
            post(NEXT)
    assert debits() == []
    post(NEXT)
    post(NEXT + HOUR)
    assert len(debits()) == 1
    assert place.balance() == 0


def test_undone_before_it_is_settled_and_not_after(place):
    from urja.apps.billing.models import FinalSettlement
    from urja.apps.journal.errors import RefusedError
    from urja.usecases.operations import Undo

    entry = place.leave(register_wh=12_400)
    do(Undo(entry_id=entry.id, reason="he stays"), NOON + HOUR)
    assert not FinalSettlement.objects.exists()
    again = place.leave(at=NOON + timedelta(minutes=30), register_wh=12_500)
    post(NEXT)
    with pytest.raises(RefusedError, match="was settled at"):
        do(Undo(entry_id=again.id, reason="x"), NEXT)


def test_the_pipelines_role_can_do_it(place):
    from django.db import connections

    owes(place.first, ("B1", "2026-01-15", 30_000, 900))
    place.leave(register_wh=12_400)
    settings = connections["default"].settings_dict
    owner = settings["USER"]
    connections.close_all()
    try:
        settings["USER"] = "urja_pipeline"
        post(NEXT)
        post(NEXT + HOUR)
    finally:
        connections.close_all()
        settings["USER"] = owner
    assert place.balance() == 0


# -- the remaining balance pays old dues first --------------------------------------------------------------------------

TWO_BILLS = (("B2", "2026-02-15", 20_000, 0), ("B1", "2026-01-15", 30_000, 900))
"""More than is left."""


def credit(place, amount, key="c"):
    from urja.apps.books.operations import request_credit

    request_credit(
        account_id=place.first.account_id,
        amount_minor=amount,
        kind="correction",
        idempotency_key=key,
        requested_at=NEXT,
    )


def debit(place, amount):
    from urja.apps.books.operations import request_debit

    request_debit(
        account_id=place.first.account_id,
        amount_minor=amount,
        kind="correction",
        reverses="correction",
        idempotency_key=f"d:{amount}",
        requested_at=NEXT,
    )


def test_less_than_is_owed_pays_the_oldest_bill_and_a_credit_found_later_the_rest_of_the_next(place):
    owes(place.first, *TWO_BILLS)
    place.leave(register_wh=12_400)
    post(NEXT)
    kept = 50_000 - place.charged()
    assert place.to_dues() == [-kept]
    assert place.left() == [f"B2 {50_900 - kept}+0"]
    assert (place.balance(), debits()) == (0, [])
    credit(place, 50_900 - kept - 100)
    post(NEXT + HOUR)
    assert place.left() == ["B2 100+0"]
    assert debits() == []
    credit(place, 1_000, "once more")
    post(NEXT + 2 * HOUR)
    assert post(NEXT + 3 * HOUR).entries == 0
    assert place.left() == []
    assert debits() == [("refund", "refund", 900)]
    assert place.final().amount_minor == 900
    assert place.laws() == []


def test_what_a_later_correction_takes_is_owed_on_the_account_and_no_bill_is_paid_twice(place):
    owes(place.first, *TWO_BILLS)
    place.leave(register_wh=12_400)
    post(NEXT)
    paid, left = place.to_dues(), place.left()
    debit(place, 700)
    post(NEXT + HOUR)
    assert place.balance() == -700
    assert (place.to_dues(), place.left()) == (paid, left)
    credit(place, 800)
    post(NEXT + 2 * HOUR)
    assert place.to_dues() == [*paid, -100]
    assert (place.balance(), debits()) == (0, [("correction", "correction", 700)])
    assert place.laws() == []


def test_arrears_come_before_a_transfer(place):
    owes(place.first, ("B1", "2026-01-15", 30_000, 900))
    place.leave(register_wh=12_400, transfer_to=place.second.account_id, consented=True)
    before = place.balance(place.second)
    post(NEXT)
    moved = 50_000 - 30_900 - place.charged()
    assert (place.to_dues(), place.left()) == ([-30_900], [])
    assert debits() == [("transfer", "transfer", moved)]
    charged = before + moved - place.balance(place.second)
    assert 0 <= charged < 1_000
    assert place.laws() == []


def test_its_arithmetic_can_be_opened(place):
    from urja.apps.billing.queries.ledger_entries import FinalShare, explain_entry
    from urja.apps.books.models import Account

    owes(place.first, *TWO_BILLS)
    place.leave(register_wh=12_400)
    post(NEXT)
    found = explain_entry(place.first.account_id, Account.objects.get(id=place.first.account_id).last_seq)
    kept = 50_000 - place.charged()
    assert found.arrears == FinalShare(kept, 50_900)
    assert [(row.label, row.amount_minor) for row in found.rows] == [
        ("surcharge of bill B1", -900),
        ("principal of bill B1", -30_000),
        ("principal of bill B2", 30_900 - kept),
    ]


def test_killed_after_the_bills_are_paid_none_is_paid_twice(place, monkeypatch):
    from urja.pipeline import final_settlements

    class Killed(BaseException):
        """As a signal would."""

    def die(*_args):
        raise Killed

    owes(place.first, ("B1", "2026-01-15", 30_000, 900))
    place.leave(register_wh=12_400)
    with monkeypatch.context() as patched:
        patched.setattr(final_settlements, "_request_payout", die)
        with pytest.raises(Killed):
            post(NEXT)
    assert (place.to_dues(), debits()) == ([], [])
    post(NEXT)
    assert (place.to_dues(), len(debits())) == ([-30_900], 1)
    assert place.laws() == []


def never_paid(patch):
    from urja.apps.billing import arrears

    patch.setattr(arrears, "final_share", lambda *_: None)


def a_part_paid(patch):
    from urja.apps.billing import arrears

    real = arrears.final_share
    patch.setattr(
        arrears, "final_share", lambda final, account, left, seq: real(final, account, left // 2, seq)
    )


def kept_and_not_paid(patch):
    from urja.pipeline import final_settlements

    never_paid(patch)
    patch.setattr(final_settlements, "_request_payout", lambda *_: None)


@pytest.mark.parametrize(
    "mutation", [never_paid, a_part_paid, kept_and_not_paid], ids=lambda one: one.__name__
)
def test_a_broken_settlement_breaks_the_law(place, monkeypatch, mutation):
    owes(place.first, *TWO_BILLS)
    place.leave(register_wh=12_400)
    with monkeypatch.context() as patch:
        mutation(patch)
        post(NEXT)
        assert "arrears" in place.laws(NEXT)
