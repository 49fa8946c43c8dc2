"""A row made from the row of the day before and one day's readings is the row that all readings make, to the byte."""

from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from tests.apps import town as town_rows
from tests.apps.determinants.test_rows import day_of_blocks, law, load_tariff, read, run, stored
from tests.apps.town import HALF_HOUR, START, adopt, blocks, exchange, in_stock, registers

from urja.core.calendar import ONE_DAY, Period, midnight

DAY = timedelta(days=1)
HOMES = 5
EXCHANGED = 4
MARCH = Period(date(2026, 3, 1), date(2026, 4, 1))


@pytest.fixture
def connection(database):
    with database.connect() as connection:
        yield connection


@pytest.fixture
def made_by_day(monkeypatch):
    """The rows that followed from the row before, as they are made."""
    from urja.apps.determinants import operations

    found, real = [], operations.of_days_before

    def of_days_before(*arguments):
        rows = real(*arguments)
        found.extend(rows)
        return rows

    monkeypatch.setattr(operations, "of_days_before", of_days_before)
    return found


class History:
    """Some homes whose readings come whole, late, in parts or not at all, as the seed says."""

    def __init__(self, connection, seed, zone, first):
        from urja.apps.rulebook.queries import calendars

        self.connection, self.zone, self.random = connection, zone, np.random.default_rng(seed)
        load_tariff("demo-tod")
        self.calendars = tuple(calendars.versions_of("demo-tod"))
        self.began_at = self.exchanged_at = midnight(first, zone)
        self.homes = [adopt(n, credit_minor=50_000, valid_from=self.began_at) for n in range(1, HOMES + 1)]
        self.used_wh = [10_000] * HOMES
        self.late = []
        for home in self.homes:
            # The installation read has no apparent energy: without this one no register counts it in the first period.
            opening = registers(home, (self.began_at, 10_000))
            opening["values"][:, 1] = 10_000
            self._store(town_rows.store_registers, opening, self.began_at)

    def day(self, day, now):
        """Let a day pass: each home's intervals and its read of midnight are stored, kept for later, or lost."""
        begins, ends = (midnight(each, self.zone) for each in (day, day + ONE_DAY))
        starts = [begins + n * HALF_HOUR for n in range((ends - begins) // HALF_HOUR)]
        for n, home in enumerate(self.homes):
            # An exchanged meter counts from its installation on.
            own = [at for at in starts if n != EXCHANGED or at >= self.exchanged_at]
            energies = self.random.integers(0, 900, len(own))
            self.used_wh[n] += int(energies.sum())
            whole = blocks(home, *zip(own, energies, strict=True))
            whole["values"][:, 1] = whole["values"][:, 0] + 3
            whole["received_at"] = int(now.timestamp() * 1000)
            kept = self.random.random(len(own)) < self.random.choice([0.0, 0.1, 1.0], p=[0.6, 0.3, 0.1])
            self._store(town_rows.store_blocks, whole[~kept], now)
            self.late.append((town_rows.store_blocks, whole[kept]))
            register = registers(home, (ends, self.used_wh[n]))
            register["values"][:, 1] = self.used_wh[n] + 7
            if self.random.random() < 0.8:
                self._store(town_rows.store_registers, register, now)
            else:
                self.late.append((town_rows.store_registers, register))

    def late_data(self, now):
        """Store some of what was kept; the rest waits on, and a part of it is lost."""
        self.random.shuffle(self.late)
        for _ in range(min(len(self.late), 3)):
            store, rows = self.late.pop()
            self._store(store, rows, now)

    def exchange(self, at):
        """Exchange the last home's meter; what its old one counted on that day is known by its register alone."""
        self.exchanged_at = at
        in_stock(99)
        self.used_wh[EXCHANGED] += 40
        done = exchange(EXCHANGED + 1, 99, at, old_wh=self.used_wh[EXCHANGED], new_wh=500)
        self.homes[EXCHANGED] = replace(self.homes[EXCHANGED], device_id=done.outcome["device_id"])
        self.used_wh[EXCHANGED] = 500

    def wanted(self, day):
        from urja.apps.determinants.evaluation import Wanted
        from urja.apps.readings.queries.columns import Owner

        return [Wanted(Owner.agreement(home.agreement_id), MARCH, day, self.calendars) for home in self.homes]

    def determine(self, day, now):
        """Store the rows of a day, and see that each is what all readings of the period come to."""
        from django.db import connection

        from urja.apps.determinants.evaluation import evaluate
        from urja.apps.determinants.operations import determine

        determine(self.wanted(day), self.zone, now)
        newest = {
            agreement_id: (version, sha256)
            for agreement_id, version, sha256 in self.connection.execute(
                "SELECT agreement_id, version, sha256 FROM determinants_row WHERE as_of = %s ORDER BY version",
                [day],
            )
        }
        with connection.cursor() as cursor:
            found = evaluate(cursor, self.wanted(day), self.zone)
        self.connection.commit()
        assert len(found) == HOMES
        for one in found:
            version, sha256 = newest[one.wanted.agreement_id]
            assert one.sha256(version) == sha256, (day, one)

    def _store(self, store, rows, now):
        if len(rows):
            store(self.connection, rows, now)


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("Asia/Kolkata", date(2026, 3, 3)),
        # Summer time begins on 29 March: the day has 46 intervals.
        ("Europe/Berlin", date(2026, 3, 25)),
    ],
)
@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 10))]
)
def test_each_row_is_the_one_that_all_readings_make(connection, made_by_day, seed, zone, first):
    history = History(connection, seed, ZoneInfo(zone), first)
    for n in range(7):
        day = first + n * ONE_DAY
        now = midnight(day + ONE_DAY, history.zone) + timedelta(minutes=20)
        if n == 3:
            history.exchange(midnight(day, history.zone) + 28 * HALF_HOUR)
        history.day(day, now)
        history.determine(day, now)
        history.late_data(now)
        if history.random.random() < 0.7:
            # The stage `determine` has taken what came late.
            history.determine(day, now + HALF_HOUR)
            connection.execute("DELETE FROM readings_change")
            connection.commit()
    by_agreement = {one.wanted.agreement_id for one in made_by_day}
    assert len(by_agreement) >= 3, "the random histories have whole days"


def two_days(connection, home):
    read(connection, home, 0, 10_000)
    for day in (0, 1):
        town_rows.store_blocks(connection, day_of_blocks(home, day))
        read(connection, home, day + 1, 10_000 + (day + 1) * 485)
        run(START + (day + 1) * DAY + timedelta(minutes=20))


def test_the_law_sees_a_day_that_was_added_wrongly(connection, made_by_day, monkeypatch):
    from urja.apps.determinants import added_day

    load_tariff("demo-tod")
    right, wrong = adopt(1, credit_minor=50_000), adopt(2, credit_minor=50_000)
    two_days(connection, right)
    real = added_day.with_day

    def one_wh_lost(*arguments):
        values = real(*arguments)
        energy = values["import_wh"]
        return values | {"import_wh": energy._replace(value=energy.value - 1)}

    monkeypatch.setattr(added_day, "with_day", one_wh_lost)
    two_days(connection, wrong)
    assert len(made_by_day) >= 2
    said = law(connection)
    assert any(f"agreement {wrong.agreement_id} " in one and "their readings come to" in one for one in said)
    assert not any(f"agreement {right.agreement_id} " in one for one in said)


def test_from_a_proven_head_rows_that_were_calculated_since_are_held_to_the_row_before(
    connection, monkeypatch
):
    from urja.apps.determinants import added_day

    load_tariff("demo-tod")
    home = adopt(1, credit_minor=50_000)
    with monkeypatch.context() as wrong:
        real = added_day.with_day
        wrong.setattr(
            added_day, "with_day", lambda *both: real(*both) | {"import_wh_z1": real(*both)["import_vah"]}
        )
        two_days(connection, home)
    for number, cut_at in ((1, START + 2 * DAY), (2, START + 3 * DAY)):
        connection.execute("INSERT INTO proofs_period VALUES (%s, %s, %s)", [number, cut_at.date(), cut_at])
    connection.commit()
    assert [one.as_of for one in stored(home)][-1] == date(2026, 3, 3)
    assert any("to 2026-03-03" in one and "their readings come to" in one for one in law(connection, 1))
    assert law(connection, 2) == []
    assert law(connection) != []


def test_a_row_of_the_day_names_its_reads_and_the_first_and_last_day_name_all(connection, made_by_day):
    load_tariff()
    home = adopt(credit_minor=50_000)
    two_days(connection, home)
    first, second = stored(home)
    assert [key.read_at for key in first.read_keys] == [START, START + DAY]
    assert [key.read_at for key in second.read_keys] == [START + DAY, START + 2 * DAY]
    assert second.intervals == 96
