"""The ledger of units in the close: a roof's bank by hand over a late reading, a settlement and an end, and what is refused."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta

import psycopg
import pytest
from tests.apps import town as town_rows
from tests.apps.determinants.test_rows import load_tariff as load_calendar
from tests.apps.town import START, adopt, blocks, registers
from tests.one_setup import with_one_setup
from tests.pipeline.test_evidence import broken, falsify, why
from tests.pipeline.test_post import CUT, HALF_HOUR, Town
from tests.usecases.life import do

TARIFF = """
format = 1
code = "net"
version = "{version}"
title = "Roof with a bank"
currency = "INR"
valid_from = 2026-01-01
period_starts_on = 3
{more}
[[line]]
name = "energy"
title = "Energy charge"
accrues = "slabs"
quantity = "netted_import_wh"
slabs = [{{from = 0, rate = {rate}}}]
[[line]]
name = "settlement"
title = "Units settled"
accrues = "settlement"
rate = "2.90"
"""
SETTLED = """[[line]]
name = "settlement"
"""
TOTAL = 'net_metering = {bank = "total", settlement_month = 4}'
FIXED = """
[[line]]
name = "fixed"
title = "Fixed charge"
accrues = "per-day"
rate = "2.00"
"""
AT_END = 'net_metering = {bank = "total", settlement_month = 4, at_end = "settle"}'
ZONED = """
calendar = "demo-tod"
zones = {normal = 1, solar = 2, peak = 3}
net_metering = {bank = "zones", settlement_month = 4}
"""
FIRST, SECOND = date(2026, 2, 3), date(2026, 3, 3)
"""Beginnings of the first two billing periods: the first one has the day of 2 March alone."""


def load_text(text):
    from urja.apps.rulebook.operations import load_tariff

    load_tariff(text, START)


def load(more=TOTAL, version="1", rate=6):
    load_text(TARIFF.format(version=version, more=more, rate=rate))


@pytest.fixture
def roof(database):
    with stand(database) as roof:
        yield roof


@contextmanager
def stand(database):
    """A meter with 10 kWh imported and nothing exported at midnight of 2 March, the last day of its billing period."""
    load()
    adopted = adopt(credit_minor=50_000, tariff_code="net")
    with database.connect() as connection:
        yield Town(connection, adopted)


def lived_two_days(database):
    with stand(database) as roof:
        two_days(roof)
        return roof.adopted


@pytest.fixture
def banked(lived):
    """The roof after its two days."""
    with lived(lived_two_days) as (database, adopted), database.connect() as connection:
        yield Town(connection, adopted)


def read(roof, day, imported_wh, exported_wh):
    """Store the registers at the end of the n-th day, in Wh since the beginning."""
    rows = registers(roof.adopted, (roof.midnight(day), 10_000 + imported_wh))
    rows["values"][:, 2] = exported_wh
    town_rows.store_registers(roof.connection, rows)


def half_hours(roof, day, imported_wh, exported_wh, numbers=range(48)):
    """Store half hours of the n-th day with this import and export in each."""
    start = roof.midnight(day - 1)
    rows = blocks(roof.adopted, *((start + n * HALF_HOUR, imported_wh) for n in numbers))
    rows["values"][:, 2] = exported_wh
    town_rows.store_blocks(roof.connection, rows, now=roof.midnight(day) + HALF_HOUR)


def units(roof):
    """All rows: period, bank, version, opening, exported, used, settled, closing."""
    return roof.connection.execute(
        "SELECT period_start, zone, version, opening_wh, exported_wh, used_wh, settled_wh, closing_wh"
        " FROM billing_unit_bank ORDER BY period_start, zone, version"
    ).fetchall()


def late(roof, day=2):
    """Let the stage `determine` take up what has come of days that are closed."""
    from urja.pipeline.determine import Determine

    assert Determine().run_once(roof.midnight(day)).done == 1


def two_days(roof):
    """A day that is closed by its half hours, and one by whose close the register of its midnight has come."""
    read(roof, 0, 0, 0)
    half_hours(roof, 1, 100, 50)
    roof.run(1, CUT)
    read(roof, 1, 4_800, 10_400)
    late(roof)
    read(roof, 2, 9_800, 11_400)
    roof.run(2)


def test_a_late_reading_makes_the_next_version_and_the_next_period_opens_with_it(roof):
    read(roof, 0, 0, 0)
    half_hours(roof, 1, 100, 50)
    roof.run(1, CUT)
    assert units(roof) == [(FIRST, 0, 1, 0, 2_400, 2_400, 0, 0)]
    assert roof.charged() == {"energy": 1440}
    # The register has 8 kWh more of export than the half hours.
    read(roof, 1, 4_800, 10_400)
    late(roof)
    read(roof, 2, 9_800, 11_400)
    roof.run(2)
    assert units(roof) == [
        (FIRST, 0, 1, 0, 2_400, 2_400, 0, 0),
        (FIRST, 0, 2, 0, 10_400, 4_800, 0, 5_600),
        (SECOND, 0, 1, 5_600, 1_000, 5_000, 0, 1_600),
    ]
    assert roof.charged_in("energy") == {FIRST: 0}
    correction = next(one for one in roof.whys() if one.entry.amount_minor == 1440)
    assert (correction.faults, correction.cause) == ((), "late-reading")
    assert broken(roof) == set()
    assert roof.run(2).entries == 0


def test_days_that_one_run_closes_are_each_proven_by_their_own_version(database):
    """The pipeline was down over some midnights: all these days are posted at the same instant."""
    load(TOTAL + FIXED)
    with database.connect() as connection:
        roof = Town(connection, adopt(credit_minor=50_000, tariff_code="net"))
        read(roof, 0, 0, 0)
        for day in range(1, 5):
            read(roof, day, 4_800 * day, 5_200 * day)
        roof.run(4)
        assert [row[2] for row in units(roof)] == [1, 1, 2, 3]
        assert [one.faults for one in roof.whys()] == [()] * len(roof.whys())
        assert broken(roof) == set()
        falsify(roof, "jsonb_set(inputs, '{calculation,bank,0,1}', '401')", line="fixed", day=3)
        assert any("the ledger of units has" in fault for fault in why(roof, "fixed", 3).faults)
        assert "evidence" in broken(roof)


def test_the_first_day_of_a_period_has_the_bank_before_its_close(roof):
    """A fresh balance that forgot it would charge what is banked, and warn or disconnect for it."""
    read(roof, 0, 0, 0)
    half_hours(roof, 1, 100, 300)
    roof.run(1, CUT)
    assert units(roof) == [(FIRST, 0, 1, 0, 14_400, 4_800, 0, 9_600)]
    half_hours(roof, 2, 500, 0, range(12))
    assert roof.fresh(1, timedelta(hours=6, minutes=5)).pending_minor == 0
    half_hours(roof, 2, 1000, 0, range(12, 24))
    # 18 kWh less the 9.6 that are banked.
    assert roof.fresh(1, timedelta(hours=12, minutes=5)).pending_minor == 8_400 * 600 // 1000


def test_the_law_names_units_that_a_change_of_tariff_has_left(roof, monkeypatch):
    """As before such a change was refused."""
    from urja.usecases import terms
    from urja.usecases.operations import ChangeCategory

    read(roof, 0, 0, 0)
    half_hours(roof, 1, 100, 300)
    roof.run(1, CUT)
    plain = TARIFF.format(version="1", more="", rate=6).partition(SETTLED)[0]
    load_text(plain.replace('"net"', '"plain"').replace('quantity = "netted_import_wh"\n', ""))
    monkeypatch.setattr(terms, "_bank_faults", lambda *_: iter(()))
    do(ChangeCategory(consumer_number="URJ00000001", effective_on=SECOND, tariff_code="plain"))
    assert broken(roof) == set()
    read(roof, 1, 4_800, 14_400)
    read(roof, 2, 9_800, 15_400)
    roof.run(2)
    assert units(roof)[-1][3:] == (0, 14_400, 4_800, 0, 9_600)
    assert broken(roof) == {"unit_banks"}


def test_the_settlement_month_pays_the_bank_and_a_year_begins_with_nothing(banked):
    for day in range(3, 34):
        read(banked, day, 9_800 + 100 * (day - 2), 11_400 + 200 * (day - 2))
    banked.run(32)
    # 5.0 + 3.0 imported, 1.0 + 6.0 exported: 5.6 + 7.0 − 8.0 kWh at 2.90.
    assert units(banked)[-1][3:] == (5_600, 7_000, 8_000, 4_600, 0)
    assert banked.charged_in("settlement") == {SECOND: -1334}
    found = next(one for one in banked.whys() if one.entry.line == "settlement")
    assert [(row.label, str(row.quantity), row.amount_minor) for row in found.rows] == [
        ("banked units settled", "23/5", 1334)
    ]
    assert found.faults == ()
    banked.run(33)
    assert units(banked)[-1] == (date(2026, 4, 3), 0, 1, 0, 200, 100, 0, 100)
    assert broken(banked) == set()


def test_a_reading_after_the_settlement_changes_it_by_the_difference(banked):
    for day in range(3, 32):
        read(banked, day, 9_800 + 100 * (day - 2), 11_400 + 200 * (day - 2))
    half_hours(banked, 32, 0, 100)
    banked.run(31)
    banked.run(32, CUT)
    # 5.6 banked, 11.6 exported, 7.9 imported: 9.3 kWh at 2.90.
    assert units(banked)[-1][3:] == (5_600, 11_600, 7_900, 9_300, 0)
    assert banked.charged_in("settlement") == {SECOND: -2697}
    # The register of the last midnight says 4 kWh of export, and not 4.8.
    read(banked, 32, 12_700, 21_200)
    late(banked, 33)
    read(banked, 33, 12_800, 21_400)
    banked.run(33)
    assert units(banked)[-2][3:] == (5_600, 10_800, 7_900, 8_500, 0)
    assert units(banked)[-1] == (date(2026, 4, 3), 0, 1, 0, 200, 100, 0, 100)
    assert banked.charged_in("settlement") == {SECOND: -2465}
    assert broken(banked) == set()


@pytest.mark.parametrize(("more", "closing"), [(TOTAL, (0, 1_600)), (AT_END, (1_600, 0))])
def test_an_agreement_that_ends_outside_the_month_settles_as_its_document_says(database, more, closing):
    from urja.usecases.operations import MoveOut, perform

    load(more)
    with database.connect() as connection:
        roof = Town(connection, adopt(credit_minor=50_000, tariff_code="net"))
        read(roof, 0, 0, 0)
        read(roof, 1, 4_800, 10_400)
        read(roof, 2, 9_800, 11_400)
        roof.run(1)
        leaves = MoveOut(consumer_number="URJ00000001", at=roof.midnight(2), register_wh=19_800)
        perform(leaves, recorded_at=roof.midnight(2), actor="clerk")
        roof.run(2)
        assert units(roof)[-1][3:] == (5_600, 1_000, 5_000, *closing)
        assert roof.charged_in("settlement") == ({SECOND: -464} if closing[0] else {})
        assert broken(roof) == set()
        assert roof.post(3).entries == 0


def test_each_zone_has_its_bank(database):
    load_calendar("demo-tod")
    load(ZONED)
    with database.connect() as connection:
        roof = Town(connection, adopt(credit_minor=50_000, tariff_code="net"))
        read(roof, 0, 0, 0)
        for day in (1, 2):
            half_hours(roof, day, 100, 50, [n for n in range(48) if not 20 <= n < 28])
            half_hours(roof, day, 0, 400, range(20, 28))
            read(roof, day, 4_000 * day, 5_200 * day)
            roof.run(day)
        found = {(start, zone): rest for start, zone, _, *rest in units(roof)}
        assert {zone for _, zone in found} == {1, 2, 3}
        for zone in (1, 2, 3):
            assert found[SECOND, zone][0] == found[FIRST, zone][-1]
        assert found[FIRST, 2][-1] > 0
        assert sum(found[FIRST, zone][1] for zone in (1, 2, 3)) == 5_200
        assert (why(roof, "energy", 3).faults, broken(roof)) == ((), set())


def test_terms_without_net_metering_for_past_days_take_the_bank_away(banked):
    from urja.apps.rulebook.operations import load_tariff

    plain = TARIFF.format(version="1", more="", rate=6).replace("netted_import_wh", "import_wh")
    plain = plain[: plain.index('[[line]]\nname = "settlement"')].replace('code = "net"', 'code = "plain"')
    load_tariff(plain, START)
    with town_rows.by_hand():
        from urja.apps.contracts.models import AgreementTerms

        AgreementTerms.objects.update(tariff_code="plain")
    read(banked, 3, 9_900, 11_500)
    banked.run(3)
    assert units(banked)[-1] == (SECOND, 0, 2, 0, 0, 0, 0, 0)
    assert units(banked)[2] == (FIRST, 0, 3, 0, 0, 0, 0, 0)
    assert broken(banked) == set()


# What is refused, and the laws


def planted(roof, **changes):
    """Insert a copy of the newest row with other values, in a transaction that is not committed yet."""
    columns = (
        "agreement_id, zone, period_start, version, as_of, opening_wh, imported_wh, exported_wh, used_wh, settled_wh, closing_wh,"
        " ends, determinants_version, determinants_sha256, tariff_sha256, recorded_at"
    )
    row = {"version": "version + 1", **changes}
    values = ", ".join(row.get(name.strip(), name.strip()) for name in columns.split(","))
    roof.connection.execute(
        f"INSERT INTO billing_unit_bank ({columns}) SELECT {values} FROM billing_unit_bank"
        " ORDER BY period_start DESC, version DESC LIMIT 1"
    )


@with_one_setup(
    "changes, words",
    [
        ({"exported_wh": "exported_wh + 1"}, "billing_unit_bank_conserved"),
        ({"used_wh": "used_wh + 1000", "closing_wh": "closing_wh - 1000"}, "billing_unit_bank_used"),
        ({"settled_wh": "100", "closing_wh": "closing_wh - 100"}, "billing_unit_bank_settled"),
        ({"version": "version + 2"}, "does not follow the one before it"),
        ({"version": "version"}, "does not follow the one before it"),
        (
            {"opening_wh": "opening_wh + 500", "closing_wh": "closing_wh + 500"},
            "does not open with what it had",
        ),
        ({"determinants_sha256": "sha256('x')"}, "another hash than those that are stored"),
        (
            {"determinants_version": "7", "determinants_sha256": "determinants_sha256"},
            "another hash|foreign key",
        ),
        ({"determinants_version": "NULL"}, "billing_unit_bank_determined"),
        ({"tariff_sha256": "'ab'"}, "a tariff that is not stored"),
    ],
)
def test_the_database_refuses_a_planted_row(banked, changes, words):
    with pytest.raises(psycopg.errors.IntegrityError, match=words):
        planted(banked, **changes)


def test_a_corrected_period_takes_the_later_ones_with_it(banked):
    with pytest.raises(psycopg.errors.IntegrityError, match="the period from 2026-03-03 was not"):
        banked.connection.execute(
            "INSERT INTO billing_unit_bank SELECT agreement_id, zone, period_start, version + 1, as_of, opening_wh, imported_wh,"
            " exported_wh + 7, used_wh, settled_wh, closing_wh + 7, ends, determinants_version, determinants_sha256,"
            " tariff_sha256, recorded_at FROM billing_unit_bank WHERE period_start = %s AND version = 2",
            [FIRST],
        )


@with_one_setup(
    "statement",
    [
        "UPDATE billing_unit_bank SET closing_wh = 9",
        "DELETE FROM billing_unit_bank",
        "TRUNCATE billing_unit_bank",
    ],
)
def test_the_owner_changes_none(banked, statement):
    with pytest.raises(psycopg.errors.IntegrityError, match="what differs is the next version"):
        banked.connection.execute(statement)


def units_hoarded(patch):
    """The engine uses less of the bank than it has: it still adds up, and the consumer pays more."""
    from urja.core.rating import unit_bank

    real = unit_bank.bank_row

    def hoarded(*given, **more):
        row = real(*given, **more)
        spared = min(row.used_wh, 100)
        return replace(row, used_wh=row.used_wh - spared, closing_wh=row.closing_wh + spared)

    patch.setattr(unit_bank, "bank_row", hoarded)


def bank_forgotten(patch):
    """A period begins without what the one before has left."""
    from urja.apps.billing.unit_banks import UnitBanks

    patch.setattr(UnitBanks, "opening_wh", lambda *_: {})


def bank_not_named(patch):
    """Entries are posted without the bank that they were calculated from."""
    from urja.apps.billing import targets

    real = targets.Rating.calculation
    patch.setattr(
        targets.Rating, "calculation", property(lambda rating: replace(real.fget(rating), bank_wh={}))
    )


@pytest.mark.parametrize(
    ("mutation", "law"),
    [(units_hoarded, "units"), (bank_forgotten, "unit_banks"), (bank_not_named, "evidence")],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_broken_ledger_of_units_breaks_its_law(roof, monkeypatch, mutation, law):
    roof.connection.execute("ALTER TABLE billing_unit_bank DISABLE TRIGGER USER")
    roof.connection.commit()
    with monkeypatch.context() as patch:
        mutation(patch)
        two_days(roof)
        read(roof, 3, 29_800, 11_500)
        roof.run(3)
    assert law in broken(roof)


def test_a_falsehood_about_the_bank_is_a_fault(banked):
    read(banked, 3, 29_800, 11_500)
    banked.run(3)
    assert why(banked, "energy", 4).faults == ()
    falsify(banked, "jsonb_set(inputs, '{calculation,bank,0,1}', '5601')", day=4)
    assert any("the ledger of units has" in fault for fault in why(banked, "energy", 4).faults)
    assert "evidence" in broken(banked)


def test_units_changed_behind_the_triggers_are_found(banked):
    banked.connection.execute("ALTER TABLE billing_unit_bank DISABLE TRIGGER USER")
    banked.connection.execute(
        "UPDATE billing_unit_bank SET exported_wh = exported_wh + 5, closing_wh = closing_wh + 5 WHERE period_start = %s",
        [SECOND],
    )
    banked.connection.commit()
    assert broken(banked) == {"units"}


def test_a_close_that_dies_has_banked_all_or_nothing(roof, monkeypatch):
    from urja.apps.billing import posting

    read(roof, 0, 0, 0)
    read(roof, 1, 4_800, 10_400)

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(posting, "record_closes", die)
        with pytest.raises(KeyboardInterrupt):
            roof.post(1)
    assert units(roof) == []
    roof.run(1)
    assert units(roof) == [(FIRST, 0, 1, 0, 10_400, 4_800, 0, 5_600)]


def test_a_period_that_waits_for_its_determinants_leaves_the_bank_as_it_is(roof, monkeypatch):
    """The first period is corrected only if the second can be: none of both is posted, and the next run posts both."""
    from urja.pipeline import charge_differences
    from urja.pipeline.close import close_days

    read(roof, 0, 0, 0)
    half_hours(roof, 1, 100, 50)
    roof.run(1, CUT)
    read(roof, 1, 4_800, 10_400)
    late(roof)
    read(roof, 2, 9_800, 11_400)
    before = units(roof)
    with monkeypatch.context() as patch:
        real = charge_differences._why_held
        patch.setattr(
            charge_differences,
            "_why_held",
            lambda agreement, basis, *rest, closed: (
                "held" if basis.billed.first >= SECOND else real(agreement, basis, *rest, closed=closed)
            ),
        )
        # By the close alone: the statement of the first period, which has no next one yet, would post its difference.
        assert close_days(roof.midnight(2) + timedelta(minutes=5), CUT).problems == ["held"]
    assert units(roof) == before
    roof.run(2, timedelta(minutes=10))
    assert len(units(roof)) == 3
    assert broken(roof) == set()
