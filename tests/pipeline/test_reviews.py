"""An abnormal charge opens a review with a clock; while it runs the supply is not disconnected."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.db import transaction
from tests.apps import town
from tests.apps.town import START, adopt
from tests.one_setup import with_one_setup
from tests.pipeline.test_decide import HOUR, MINUTE, POLICY, Place

RULES = """
[reviews]
times = 3
days = 3
above = 100
decide_within_days = 2
ends_after_days = 4
undecided = "{undecided}"
"""


def load_rules(undecided="credited"):
    from urja.usecases.policies import load_policy

    text = POLICY.format(version="2", emergency=0, most=20, stagger=20) + RULES.format(undecided=undecided)
    load_policy(text, recorded_at=START, actor="test")


def one_house(database):
    place = Place(database, [adopt(credit_minor=30_000)], emergency=0)
    load_rules()
    return place


@pytest.fixture
def house(database):
    """One house with 300 rupees that uses 5 kWh a day from Monday to Wednesday, and 60 on Thursday."""
    place = one_house(database)
    yield place
    place.connection.close()


def until_thursday(database):
    place = one_house(database)
    abnormal(place)
    return place.left()


@pytest.fixture
def reviewed(lived):
    """The house at midnight after the abnormal day."""
    with lived(until_thursday) as (database, kept):
        place = Place.resumed(database, kept)
        yield place
        place.connection.close()


def a_day(place, wh):
    """Use so much until midnight, and close the day."""
    midnight = place.at((place.now - START) // timedelta(days=1) + 2, 0)
    place.now = midnight
    place.use(wh)
    place.go(place.now + 10 * MINUTE)
    place.now = midnight


def abnormal(place):
    """Monday to Wednesday as usual, and a Thursday of many times as much."""
    place.now = place.at(1, 0)
    for wh in (5_000, 5_000, 5_000, 60_000):
        a_day(place, wh)


def reviews(place):
    return place.connection.execute(
        "SELECT day, charge_minor, before_minor, outcome, credited_minor FROM billing_review ORDER BY day"
    ).fetchall()


def review(place):
    from urja.apps.billing.queries.charge_reviews import newest_review

    return newest_review(place.houses[0].account_id)


def decided(place, outcome, reason="looked at"):
    from urja.usecases.operations import DecideReview, perform

    return perform(
        DecideReview(
            consumer_number="URJ00000001", review_id=review(place).id, outcome=outcome, reason=reason
        ),
        recorded_at=place.now,
        actor="officer",
    )


def refused(place, outcome):
    from urja.apps.journal.errors import RefusedError

    with pytest.raises(RefusedError) as told:
        decided(place, outcome)
    return str(told.value)


def supply_laws(place):
    from urja.laws.switching import laws

    return {law for law, holds in laws(place.connection, place.now, town.ZONE).items() if not holds}


def book_laws(place):
    from urja.laws.verify import laws

    return {law for law, holds in laws(place.connection, zone=town.ZONE).items() if not holds}


def on(place, end, step=HOUR):
    while place.now + step <= end:
        place.until(place.now + step, step)
        place.deliver()


def test_a_usual_day_opens_no_review(house):
    house.now = house.at(1, 0)
    for wh in (5_000, 5_000, 5_000, 12_000, 5_000):
        a_day(house, wh)
    assert reviews(house) == []
    assert book_laws(house) == set()


def test_no_charge_is_judged_before_there_are_days_to_compare_with(house):
    house.now = house.at(1, 0)
    for wh in (1_000, 1_000, 60_000):
        a_day(house, wh)
    assert reviews(house) == []
    assert book_laws(house) == set()


def test_an_abnormal_charge_opens_a_review(reviewed):
    ((day, charge, before, outcome, credited),) = reviews(reviewed)
    assert (day, outcome, credited) == (date(2026, 3, 5), "", 0)
    assert charge == 60 * 500 + 200 + (60 * 500 + 200) * 5 // 100
    assert before == 10 * 300 + 5 * 500 + 3 * 200 + (10 * 300 + 5 * 500 + 3 * 200) * 5 // 100
    found = review(reviewed)
    assert (found.due_at - found.opened_at, found.ends_at - found.opened_at) == (
        timedelta(days=2),
        timedelta(days=4),
    )
    # Another abnormal day while it runs opens no second one.
    a_day(reviewed, 300_000)
    assert len(reviews(reviewed)) == 1
    assert book_laws(reviewed) == set()


def messages(place):
    found = place.connection.execute(
        "SELECT kind, params FROM notices_notice WHERE kind LIKE 'review%' ORDER BY id"
    )
    return found.fetchall()


def test_the_consumer_is_told_when_a_review_begins_and_how_it_ends(reviewed):
    ((kind, params),) = messages(reviewed)
    ends_at = review(reviewed).ends_at.astimezone(ZoneInfo(town.ZONE)).isoformat(timespec="seconds")
    charge = review(reviewed).charge_minor
    assert (kind, params) == (
        "review",
        {"charged_on": "2026-03-05", "charge_minor": charge, "review_ends_at": ends_at},
    )
    decided(reviewed, "confirmed")
    assert messages(reviewed)[1:] == [
        ("review_ended", {"charged_on": "2026-03-05", "confirmed_minor": charge})
    ]


def test_and_when_its_time_is_over(reviewed):
    reviewed.go(review(reviewed).ends_at)
    reviewed.go(reviewed.now + MINUTE)
    found = review(reviewed)
    assert messages(reviewed)[1:] == [
        (
            "review_ended",
            {
                "charged_on": "2026-03-05",
                "credited_minor": found.charge_minor,
                "given_back_minor": found.credited_minor,
            },
        )
    ]
    assert found.credited_minor > 0


def test_no_supply_is_disconnected_while_a_review_runs(reviewed):
    on(reviewed, reviewed.at(8, 17), step=3 * HOUR)
    assert reviewed.where() == ("suspended", "review")
    assert reviewed.commands() == []
    assert "being reviewed" in reviewed.standing().sentence(reviewed.now, "en")
    assert "जाँच" in reviewed.standing().sentence(reviewed.now, "hi")
    assert supply_laws(reviewed) == set()
    decided(reviewed, "confirmed")
    on(reviewed, reviewed.at(9, 15), step=3 * HOUR)
    assert reviewed.commands() == [("disconnect", "queued")]
    assert supply_laws(reviewed) == set()
    assert book_laws(reviewed) == set()


def test_a_disconnection_that_is_under_way_is_called_back(house):
    """Used up by ordinary use on Thursday, and ordered on Friday; then a late reading brings an abnormal charge."""
    house.now = house.at(1, 0)
    for wh in (25_000, 25_000, 25_000):
        a_day(house, wh)
    house.deliver()
    on(house, house.at(4, 10, 30))
    assert house.commands() == [("disconnect", "queued")]
    house.sent()
    from urja.apps.billing.models import Review

    Review.objects.create(
        id=7 << 40 | 1,
        agreement_id=house.houses[0].agreement_id,
        account_id=house.houses[0].account_id,
        day=date(2026, 3, 4),
        charge_minor=100_000,
        before_minor=1,
        days=3,
        policy="story 2",
        undecided="credited",
        opened_at=house.now,
        due_at=house.now + timedelta(days=2),
        ends_at=house.now + timedelta(days=4),
    )
    house.go(house.now + MINUTE)
    assert [kind for kind, _ in house.commands()] == ["disconnect", "connect"]


def test_an_order_of_an_operator_waits_for_the_review_and_danger_does_not(reviewed):
    reviewed.pay(5_000)
    reviewed.order("hold", "tamper")
    on(reviewed, reviewed.at(5, 12))
    assert reviewed.where() == ("protected", "held_back_review")
    assert reviewed.commands() == []
    assert "while a charge is being reviewed" in reviewed.standing().sentence(reviewed.now, "en")
    decided(reviewed, "confirmed")
    reviewed.go(reviewed.now + MINUTE)
    assert reviewed.commands() == [("disconnect", "queued")]
    assert supply_laws(reviewed) == set()


def test_danger_disconnects_while_a_review_runs(reviewed):
    reviewed.order("hold", "safety")
    reviewed.go(reviewed.now + 15 * MINUTE)
    assert reviewed.commands() == [("disconnect", "queued")]
    assert supply_laws(reviewed) == set()


def test_a_review_that_ends_undecided_gives_back_what_is_above_the_usual(reviewed):
    (_, charge, before, _, _) = reviews(reviewed)[0]
    a_day(reviewed, 5_000)
    a_day(reviewed, 5_000)
    from urja.apps.billing.queries.charge_reviews import overdue_reviews
    from urja.pipeline import post

    assert overdue_reviews(reviewed.at(7, 1)) == 1
    assert (
        "1 review of abnormal charges should have been decided"
        in post.run_once(reviewed.at(7, 1), HOUR).detail
    )
    a_day(reviewed, 5_000)
    a_day(reviewed, 5_000)
    ((_, _, _, outcome, credited),) = reviews(reviewed)
    assert (outcome, credited) == ("credited", charge - before // 3)
    given = reviewed.connection.execute(
        "SELECT line, amount_minor, inputs->>'reference' FROM books_entry WHERE line = 'waiver'"
    ).fetchall()
    assert given == [("waiver", credited, f"review {review(reviewed).id} of 2026-03-05")]
    assert post.run_once(reviewed.now + 20 * MINUTE, HOUR).done == 0
    assert book_laws(reviewed) == set()


def test_where_the_policy_says_so_an_undecided_charge_stands(house):
    load_stands = POLICY.format(version="3", emergency=0, most=20, stagger=20)
    from urja.usecases.policies import load_policy

    load_policy(load_stands + RULES.format(undecided="stands"), recorded_at=START, actor="test")
    abnormal(house)
    for _ in range(5):
        a_day(house, 5_000)
    ((_, _, _, outcome, credited),) = reviews(house)
    assert (outcome, credited) == ("stood", 0)
    assert book_laws(house) == set()


def test_what_was_waived_meanwhile_is_not_given_back_again(reviewed):
    from urja.usecases.operations import WaiveCharges, perform

    (_, charge, before, _, _) = reviews(reviewed)[0]
    perform(
        WaiveCharges(consumer_number="URJ00000001", waived_minor=10_000, reason="a leak in the wiring"),
        recorded_at=reviewed.now + HOUR,
        actor="officer",
    )
    for _ in range(5):
        a_day(reviewed, 5_000)
    assert reviews(reviewed)[0][3:] == ("credited", charge - before // 3 - 10_000)
    assert book_laws(reviewed) == set()


def test_a_decision_says_what_was_done(reviewed):
    from urja.usecases.operations import WaiveCharges, perform

    reviewed.now += HOUR
    assert "correct the reading first" in refused(reviewed, "corrected")
    assert "waive_charges comes first" in refused(reviewed, "waived")
    perform(
        WaiveCharges(consumer_number="URJ00000001", waived_minor=10_000, reason="a leak in the wiring"),
        recorded_at=reviewed.now,
        actor="officer",
    )
    decided(reviewed, "waived")
    assert (review(reviewed).outcome, review(reviewed).note) == ("waived", "looked at")
    assert "has ended already" in refused(reviewed, "confirmed")
    assert book_laws(reviewed) == set()


def test_a_reading_that_is_corrected_ends_a_review(reviewed):
    reviewed.now += 12 * HOUR
    midnight = reviewed.at(5, 0)
    town.store_registers(
        reviewed.connection, town.registers(reviewed.houses[0], (midnight, 10_000 + 20_000)), now=reviewed.now
    )
    reviewed.registers[0] = 30_000
    reviewed.uses[0] = reviewed.at(5, 0)
    a_day(reviewed, 5_000)
    decided(reviewed, "corrected")
    assert review(reviewed).outcome == "corrected"
    assert book_laws(reviewed) == set()


def test_a_review_of_another_supply_is_not_found(house):
    from urja.apps.journal.errors import RefusedError
    from urja.usecases.operations import DecideReview, perform

    adopt(2, bucket=9)
    abnormal(house)
    with pytest.raises(RefusedError, match="there is no review"):
        perform(
            DecideReview(
                consumer_number="URJ00000002",
                review_id=review(house).id,
                outcome="confirmed",
                reason="mine",
            ),
            recorded_at=house.now,
            actor="officer",
        )


def test_a_high_charge_is_decided_with_passkeys(reviewed):
    from urja.usecases.approval_measures import measure
    from urja.usecases.operations import DecideReview

    operation = DecideReview(
        consumer_number="URJ00000001", review_id=review(reviewed).id, outcome="confirmed", reason="right"
    )
    with transaction.atomic():
        found = measure(operation, actor="officer", now=reviewed.now)
    assert (found.money_minor, found.disconnections) == (review(reviewed).charge_minor, 1)


# -- laws --------------------------------------------------------------------------------------------------------


def test_a_disconnection_during_a_review_breaks_the_law(house, monkeypatch):
    from urja.core.policy import disconnection_bars

    house.pages_look = False
    left = tuple(rule for rule in disconnection_bars.RULES if rule is not disconnection_bars._review)
    monkeypatch.setattr(disconnection_bars, "RULES", left)
    abnormal(house)
    on(house, house.at(5, 12))
    assert house.commands()[0][0] == "disconnect"
    assert "cut_while_no_review" in supply_laws(house)


def test_a_hold_that_ignores_the_review_breaks_the_law(house, monkeypatch):
    from urja.core.policy import holds

    monkeypatch.setattr(holds, "under_review", lambda _facts: False)
    house.pages_look = False
    abnormal(house)
    house.pay(5_000)
    house.order("hold", "tamper")
    on(house, house.at(5, 12))
    assert house.commands() == [("disconnect", "queued")]
    assert "cut_while_no_review" in supply_laws(house)


def test_an_abnormal_charge_without_a_review_breaks_the_law(house, monkeypatch):
    from urja.apps.billing import reviews as opening

    monkeypatch.setattr(opening, "open_abnormal", lambda *_: [])
    abnormal(house)
    assert book_laws(house) == {"reviews"}


@with_one_setup(
    "change",
    [
        "charge_minor = 20000",
        "before_minor = 900000",
        "ends_at = ends_at + interval '1 day'",
        "policy = 'story 1'",
        "undecided = 'stands'",
        "outcome = 'confirmed', operation_id = 1, ended_at = due_at",
        "outcome = 'credited', credited_minor = 100, ended_at = ends_at",
    ],
)
def test_a_review_that_is_not_by_the_rule_breaks_the_law(reviewed, change):
    with reviewed.connection.transaction(force_rollback=True):
        reviewed.connection.execute(f"UPDATE billing_review SET {change}")
        assert book_laws(reviewed) == {"reviews"}


def test_an_ended_review_is_never_changed(reviewed):
    decided(reviewed, "confirmed")
    for change in ("UPDATE billing_review SET note = ''", "DELETE FROM billing_review"):
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
            reviewed.connection.execute(change)
        reviewed.connection.rollback()
