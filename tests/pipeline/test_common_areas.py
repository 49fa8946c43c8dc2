"""Energy of common areas, shared among three flats by hand arithmetic: rows, charges, late data, and what the laws see."""

from contextlib import ExitStack
from dataclasses import replace as with_values
from datetime import date, timedelta
from functools import cache

import psycopg
import pytest
from msgspec.structs import replace
from tests.apps import town as town_rows
from tests.apps.town import START, adopt, blocks, by_hand, registers
from tests.pipeline.test_evidence import broken, falsify
from tests.pipeline.test_post import HALF_HOUR, Town
from tests.usecases.test_terms import change_load
from tests.web.api.cast import Place
from tests.web.town_cast import place_source

TARIFF = """
format = 1
code = "{share}"
version = "1"
title = "Flats"
currency = "INR"
valid_from = 2026-01-01
[[line]]
name = "energy"
title = "Energy charge"
accrues = "slabs"
slabs = [{{from = 0, rate = 5}}]
[[line]]
name = "common"
title = "Common areas"
accrues = "slabs"
quantity = "common_import_wh"
share = "{share}"
slabs = [{{from = 0, rate = 100}}]
"""
STAMP = {"recorded_at": START, "actor": "test"}
LOADS_W = (2000, 3000, 5000)


class Society:
    """Three flats of a tower, and the lifts of their society, whose register is 0 at the beginning."""

    def __init__(self, connection, share):
        from urja.apps.network.models import Premise
        from urja.apps.rulebook.operations import load_tariff
        from urja.usecases.operations import add_transformer

        load_tariff(TARIFF.format(share=share), START)
        self.connection = connection
        self.flats = [
            adopt(n, tariff_code=share, sanctioned_load_w=load, bucket=6 + n, person_name=f"Person {n}")
            for n, load in enumerate(LOADS_W, 1)
        ]
        add_transformer("T1", feeder="F1", **STAMP)
        society, self.lifts = self.society(901, 9)
        tower = Premise.objects.create(id=902, kind="tower", name="A", parent=society, **STAMP)
        self.move(self.flats, tower, START)
        self.town = Town(connection, self.flats[0])

    def society(self, number, meter):
        """A society, and its lifts with a meter."""
        from urja.apps.assets.kinds import DeviceRole
        from urja.apps.assets.models import DevicePeriod
        from urja.apps.network.models import Premise, ServicePoint

        meter = Place(place_source(meter, "T1"))
        made = Premise.objects.create(id=number, kind="society", code=f"S{number}", name="Neem", **STAMP)
        lifts = Premise.objects.create(id=number + 10, kind="common_area", name="Lifts", parent=made, **STAMP)
        with by_hand():
            DevicePeriod.objects.filter(device_id=meter.device_id).update(
                role=DeviceRole.BILLING, commissioned_at=START
            )
            ServicePoint.objects.filter(id=meter.service_point_id).update(
                purpose="common_area", premise=lifts
            )
        return made, meter

    def move(self, flats, premise, at):
        from urja.apps.network.models import Premise

        with by_hand(at):
            Premise.objects.filter(id__in=[flat.premise_id for flat in flats]).update(
                parent=premise, kind="flat"
            )

    def read_flats(self, day):
        for flat in self.flats:
            town_rows.store_registers(self.connection, registers(flat, (self.town.midnight(day), 10_000)))

    def read_lifts(self, day, wh, lifts=None):
        rows = registers(lifts or self.lifts, (self.town.midnight(day), wh))
        town_rows.store_registers(self.connection, rows, now=self.town.midnight(day))

    def day(self, day, wh):
        """Read all registers after a day, and close it."""
        self.read_flats(day)
        self.read_lifts(day, wh)
        return self.town.run(day).closed

    def charged(self, line="common"):
        """What each flat was charged on a line, in paise."""
        return [
            self.connection.execute(
                "SELECT coalesce(-sum(amount_minor), 0)::int FROM books_entry WHERE agreement_id = %s AND line = %s",
                [flat.agreement_id, line],
            ).fetchone()[0]
            for flat in self.flats
        ]

    def rows(self):
        return self.connection.execute(
            "SELECT day, version, energy_wh, shares_wh FROM determinants_common_day ORDER BY day, version"
        ).fetchall()


def so_far(society, day):
    """What the billing period of the first flat costs so far, after a day."""
    from urja.apps.billing.queries import charges_so_far
    from urja.apps.contracts.queries import agreement_at

    flat = agreement_at(society.town.adopted.account_id, START)
    return charges_so_far(flat, society.town.midnight(day) + HALF_HOUR).rated.lines


@cache
def founded(share):
    """The story of how the society came to be."""

    def story(database):
        with database.connect() as connection:
            return vars(Society(connection, share)) | {"connection": None, "town": None}

    return story


@pytest.fixture
def society(lived):
    """Makes a society."""
    with ExitStack() as stack:

        def make(share="flat"):
            database, kept = stack.enter_context(lived(founded(share)))
            made = Society.__new__(Society)
            connection = stack.enter_context(database.connect())
            vars(made).update(kept, connection=connection, town=Town(connection, kept["flats"][0]))
            made.database = database
            return made

        yield make


def test_a_day_is_shared_by_flats_whole_and_once(society):
    neem = society()
    neem.day(0, 0)
    assert neem.day(1, 1000).days == 3
    # 1,000 Wh by three: one Wh is left, and the earliest agreement has it. 100 rupees a kWh are 10 paise a Wh.
    assert neem.rows() == [(date(2026, 3, 2), 1, 1000, [334, 333, 333])]
    assert neem.charged() == [3340, 3330, 3330]
    assert [(line.name, line.amount_minor) for line in so_far(neem, 1)] == [("energy", 0), ("common", 3340)]
    assert neem.day(2, 1000 + 812).days == 3
    assert neem.charged() == [3340 + 2710, 3330 + 2710, 3330 + 2700]
    assert broken(neem.town) == set()
    assert all(not why.faults for why in neem.town.whys())
    assert neem.town.run(2).entries == 0


def test_a_day_is_shared_by_sanctioned_load(society):
    neem = society("load")
    neem.day(0, 0)
    neem.day(1, 1000)
    assert neem.charged() == [2000, 3000, 5000]
    assert broken(neem.town) == set()


def test_a_day_is_shared_by_area_and_one_flat_without_an_area_holds_back_no_other(society):
    from urja.usecases.operations import perform

    neem = society("area")
    for n, area in ((1, 5000), (2, 7000)):
        stated = replace(
            change_load(LOADS_W[n - 1] + 1, 1), consumer_number=f"URJ{n:08}", carpet_area_dm2=area
        )
        perform(stated, recorded_at=START, actor="clerk")
    neem.day(0, 0)
    held = neem.day(1, 1200)
    assert (held.days, neem.charged()) == (2, [5000, 7000, 0])
    (problem,) = held.problems
    assert "shares common areas by area, and the agreement has no carpet area" in problem
    third = replace(change_load(LOADS_W[2] + 1, 1), consumer_number="URJ00000003", carpet_area_dm2=8000)
    perform(third, recorded_at=neem.town.midnight(1), actor="clerk")
    from urja.pipeline.determine import Determine

    Determine().run_once(neem.town.midnight(1) + timedelta(hours=2))
    assert neem.rows()[-1] == (date(2026, 3, 2), 2, 1200, [300, 420, 480])
    neem.day(2, 1200)
    assert neem.charged() == [3000, 4200, 4800]
    assert broken(neem.town) == set()


def test_late_readings_of_a_common_meter_post_the_difference_to_all(society):
    from urja.pipeline.determine import Determine

    neem = society()
    neem.day(0, 0)
    midnight = neem.town.midnight(0)
    counted = blocks(neem.lifts, *((midnight + n * HALF_HOUR, 25) for n in range(24)))
    town_rows.store_blocks(neem.connection, counted, now=midnight + timedelta(hours=13))
    neem.read_flats(1)
    # The lifts were not read: the day waits for an hour, and then counts what is known.
    assert (neem.town.run(1).closed.waiting, neem.rows()) == (3, [])
    assert neem.town.run(1, timedelta(minutes=61)).closed.days == 3
    assert neem.charged() == [2000, 2000, 2000]
    neem.read_lifts(1, 900)
    assert Determine().run_once(neem.town.midnight(1) + timedelta(hours=2)).done == 1
    assert [row[1:3] for row in neem.rows()] == [(1, 600), (2, 900)]
    neem.day(2, 900)
    assert neem.charged() == [3000, 3000, 3000]
    assert broken(neem.town) == set()


def test_a_flat_that_becomes_vacant_has_no_part_of_later_days(society):
    from urja.usecases.operations import MoveOut, perform

    neem = society()
    neem.day(0, 0)
    perform(
        MoveOut(consumer_number="URJ00000003", at=neem.town.midnight(1), register_wh=10_000),
        recorded_at=neem.town.midnight(1),
        actor="clerk",
    )
    neem.day(1, 900)
    neem.day(2, 900 + 1000)
    assert neem.charged() == [3000 + 5000, 3000 + 5000, 3000]
    assert broken(neem.town) == set()


def test_late_readings_wait_for_a_close_that_is_storing_the_day(society):
    """The close has read the meter before the reading came, and its row is not committed when the reading is taken."""
    from django.db import OperationalError, connection, transaction

    from urja.apps.determinants import common_days
    from urja.pipeline.determine import Determine

    neem = society()
    neem.day(0, 0)
    neem.day(1, 1000)
    Determine().run_once(neem.town.midnight(1) + timedelta(hours=2))
    now = neem.town.midnight(2) + timedelta(hours=2)
    with neem.database.connect(autocommit=False) as closing:
        closing.execute("SELECT pg_advisory_xact_lock(%s, 901)", [common_days._LOCK_CLASS])
        closing.execute(
            "INSERT INTO determinants_common_day SELECT premise_id, quantity, share, day + 1, version, energy_wh, sources,"
            " agreements, weights, shares_wh, sha256, calculated_at FROM determinants_common_day"
        )
        neem.read_lifts(2, 1000 + 812)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '20ms'")
            with pytest.raises(OperationalError, match="lock timeout"):
                Determine().run_once(now)
            transaction.set_rollback(True)
        closing.commit()
    Determine().run_once(now)
    assert neem.rows()[-1] == (date(2026, 3, 3), 2, 812, [271, 271, 270])


def test_charges_stay_true_when_an_end_within_a_charged_day_is_recorded(society):
    from urja.usecases.operations import MoveOut, perform

    neem = society()
    neem.day(0, 0)
    neem.day(1, 900)
    now = neem.town.midnight(1) + timedelta(hours=1)
    perform(
        MoveOut(
            consumer_number="URJ00000003", at=neem.town.midnight(1) - timedelta(hours=12), register_wh=10_000
        ),
        recorded_at=now,
        actor="clerk",
    )
    assert broken(neem.town) == set()
    assert all(not why.faults for why in neem.town.whys())
    assert neem.town.run(1, timedelta(hours=2)).closed.problems == []
    assert neem.charged()[2] == 0
    assert broken(neem.town) == set()
    assert all(not why.faults for why in neem.town.whys())


def test_a_charge_that_leaves_out_the_last_shared_day_breaks_the_law(society, monkeypatch):
    from urja.apps.billing import common_shares

    neem = society()
    neem.day(0, 0)
    neem.day(1, 900)
    real = common_shares._whole_days

    def a_day_less(agreement, elapsed):
        days = real(agreement, elapsed)
        return with_values(days, end=max(days.first, days.end - timedelta(days=1)))

    with monkeypatch.context() as patch:
        patch.setattr(common_shares, "_whole_days", a_day_less)
        # The second day's charge is posted with the third one's close, and the third day's is left out.
        neem.day(2, 900 + 1000)
        neem.day(3, 900 + 1000 + 1000)
    assert "evidence" in broken(neem.town)


def test_a_flat_that_is_moved_to_another_society_has_its_share_until_others_bear_it(society):
    from urja.pipeline.determine import Determine

    neem = society()
    pine, lifts = neem.society(951, 10)
    for day, wh in ((0, 0), (1, 0), (2, 600), (3, 600)):
        neem.read_lifts(day, wh, lifts)
    neem.day(0, 0)
    neem.day(1, 900)
    neem.move(neem.flats[2:], pine, neem.town.midnight(1) + timedelta(hours=1))
    neem.day(2, 900 + 1000)
    # Of the day before, the first society still has the share of all three.
    assert neem.charged() == [3000 + 5000, 3000 + 5000, 3000 + 6000]
    assert broken(neem.town) == set()
    Determine().run_once(neem.town.midnight(2) + timedelta(hours=2))
    assert broken(neem.town) == set()
    neem.day(3, 900 + 1000)
    assert neem.charged() == [4500 + 5000, 4500 + 5000, 6000]
    assert broken(neem.town) == set()


def test_an_end_long_ago_shares_the_days_since_among_the_others(society):
    from urja.pipeline.determine import Determine
    from urja.usecases.operations import MoveOut, perform

    neem = society()
    neem.day(0, 0)
    neem.day(1, 900)
    now = neem.town.midnight(100)
    perform(
        MoveOut(
            consumer_number="URJ00000003", at=neem.town.midnight(1) - timedelta(hours=12), register_wh=10_000
        ),
        recorded_at=now,
        actor="clerk",
    )
    Determine().run_once(now)
    assert neem.rows()[-1] == (date(2026, 3, 2), 2, 900, [450, 450])


def test_readings_that_come_too_late_for_another_version_break_no_law(society):
    from urja.pipeline.determine import Determine

    neem = society()
    neem.day(0, 0)
    midnight = neem.town.midnight(0)
    counted = blocks(neem.lifts, *((midnight + n * HALF_HOUR, 25) for n in range(24)))
    town_rows.store_blocks(neem.connection, counted, now=midnight + timedelta(hours=13))
    neem.read_flats(1)
    neem.town.run(1, timedelta(minutes=61))
    now = neem.town.midnight(100)
    late = registers(neem.lifts, (neem.town.midnight(1), 900))
    late["received_at"] = int(now.timestamp() * 1000)
    town_rows.store_registers(neem.connection, late, now=now)
    Determine().run_once(now + timedelta(hours=2))
    assert [row[1:3] for row in neem.rows()] == [(1, 600)]
    assert broken(neem.town) == set()


def nothing_for_the_last(patch):
    """The shares are rounded down, and no agreement has the rest."""
    from urja.apps.determinants import common_days

    real = common_days.allocate
    patch.setattr(common_days, "allocate", lambda *given: real(*given) * 0 + real(*given).min())


def weights_of_another_day(patch):
    from urja.pipeline import common_areas

    real = common_areas.weights_on
    patch.setattr(common_areas, "weights_on", lambda *given: dict(list(real(*given).items())[1:]))


def energy_of_half_the_lifts(patch):
    from urja.apps.determinants import common_days

    real = common_days._shared
    patch.setattr(
        common_days, "_shared",
        lambda wanted, counted, ends_at: real(wanted, [_halved(one) for one in counted], ends_at),
    )  # fmt: skip


def _halved(one):
    return with_values(one, values=tuple(value // 2 for value in one.values))


@pytest.mark.parametrize(
    "mutation",
    [nothing_for_the_last, weights_of_another_day, energy_of_half_the_lifts],
    ids=lambda one: one.__name__,
)
def test_a_day_that_is_not_shared_whole_breaks_its_law(society, monkeypatch, mutation):
    from urja.pipeline.determine import Determine

    neem = society()
    neem.connection.execute("ALTER TABLE determinants_common_day DISABLE TRIGGER USER")
    neem.connection.commit()
    with monkeypatch.context() as patch:
        mutation(patch)
        neem.day(0, 0)
        neem.day(1, 1000)
        Determine().run_once(neem.town.midnight(1) + timedelta(hours=2))
    assert "common_is_shared" in broken(neem.town)


def test_falsehoods_about_shares_are_faults(society):
    neem = society()
    neem.day(0, 0)
    neem.day(1, 1000)
    kept = neem.connection.execute("SELECT account_id, seq, inputs FROM books_entry").fetchall()
    assert kept
    falsify(
        neem.town,
        "jsonb_set(inputs, '{calculation,measured,0,1,common_import_wh_by_flat}', '335')",
        "common",
        2,
    )
    assert "evidence" in broken(neem.town)
    neem.connection.execute(
        "UPDATE billing_rated SET measured = jsonb_set(measured, '{0,2,common_import_wh_by_flat}', '900')"
    )
    neem.connection.commit()
    assert "second_rater" in broken(neem.town)


def test_the_database_refuses_days_that_are_not_shared_whole(society):
    neem = society()
    neem.day(0, 0)
    neem.day(1, 1000)
    copied = (
        "INSERT INTO determinants_common_day SELECT premise_id, quantity, share, day, {}, {}, sources, agreements, weights,"
        " shares_wh, sha256, calculated_at FROM determinants_common_day"
    )
    for statement, why in (
        (copied.format(2, 999), "do not sum to its energy"),
        (copied.format(3, 1000), "does not follow the one before it"),
        ("UPDATE determinants_common_day SET energy_wh = 1", "never changed"),
        ("DELETE FROM determinants_common_day", "never changed"),
    ):
        with pytest.raises(psycopg.errors.IntegrityError, match=why):
            neem.connection.execute(statement)
        neem.connection.rollback()
    for role, statement in (
        ("urja_web", copied.format(2, 1000)),
        ("urja_pipeline", "DELETE FROM determinants_common_day"),
    ):
        with (
            neem.database.connect(role) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement)


def test_loading_names_the_supplies_without_a_share(society):
    from urja.usecases.errors import UnsharedTariffError
    from urja.usecases.tariffs import load_tariffs

    neem = society()
    adopt(5, tariff_code="house", bucket=11)
    for share, number, why in (
        ("flat", "house", "URJ00000005 is in no premise that has one"),
        ("area", "flat", "URJ00000001, URJ00000002, URJ00000003 are without a carpet area"),
    ):
        text = TARIFF.format(share=share).replace(f'code = "{share}"', f'code = "{number}"')
        with pytest.raises(UnsharedTariffError, match=why):
            load_tariffs([text.replace('version = "1"', 'version = "2"')], START)
    assert neem.rows() == []
