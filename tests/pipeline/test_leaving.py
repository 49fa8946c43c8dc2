"""What is left when a supply has ended goes where it was asked to go: once, and only when every day is charged."""

from datetime import timedelta

import pytest
from tests.apps.registry.life import DAY, HOUR, do
from tests.apps.registry.test_moving import Meter
from tests.apps.street import START, adopt
from tests.pipeline.test_post import load

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
        from urja.apps.registry.operations import MoveOut

        self.meter.blocks(START, *[100] * 24)
        return do(MoveOut(consumer_number="URJ00000001", at=at, **more), at + HOUR)

    def balance(self, which=None):
        from urja.apps.ledger.models import Account

        return Account.objects.get(id=(which or self.first).account_id).balance_minor

    def final(self):
        from urja.apps.ledger.models import FinalSettlement

        return FinalSettlement.objects.get()


def post(now):
    from urja.pipeline import post

    return post.run_once(now, HOUR)


def debits():
    from urja.apps.ledger.models import DebitRequest

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
    from urja.apps.ledger.operations import request_debit

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


def test_arrears_are_kept_back_and_a_deposit_pays_them_first(place):
    from urja.apps.registry.models import Arrear, Deposit

    stamp = {"recorded_at": START, "actor": "test"}
    Arrear.objects.create(
        id=1, account_id=place.first.account_id, bill="B1", due_on=START.date(), principal_minor=7_000,
        surcharge_minor=500, **stamp,
    )  # fmt: skip
    Deposit.objects.create(
        id=2, agreement_id=place.first.agreement_id, amount_minor=5_000, taken_at=START, **stamp
    )
    place.leave(register_wh=12_400)
    assert Deposit.objects.get().returned_at is not None
    arrear = Arrear.objects.get()
    assert (arrear.principal_minor, arrear.surcharge_minor) == (2_500, 0)
    post(NEXT)
    post(NEXT + HOUR)
    assert place.balance() == 2_500


def test_what_a_later_correction_gives_back_goes_the_same_way(place):
    from urja.apps.ledger.operations import request_credit

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
    from urja.apps.ledger.models import FinalSettlement

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
    from urja.apps.ledger.models import FinalSettlement
    from urja.apps.registry.errors import Refused
    from urja.apps.registry.operations import Undo

    entry = place.leave(register_wh=12_400)
    do(Undo(entry_id=entry.id, reason="he stays"), NOON + HOUR)
    assert not FinalSettlement.objects.exists()
    again = place.leave(at=NOON + timedelta(minutes=30), register_wh=12_500)
    post(NEXT)
    with pytest.raises(Refused, match="was settled on"):
        do(Undo(entry_id=again.id, reason="x"), NEXT)


def test_the_pipelines_role_can_do_it(place):
    from django.db import connections

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
