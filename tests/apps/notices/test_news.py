"""Events are notified once: a recharge, a reconnection, a meter whose button has to be pressed."""

from datetime import timedelta
from fractions import Fraction

import pytest
from django.test import override_settings
from tests.apps.notices.cast import sms_channel
from tests.apps.town import HALF_HOUR, START, adopt, blocks, by_hand, store_blocks
from tests.conftest import begun_with
from tests.pipeline.test_post import load as load_tariff

NOW = START + timedelta(hours=9)


def adopted_with_number(database):
    load_tariff()
    return adopt(phone="+9990000001")


database, account = begun_with(adopted_with_number)


def kinds():
    from urja.apps.notices.models import Notice

    return list(Notice.objects.order_by("id").values_list("kind", flat=True))


def pay(account, key, kind="recharge"):
    from urja.apps.books.operations import request_credit

    request_credit(
        account_id=account.account_id,
        amount_minor=50_000,
        kind=kind,
        idempotency_key=key,
        requested_at=NOW,
    )


def test_a_recharge_is_confirmed_when_it_is_posted_and_once(account, database):
    from urja.apps.notices.composing import compose
    from urja.apps.notices.models import Notice
    from urja.apps.supply.queries import is_disconnected
    from urja.pipeline import post

    pay(account, "sandbox:pay_1")
    pay(account, "opening", kind="opening-credit")
    assert kinds() == []
    post.run_once(NOW)
    post.run_once(NOW)
    assert kinds() == ["recharge"]

    with override_settings(URJA_CHANNELS=(sms_channel(),)):
        worded = compose(Notice.objects.get(), NOW, "", is_disconnected)
    assert worded.to == "+9990000001"
    assert worded.text.startswith("We have received your payment of ₹500. Your balance is ₹1,000.")


def test_light_that_is_back_is_told_once(account):
    from urja.apps.books.models import CreditRequest
    from urja.apps.supply.models import Reconnection

    pay(account, "sandbox:pay_1")
    credit = CreditRequest.objects.get()
    row = Reconnection.objects.create(
        credit=credit,
        account_id=account.account_id,
        paid_at=NOW,
        paid_wall_ms=1,
        seen_at=NOW,
        seen_wall_ms=1,
        command_id=77,
    )
    assert kinds() == []
    for outcome in ("reconnected", "reconnected"):
        row.outcome, row.closed_at = outcome, NOW
        row.save(update_fields=["outcome", "closed_at"])
    assert kinds() == ["reconnected"]


def test_the_usual_use_is_the_mean_of_whole_days_that_are_known(account, database):
    from zoneinfo import ZoneInfo

    from urja.apps.contracts.models import Agreement
    from urja.apps.notices.composing import usual_use

    agreement = Agreement.objects.get(id=account.agreement_id)
    zone = ZoneInfo("Asia/Kolkata")
    assert usual_use(agreement, NOW, zone) is None
    with database.connect() as connection:
        rows = [(START + number * HALF_HOUR, 125 * (1 + number // 48)) for number in range(48 * 4)]
        store_blocks(connection, blocks(account, *rows))
    # The day of moving in (6 kWh) is left out, and so is today (24 kWh).
    assert usual_use(agreement, START + timedelta(days=3, hours=20), zone) == (12_000 + 18_000) / 2


@pytest.mark.parametrize("role", ["owner", "member"])
def test_who_has_a_number_is_written_to_owners_first(account, role):
    from django.contrib.auth import get_user_model

    from urja.apps.identity.models import AccountAccess
    from urja.apps.notices.composing import recipient
    from urja.apps.people.models import Person

    owner = Person.objects.get()
    other = Person.objects.create(
        id=owner.id - 1,
        user=get_user_model().objects.create_user("meena", "meena@example.org"),
        name="Meena",
        phone="+9990000002",
        recorded_at=START,
        actor="test",
    )
    AccountAccess.objects.create(
        id=1, person=other, account_id=account.account_id, role="member", recorded_at=START, actor="test"
    )
    if role == "member":
        with by_hand():
            Person.objects.filter(id=owner.id).update(phone=None)
    with override_settings(URJA_CHANNELS=(sms_channel(),)):
        person, _channel = recipient("low-30", account.account_id)
    assert person == (owner if role == "owner" else other)


def test_a_number_is_kept_without_the_spaces_that_people_write(empty_database):
    from urja.apps.people.models import Person

    adopt(phone="+999 00000-00001")
    assert Person.objects.get().phone == "+9990000000001"


def test_a_number_is_a_number(account):
    from django.db import IntegrityError

    from urja.apps.people.models import Person

    with pytest.raises(IntegrityError), by_hand():
        Person.objects.update(phone="call me")


def test_each_role_can_do_its_part_and_no_more(account, database):
    import psycopg

    pay(account, "sandbox:pay_1")
    with database.connect("urja_pipeline") as pipeline:
        pipeline.execute("UPDATE books_credit_request SET posted_at = %s", [NOW])
    assert kinds() == ["recharge"]
    with database.connect("urja_web") as web:
        receipt = "INSERT INTO notices_receipt (provider, digest, body, headers, received_at) VALUES ('x', '', '', '{}', now())"
        web.execute(f"{receipt} ON CONFLICT DO NOTHING")
        for statement in ("SELECT * FROM notices_receipt", "UPDATE notices_notice SET state = 'delivered'"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                web.execute(statement)


def test_who_is_disconnected_is_neither_warned_of_it_nor_told_how_long_credit_lasts(account, monkeypatch):
    from urja.apps.notices import composing
    from urja.apps.notices.models import Notice
    from urja.apps.supply.queries import is_disconnected

    def notice(kind):
        return Notice(account_id=account.account_id, kind=kind, params={}, requested_at=NOW)

    def stands(supply):
        from urja.apps.supply.models import State

        State.objects.filter(account_id=account.account_id).delete()
        State.objects.create(
            account_id=account.account_id,
            service_point_id=account.service_point_id,
            agreement_id=account.agreement_id,
            standing="cut",
            reason={},
            decided_at=NOW,
            since_at=NOW,
            policy="plain 1",
            supply=supply,
            balance_minor=0,
            limit_minor=0,
            seen_seq=0,
        )

    monkeypatch.setattr(composing, "_balance_at", lambda *_: ("INR", 50_000, Fraction(5)))
    stands("on")
    assert [composing.is_outdated(notice(kind), is_disconnected) for kind in ("zero", "cut", "low-30")] == [
        False
    ] * 3
    assert "is enough until about" in composing.compose(notice("recharge"), NOW, "", is_disconnected).text
    stands("off")
    assert [composing.is_outdated(notice(kind), is_disconnected) for kind in ("zero", "cut", "low-30")] == [
        True
    ] * 3
    assert not composing.is_outdated(notice("recharge"), is_disconnected)
    assert composing.compose(notice("recharge"), NOW, "", is_disconnected).text.endswith(
        "Your balance is ₹500."
    )
