"""What a consumer sees of the own use, and nothing of an earlier consumer's."""

from dataclasses import replace
from datetime import date, timedelta

from tests.apps import town
from tests.apps.town import HALF_HOUR, START, adopt, blocks, registers
from tests.conftest import begun_with

from urja.apps.readings.kinds import Status
from urja.core.calendar import month_of


def with_a_day(database):
    made = adopt()
    rows = blocks(made, *((START + n * HALF_HOUR, 10 + n) for n in range(48) if n not in (4, 5, 7)))
    rows["status"][2] = Status.ESTIMATED
    with database.connect("urja_pipeline") as connection:
        town.store_blocks(connection, rows)
        town.store_registers(connection, registers(made, (START + timedelta(days=1), 12_000)))
    return made


database, home = begun_with(with_a_day)


def agreement_of(made):
    from urja.apps.contracts import queries

    return queries.agreement_at(made.account_id, START)


def hours_of(agreement, day):
    from urja.apps.readings import queries

    return queries.use_of_month(agreement, day, month_of(day)).hours


def test_use_by_hour_names_what_is_not_known(home):
    hours = hours_of(agreement_of(home), date(2026, 3, 2))
    assert len(hours) == 24
    assert [hour.energy_wh for hour in hours[:4]] == [21, 25, None, 16]
    assert [hour.estimated_wh for hour in hours[:3]] == [0, 12, 0]
    assert hours[0].start_at == START


def test_use_by_day_is_the_register_between_read_midnights(home):
    from urja.apps.readings import queries

    days = queries.use_by_day(agreement_of(home), date(2026, 3, 20))
    assert len(days) == 31
    assert [day.energy_wh for day in days[:3]] == [None, 2000, None]


def test_a_new_tenant_sees_nothing_of_the_old_one(home):
    agreement = replace(agreement_of(home), valid_from=START + timedelta(hours=23))
    assert sum(use.energy_wh or 0 for use in hours_of(agreement, date(2026, 3, 2))) == 56 + 57
    agreement = replace(agreement, valid_to=START + timedelta(hours=23, minutes=30))
    assert sum(use.energy_wh or 0 for use in hours_of(agreement, date(2026, 3, 2))) == 56


def test_the_accrual_and_the_energy_until_a_days_end(home):
    from urja.apps.readings import queries

    kept = queries.accrued(home.agreement_id, date(2026, 3, 1))
    assert (kept.billed_value, kept.watermark_at) == (2000, START + timedelta(days=1))
    (until,) = queries.energies_until([home.agreement_id], date(2026, 3, 1), START + timedelta(days=1))
    assert until.billed_value == 2000
    assert queries.accrued(home.agreement_id, date(2026, 2, 1)) is None


def test_days_that_the_register_does_not_speak_for_are_the_sum_of_their_blocks(empty_database):
    """The midnights of the 2nd to the 5th and of the 7th are read: the 5th to the 7th are left to the blocks."""
    from urja.apps.readings import queries

    made = adopt()
    rows = blocks(made, *((START + n * HALF_HOUR, 10) for n in range(6 * 48)))
    rows["status"][[50, 200]] = Status.ESTIMATED  # on the 3rd, which is counted, and on the 6th
    with empty_database.connect("urja_pipeline") as connection:
        town.store_blocks(connection, rows)
        reads = [(START + timedelta(days=n), 10_000 + 500 * n) for n in (1, 2, 3, 5)]
        town.store_registers(connection, registers(made, *reads))
    found = queries.use_of_month(agreement_of(made), date(2026, 3, 4), month_of(date(2026, 3, 4)))
    assert [(use.energy_wh, use.estimated_wh) for use in found.days[:8]] == [
        (None, 0),
        (500, 0),
        (500, 0),
        (500, 0),
        (480, 0),
        (480, 10),
        (480, 0),
        (None, 0),
    ]
    assert [hour.energy_wh for hour in found.hours] == [20] * 24
