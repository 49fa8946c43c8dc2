"""A protected supply does not stay disconnected, and a notice uses the policy's own words."""

from datetime import timedelta

import pytest
from tests.apps import town
from tests.apps.town import START, adopt, protect
from tests.pipeline.test_decide import HOUR, MINUTE, POLICY, SECOND, Place, authorise, cut
from tests.usecases.life import do

from urja.apps.journal.errors import RefusedError

DAY = timedelta(days=1)
SERVED = """
[notices.served]
attempts = 3
days = 2
channels = ["sms"]
letter_days = 3
[payments]
authorised_restores = true
"""


@pytest.fixture
def house(database):
    """One house with 100 rupees."""
    place = Place(database, [adopt(credit_minor=10_000)])
    yield place
    place.connection.close()


@pytest.fixture
def worded(database, monkeypatch):
    """As `house`; its policy has words on what serves a notice, and lets authorised payments restore."""
    from urja.apps.supply import health

    well = {"collection": True, "payments": True, "messaging": True, "figures": {}}
    monkeypatch.setattr(health, "_judge", lambda *_: well)
    place = Place(database, [adopt(credit_minor=10_000)])
    load_words("2")
    yield place
    place.connection.close()


def load_words(version):
    from urja.usecases.policies import load_policy

    text = POLICY.format(version=version, emergency=50, most=20, stagger=20)
    load_policy(text.replace("[payments]\n", SERVED.lstrip()), recorded_at=START, actor="test")


def law(place, name):
    from urja.laws.switching import laws

    return laws(place.connection, place.now, town.ZONE)[name]


def send(place):
    """The service takes what waits; the telephone is off."""
    from urja.apps.notices.models import Notice

    waiting = Notice.objects.filter(sent_at=None)
    waiting.update(state="sent", sent_at=place.now, channel="sms", recipient="+919800000001")


def unreached(place, end, step=2 * HOUR):
    """Up to an instant everything is sent and nothing delivered."""
    while place.now + step <= end:
        place.until(place.now + step, step)
        send(place)


def off(place):
    place.sent()
    place.report("confirmed")
    place.go(place.now + SECOND)


def never_restores_provisional(patch):
    from urja.core.policy import reconnection

    patch.setattr(reconnection, "counted_balance", lambda facts: facts.balance_minor)


def test_a_day_closed_provisionally_brings_back_who_was_cut_for_it(house):
    cut(house)
    # No midnight's register: what the day was charged is provisional, and no supply is disconnected for it.
    house.go(house.at(2, 2))
    assert house.commands() == [("disconnect", "confirmed"), ("connect", "queued")]
    assert house.standing().reason.rule == "ledger.provisional"
    off(house)
    assert house.standing().standing == "grace"
    assert law(house, "protected_is_not_kept_off")
    assert law(house, "paid_is_reconnected")


def test_keeping_off_for_provisional_charges_breaks_the_law(house, monkeypatch):
    never_restores_provisional(monkeypatch)
    house.pages_look = False
    cut(house)
    house.go(house.at(2, 2))
    house.go(house.now + 5 * MINUTE)
    assert house.where()[0] == "cut"
    assert not law(house, "protected_is_not_kept_off")


def test_keeping_off_who_is_protected_breaks_the_law(house, monkeypatch):
    from urja.core.policy import reconnection

    cut(house)
    monkeypatch.setattr(reconnection, "active_bars", lambda _policy, _facts: [])
    house.pages_look = False
    protect(1, at=house.now)
    house.go(house.now + 5 * MINUTE)
    assert not law(house, "protected_is_not_kept_off")


def test_an_authorised_payment_restores_where_the_policy_says_so(worded):
    from urja.apps.payments.models import Payment
    from urja.apps.supply import queries
    from urja.apps.supply.models import State

    cut(worded)
    authorise(worded, worded.houses[0].account_id)
    Payment.objects.update(amount_minor=1_000)
    worded.go(worded.now + SECOND)
    assert worded.where()[0] == "cut"  # not enough
    Payment.objects.update(amount_minor=50_000)
    State.objects.update(seen_seq=-1)
    worded.go(worded.now + MINUTE)
    assert worded.commands() == [("disconnect", "confirmed"), ("connect", "queued")]
    # The credit comes while the connect is on its way: the chain from paid to powered is of this connect.
    worded.pay(500)
    Payment.objects.update(credit_id=1)
    worded.go(worded.now + SECOND)
    off(worded)
    assert worded.where() == ("fine", "fine")
    assert queries.newest_reconnection(worded.houses[0].account_id).outcome == "reconnected"


def test_one_that_came_to_nothing_restores_nothing(worded):
    from urja.apps.payments.kinds import PaymentState
    from urja.apps.payments.models import Payment

    cut(worded)
    authorise(worded, worded.houses[0].account_id)
    Payment.objects.update(amount_minor=50_000, state=PaymentState.REFUNDED)
    worded.go(worded.now + SECOND)
    assert worded.commands() == [("disconnect", "confirmed")]


def test_undelivered_notices_delay_a_cut_and_do_not_prevent_it(worded):
    used_up_and_unreached(worded)
    unreached(worded, worded.at(3, 9))
    assert worded.commands() == []
    # Wednesday 09:30 is two days after the first; an hour's lead, and the window is open.
    unreached(worded, worded.at(3, 12), step=HOUR)
    assert worded.commands() == [("disconnect", "queued")]
    off(worded)
    worded.until(worded.at(3, 17), step=HOUR)
    assert all(law(worded, name) for name in ("cut_after_notices", "due_is_cut", "cut_in_its_hours"))


def used_up_and_unreached(place):
    place.now = place.at(1, 9)
    place.use(60_000)
    place.go()
    send(place)


def test_without_words_only_receipts_serve(house, monkeypatch):
    from urja.apps.supply import health

    well = {"collection": True, "payments": True, "messaging": True, "figures": {}}
    monkeypatch.setattr(health, "_judge", lambda *_: well)
    used_up_and_unreached(house)
    unreached(house, house.at(5, 12), step=6 * HOUR)
    assert house.where()[1] == "undelivered"


def test_taking_what_was_sent_for_served_breaks_the_law(worded, monkeypatch):
    from urja.core.policy import notice_service

    monkeypatch.setattr(
        notice_service, "_instants", lambda _rules, notices: [n.sent_at for n in notices if n.sent_at]
    )
    used_up_and_unreached(worded)
    unreached(worded, worded.at(1, 12), step=HOUR)
    assert worded.commands() == [("disconnect", "queued")]
    assert not law(worded, "cut_after_notices")


def test_taking_only_receipts_breaks_the_law_of_those_who_are_due(worded, monkeypatch):
    from urja.core.policy import notice_service

    monkeypatch.setattr(
        notice_service,
        "_instants",
        lambda _rules, notices: [n.delivered_at for n in notices if n.delivered_at],
    )
    used_up_and_unreached(worded)
    unreached(worded, worded.at(4, 17), step=2 * HOUR)
    assert worded.commands() == []
    assert not law(worded, "due_is_cut")


# -- letters ---------------------------------------------------------------------------------------------------


def post_letter(place, reference="RL 1", **more):
    from urja.usecases.operations import RecordLetter

    asked = {"consumer_number": "URJ00000001", "posted_at": place.now, "reference": reference}
    return do(RecordLetter(**(asked | more)), place.now)


def used_up_without_a_telephone(place):
    """The notices of Monday 09:00 cannot be sent; a letter is posted an hour later."""
    from urja.apps.notices.models import Notice

    place.now = place.at(1, 9)
    place.use(60_000)
    place.go()
    Notice.objects.update(state="failed", failure="no_number", ended_at=place.now)
    place.go(place.at(1, 10))
    return post_letter(place)


def test_a_letter_serves_who_has_no_telephone(worded):
    from urja.apps.notices.models import Notice

    used_up_without_a_telephone(worded)
    worded.until(worded.at(4, 10, 45), step=2 * HOUR)
    assert worded.commands() == []
    # Thursday 10:00 is three days after it was posted; an hour's lead.
    worded.go(worded.at(4, 11))
    assert worded.commands() == [("disconnect", "queued")]
    assert not Notice.objects.exclude(channel="letter").filter(sent_at__isnull=False).exists()
    off(worded)
    assert law(worded, "cut_after_notices")


def test_a_letter_that_was_entered_by_mistake_serves_nothing(worded):
    from urja.usecases.operations import Undo

    entry = used_up_without_a_telephone(worded)
    worded.until(worded.at(4, 10, 45), step=2 * HOUR)
    worded.go(worded.at(4, 11))
    do(Undo(entry_id=entry.id, reason="another house"), worded.now)
    worded.go(worded.now + SECOND)
    assert worded.commands() == [("disconnect", "superseded")]
    assert worded.where()[1] == "undelivered"
    # It counted when the cut was given.
    assert law(worded, "cut_after_notices")


def test_what_stands_against_a_letter(worded):
    worded.go()
    post_letter(worded)
    for says, more in [
        ("is recorded already", {}),
        ("give the proof of posting", {"reference": " "}),
        ("is in the future", {"reference": "RL 2", "posted_at": worded.now + HOUR}),
        ("at most 100 characters", {"reference": "7" * 101}),
        ("the current agreement at", {"reference": "RL 2", "posted_at": START - DAY}),
    ]:
        with pytest.raises(RefusedError, match=says):
            post_letter(worded, **more)


def test_letters_say_nothing_of_the_message_service(worded):
    from urja.apps.notices import queries

    for number in range(6):
        post_letter(worded, reference=f"RL {number}")
    assert queries.traffic(worded.now - DAY, worded.now + HOUR, 200).notified == 0
