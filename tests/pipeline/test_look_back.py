"""A period older than the look-back limit is charged nothing more; what is refused is recorded with its sum and reason."""

import json
from contextlib import contextmanager
from datetime import date, timedelta

import psycopg
import pytest
from tests.apps.town import START, adopt
from tests.pipeline.test_decide import POLICY
from tests.pipeline.test_post import CUT, TARIFF, Town, load
from tests.pipeline.test_statements import newest
from tests.usecases.test_terms import change_load

MARCH, APRIL, MAY, JUNE = (date(2026, month, 1) for month in (3, 4, 5, 6))
BEGUN = START + timedelta(days=28)
"""Midnight of 30 March."""


@pytest.fixture
def town(database):
    with stand(database) as town:
        yield town


@contextmanager
def stand(database):
    """A meter adopted on 30 March with 10 kWh on its register, under a limit of two months."""
    load()
    adopted = adopt(valid_from=BEGUN, credit_minor=90_000)
    limit()
    with database.connect() as connection:
        yield Town(connection, adopted)


def limit(charge=2, credit=12):
    from urja.usecases.policies import load_policy

    text = POLICY.format(version=f"{charge}-{credit}", emergency=0, most=20, stagger=20)
    load_policy(
        f"{text}\n[look_back]\ncharge_months = {charge}\ncredit_months = {credit}\n",
        recorded_at=START,
        actor="test",
    )


def read(town, *reads):
    for day, kwh in reads:
        town.register(day, kwh)


READS = ((30, 40), (60, 60), (91, 61), (92, 62))
"""1 April, 1 May, 1 and 2 June: 30 kWh in March, 20 in April, 1 in May and 1 in June."""


def live(town):
    """All days up to 1 June are closed in time."""
    read(town, *READS)
    for day in (30, 45, 60, 75, 91, 92):
        town.run(day, CUT)


def lived_in_time(database):
    with stand(database) as town:
        live(town)
        return town.adopted


def lived_without_reads(database):
    """All days of March, April and May are closed, and nothing was read."""
    with stand(database) as town:
        for day in (30, 45, 60, 75, 91):
            town.run(day, CUT)
        return town.adopted


@pytest.fixture
def in_june(lived):
    """The town on 2 June: each day was closed in time."""
    with lived(lived_in_time) as (database, adopted), database.connect() as connection:
        yield Town(connection, adopted)


@pytest.fixture
def unread(lived):
    """The town on 1 June: nothing was read for two months."""
    with lived(lived_without_reads) as (database, adopted), database.connect() as connection:
        yield Town(connection, adopted)


def refused(town):
    return [
        (start, cause, amount, json.loads(lines) if isinstance(lines, str) else lines)
        for start, cause, amount, lines in town.connection.execute(
            "SELECT period_start, cause, amount_minor, lines FROM billing_refusal ORDER BY period_start, number"
        ).fetchall()
    ]


def energy(town):
    return town.charged_in("energy")


def test_a_tariff_for_past_days_charges_no_period_before_the_limit(in_june):
    from urja.apps.billing.queries.refused_charges import refused_charges

    assert energy(in_june) == {MARCH: 13_000, APRIL: 8_000, MAY: 300, JUNE: 300}
    load("2", "2026-03-02", rate="4.00")
    read(in_june, (93, 63))
    # 3 June: the limit is 3 April, and both March and April began before it.
    in_june.run(93)
    assert energy(in_june) == {MARCH: 13_000, APRIL: 8_000, MAY: 400, JUNE: 800}
    assert refused(in_june) == [
        (MARCH, "prices", 1050, {"energy": 1000, "duty": 50}),
        (APRIL, "prices", 1050, {"energy": 1000, "duty": 50}),
    ]
    assert {(one.period_start, one.period_end) for one in refused_charges(in_june.adopted.account_id)} == {
        (MARCH, APRIL),
        (APRIL, MAY),
    }
    assert all(in_june.laws().values())
    assert in_june.run(93).entries == 0
    assert len(refused(in_june)) == 2


def test_what_is_in_the_consumers_favour_is_posted(in_june):
    load("2", "2026-03-02", rate="2.00")
    read(in_june, (93, 63))
    in_june.run(93)
    assert energy(in_june) == {MARCH: 12_000, APRIL: 7_000, MAY: 200, JUNE: 400}
    assert refused(in_june) == []
    assert all(in_june.laws().values())


def test_a_refusal_ends_when_the_period_comes_to_less(in_june):
    load("2", "2026-03-02", rate="4.00")
    read(in_june, (93, 63))
    in_june.run(93)
    load("3", "2026-03-02", rate="3.50")
    read(in_june, (94, 64))
    in_june.run(94)
    assert refused(in_june)[:2] == [
        (MARCH, "prices", 1050, {"energy": 1000, "duty": 50}),
        (MARCH, "prices", 525, {"energy": 500, "duty": 25}),
    ]
    assert all(in_june.laws().values())
    load("4", "2026-03-02", rate="2.50")
    read(in_june, (95, 65))
    in_june.run(95)
    assert energy(in_june)[MARCH] == 12_500
    assert [row[2:] for row in refused(in_june) if row[0] == MARCH][-1] == (0, {})
    assert all(in_june.laws().values())
    from urja.apps.billing.queries.refused_charges import refused_charges, refused_totals

    assert (refused_charges(in_june.adopted.account_id), refused_totals()) == ([], [])


def test_a_late_reading_and_an_edit_charge_no_period_before_the_limit(unread):
    assert energy(unread) == {}
    # Two months without a reading, then all midnights at once: March and April are charged no energy.
    read(unread, *READS)
    unread.run(92)
    assert energy(unread) == {MAY: 300, JUNE: 300}
    assert [(start, cause, lines["energy"]) for start, cause, _, lines in refused(unread)] == [
        (MARCH, "readings", 13_000),
        (APRIL, "readings", 8_000),
    ]
    # Read again, 2 kWh more at the end of March and so 2 less in April: neither was charged.
    read(unread, (30, 42), (93, 63))
    unread.run(93)
    assert energy(unread) == {MAY: 300, JUNE: 600}
    assert [(start, lines["energy"]) for start, _, _, lines in refused(unread)] == [
        (MARCH, 13_000),
        (MARCH, 14_000),
        (APRIL, 8_000),
        (APRIL, 7_000),
    ]
    assert all(unread.laws().values())


def test_the_fresh_balance_has_no_charge_that_was_refused(unread):
    read(unread, *READS)
    unread.run(92)
    found = unread.fresh(92)
    assert (found.pending_minor, found.balance_minor) == (0, found.ledger_minor)


def test_days_that_are_closed_too_late_are_not_charged(town):
    read(town, *READS)
    town.run(92, CUT)
    assert set(town.charged_in("fixed")) == {MAY, JUNE}
    assert {cause for _, cause, _, _ in refused(town)} == {"late-close"}
    # The statement has the period as one bill, and takes off what is not charged.
    march = newest(town)[0].content
    *lines, off = ((line.line, line.charged_minor) for line in march.bill.lines)
    assert (march.period_from, march.total_minor, march.bill.total_minor) == (MARCH, 0, 0)
    assert off == ("look-back", -sum(minor for _, minor in lines))
    assert dict(lines)["energy"] == 13_000
    assert all(town.laws().values())


@pytest.mark.parametrize(("credit", "energy_minor"), [(12, 9_000), (24, 6_000)])
def test_credits_reach_as_far_as_the_policy_says(town, credit, energy_minor):
    """Moved out on 31 March with 22 kWh; a lower price is loaded 420 days later."""
    limit(2, credit)
    leave(town, 29, 32)
    town.run(30, CUT)
    assert energy(town) == {MARCH: 9_000}
    load_later(town, 29 + 420, "0.00")
    town.run(29 + 420, CUT)
    assert energy(town) == {MARCH: energy_minor}
    assert refused(town) == []


def test_without_a_limit_in_the_policy_twelve_months_are_charged(town):
    from urja.usecases.policies import load_policy

    text = POLICY.format(version="without", emergency=0, most=20, stagger=20)
    load_policy(text, recorded_at=START, actor="test")
    live(town)
    load("2", "2026-03-02", rate="4.00")
    read(town, (93, 63))
    town.run(93)
    assert energy(town) == {MARCH: 14_000, APRIL: 9_000, MAY: 400, JUNE: 800}
    assert refused(town) == []


def test_a_load_that_is_changed_for_past_days_says_what_it_would_post(in_june):
    """The dry run of an operation names no posting that the limit refuses, and the preview of a tariff its sum."""
    from urja.usecases.dry_run import dry_run_effects
    from urja.usecases.tariffs import load_tariffs

    now = in_june.midnight(93)
    effects = dry_run_effects(change_load(6000, 30), recorded_at=now, actor="clerk")
    assert effects.postings == []
    _, found = load_tariffs([TARIFF.format(version="2", valid_from="2026-03-02", rate="4.00")], now)
    assert (found["INR"].refused_minor, found["INR"].sum_minor) == (2_100, 210)


def test_a_charge_before_the_limit_breaks_the_law(in_june, monkeypatch):
    from urja.apps.billing import look_back

    load("2", "2026-03-02", rate="4.00")
    read(in_june, (93, 63))
    with monkeypatch.context() as patch:
        patch.setattr(look_back, "limits", lambda *_: {})
        in_june.run(93)
    assert {law for law, holds in in_june.laws().items() if not holds} == {"look_back"}


def test_a_refusal_without_the_rule_breaks_the_laws(in_june):
    in_june.connection.execute(
        "INSERT INTO billing_refusal SELECT agreement_id, period_start, 1, %s, now(), '2026-06-03', '2026-06-03', 7, "
        "'story 2-12', 'prices', '{\"energy\": 5}', 5 FROM billing_rated WHERE period_start = %s",
        [in_june.adopted.account_id, MARCH],
    )
    in_june.connection.commit()
    assert {law for law, holds in in_june.laws().items() if not holds} == {"look_back", "second_rater"}


@pytest.mark.parametrize(
    "change", ["UPDATE billing_refusal SET amount_minor = 1", "DELETE FROM billing_refusal"]
)
def test_a_refusal_is_never_changed(town, change):
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        town.connection.execute(change)
    town.connection.rollback()


def load_later(town, day, rate):
    from urja.apps.rulebook.operations import load_tariff

    load_tariff(TARIFF.format(version="2", valid_from="2026-03-02", rate=rate), town.midnight(day))


def leave(town, day, kwh):
    from urja.usecases.operations import MoveOut, perform

    perform(
        MoveOut(consumer_number="URJ00000001", at=town.midnight(day), register_wh=kwh * 1000),
        recorded_at=town.midnight(day) + timedelta(hours=1),
        actor="clerk",
    )


def test_a_correction_after_the_end_charges_no_period_before_the_limit(in_june):
    leave(in_june, 92, 62)
    in_june.run(93, CUT)
    load_later(in_june, 94, "4.00")
    in_june.run(94, CUT)
    assert energy(in_june) == {MARCH: 13_000, APRIL: 8_000, MAY: 400, JUNE: 400}
    assert {(start, cause) for start, cause, _, _ in refused(in_june)} == {
        (MARCH, "prices"),
        (APRIL, "prices"),
    }
    assert all(in_june.laws().values())
