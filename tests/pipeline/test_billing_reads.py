"""Billing profiles become stored reads: requested once a meter has ended a period, read, stored with all they say."""

import asyncio
from datetime import datetime, timedelta

import numpy as np
import pytest
from tests.apps.town import START, ZONE, adopt
from tests.pipeline.test_dispatch import town as town
from tests.pipeline.test_gaps import Asked

from urja.cosem.companion import load_device_type
from urja.cosem.companion.column_quantities import quantity_of
from urja.cosem.companion.stored_columns import billing_columns, stored_columns
from urja.pipeline.gaps import Gaps
from urja.pipeline.ingest import Ingester
from urja.pipeline.stage import StageConnection
from urja.quantities.catalogue import BY_ID
from urja.stream.codec import Batch, decode_batch, encode_batch
from urja.stream.messages import ReadOutcome
from urja.stream.records import NULL, RegisterKind, Source, register_dtype
from urja.stream.subjects import OUTCOMES, READINGS, Kind

APRIL = datetime.fromisoformat("2026-04-01T00:00:00+05:30")
D2 = billing_columns(load_device_type("urja-d2")).channels
DAY = timedelta(days=1)


def billing_row(device_id, at, *, received_at=None, channels=D2, **values) -> Batch:
    """What a meter says of a period that ended at `at`."""
    records = np.zeros(1, register_dtype(len(channels)))
    records["device_id"], records["read_at"] = device_id, int(at.timestamp())
    records["kind"], records["source"] = RegisterKind.BILLING, Source.PULL
    records["received_at"] = int((received_at or at + timedelta(minutes=15)).timestamp()) * 1000
    records["values"] = NULL
    for name, value in values.items():
        records["values"][0, channels.position(name)] = value
    return decode_batch(*encode_batch(Kind.REGISTER, records, 1, channels))


def stored(database, device_id):
    """The billing reads of a meter: by instant what was not missing, by quantity."""
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT r.read_at, c.quantities, r.values FROM readings_register r"
            " JOIN readings_channel_set c ON c.id = r.channel_set"
            " WHERE r.device_id = %s AND r.kind = 3 ORDER BY r.read_at, r.version",
            [device_id],
        ).fetchall()
    return [
        (
            at,
            {
                BY_ID[number].name: value
                for number, value in zip(quantities, values, strict=True)
                if value is not None
            },
        )
        for at, quantities, values in rows
    ]


def test_what_is_stored_of_a_billing_profile():
    names = D2.names
    assert names[0] == "import_wh"
    assert {"import_wh_z1", "import_vah_z8", "lag_varh", "max_import_w_z8", "export_wh"} <= set(names)
    maxima = [name for name in names if name.startswith("max_") and not name.endswith("_at")]
    assert all(names[names.index(name) + 1] == f"{name}_at" for name in maxima)
    # A gas meter has none, and none is asked for.
    assert billing_columns(load_device_type("urja-g1")) is None
    # Daily and instantaneous reads have the sets that they had.
    columns = load_device_type("urja-d1").profiles["instantaneous"].columns
    assert "max_import_w" not in stored_columns(columns, of_intervals=False).channels.names


async def test_a_meters_own_totals_go_from_its_registers_to_the_tables(town):
    from urja.apps.meter_types.queries import billing_types
    from urja.pipeline.ingest import Ingest

    house = await town.raise_house(port=None, device_type="urja-d2")
    device_id = house.adopted.device_id
    session = StageConnection(town.database.conninfo("urja_pipeline"))
    outcomes, readings = await town.broker.consume(OUTCOMES), await town.broker.consume(READINGS)
    gaps = Gaps(session, town.broker, outcomes, ZONE, in_thread=town.in_thread, billing_types=billing_types)
    ingest = Ingest(readings, Ingester(session, ZONE), town.clock, in_thread=town.in_thread)
    town.clock.advance(datetime.fromisoformat("2026-03-20T10:00+05:30") - town.clock.now())
    house.meter.run_without_pushing(town.clock.now())
    # A reset by order, and then the end of the period.
    house.meter.engine.reset_demand()
    ended_at = town.clock.now()
    town.clock.advance(APRIL - timedelta(minutes=10) - ended_at)
    house.meter.run_without_pushing(town.clock.now())
    async with town.headend() as headend, house.dialled_in(headend.wrapper_port.port):
        town.clock.advance(timedelta(minutes=30))
        house.station.catch_up()
        shown = house.meter.engine.billing.by_entry(1, 99).tolist()[-2:]
        async with asyncio.timeout(60):
            while len(stored(town.database, device_id)) < 2:
                await gaps.run_once(town.clock.now())
                await ingest.run_once(town.clock.now())
                await asyncio.sleep(0.05)
    session.close()
    (by_order, first), (by_date, second) = stored(town.database, device_id)[-2:]
    assert (by_order, by_date) == (ended_at, APRIL)
    columns = load_device_type("urja-d2").profiles["billing"].columns[1:]
    names = [quantity and quantity.name for quantity in map(quantity_of, columns)]
    for row, values in zip(shown, (first, second), strict=True):
        captured = dict(zip(names, row[2:], strict=True))
        assert values["import_wh"] == captured["import_wh"] > 5_000
        assert sum(values[f"import_wh_z{zone}"] for zone in range(1, 9)) <= values["import_wh"]
        assert (values["max_import_w"], values["max_import_w_at"]) == (
            captured["max_import_w"],
            captured["max_import_w_at"],
        )
    assert second["max_import_w_at"] > int(ended_at.timestamp())


class Place:
    """A three-phase meter whose billing profile is requested, with a broker's stand-in."""

    def __init__(self, database, session):
        self.home = adopt(device_type="urja-d2")
        self.asked = Asked()
        self.database = database
        self.stage = Gaps(session, self.asked, None, ZONE, billing_types=lambda: ("urja-d2",))
        self.ingester = Ingester(session, ZONE)

    def run(self, now):
        asyncio.run(self.stage.run_once(now))
        return [request for request in self.asked.take() if request.profile == "billing"]

    def answer(self, request, now, ok=True):
        self.stage._note(
            [ReadOutcome(request_id=request.request_id, device_id=request.device_id, ok=ok)], now
        )


@pytest.fixture
def place(database):
    session = StageConnection(database.conninfo("urja_pipeline"))
    yield Place(database, session)
    session.close()


def test_it_is_requested_when_the_period_has_ended_and_until_it_is_stored(place):
    assert place.run(APRIL - DAY) == []
    assert place.run(APRIL + timedelta(minutes=9)) == []
    (request,) = place.run(APRIL + timedelta(minutes=11))
    assert (request.from_at, request.to_at) == (START, APRIL)
    place.answer(request, APRIL + timedelta(minutes=12))
    # The meter's clock is slow: it had not ended its period yet, and is asked again.
    (again,) = place.run(APRIL + timedelta(minutes=45))
    place.ingester.apply([billing_row(place.home.device_id, APRIL, import_wh=12_000)], APRIL + DAY)
    place.answer(again, APRIL + timedelta(minutes=46))
    assert place.run(APRIL + timedelta(hours=2)) == []
    assert place.run(APRIL + 20 * DAY) == []
    (next_month,) = place.run(datetime.fromisoformat("2026-05-01T00:15+05:30"))
    assert next_month.from_at == APRIL


def test_a_meter_that_has_no_such_row_is_not_asked_for_ever(place):
    now, asked = APRIL + timedelta(minutes=15), 0
    while now < APRIL + DAY:
        for request in place.run(now):
            place.answer(request, now)
            asked += 1
        now += timedelta(minutes=15)
    assert asked == 5


def test_it_follows_the_billing_day_of_the_meter_and_its_clock(place, database):
    from urja.apps.assets.configuration import record_actual
    from urja.apps.assets.kinds import ConfigurationItem

    item = ConfigurationItem.BILLING_DAY
    record_actual(place.home.device_id, item, "15", at=START, actor="test")
    assert place.run(APRIL - 18 * DAY) == []
    (request,) = place.run(APRIL - 16 * DAY)
    assert request.to_at == datetime.fromisoformat("2026-03-15T00:00+05:30")


def test_a_billing_read_is_stored_once_and_bills(place, database):
    batch = billing_row(
        place.home.device_id, APRIL, import_wh=12_000, import_wh_z1=7_000, max_import_w=900,
        max_import_w_at=int((APRIL - DAY).timestamp()),
    )  # fmt: skip
    assert place.ingester.apply([batch], APRIL + DAY).stored.inserted == 1
    again = place.ingester.apply([batch], APRIL + DAY).stored
    assert (again.inserted, again.changed, again.ignored) == (0, 0, 1)
    [(at, values)] = stored(database, place.home.device_id)
    assert (at, values["max_import_w"], values["import_wh_z1"]) == (APRIL, 900, 7_000)
    with database.connect() as connection:
        (march,) = connection.execute(
            "SELECT billed_value FROM readings_accrual WHERE period = '2026-03-01'"
        ).fetchone()
    assert march == 2_000


@pytest.mark.parametrize("values", [{"import_wh_z2": -1}, {"max_import_w": -5, "max_import_w_at": 5}])
def test_a_register_or_a_maximum_below_zero_is_an_exception_with_its_values(place, database, values):
    batch = billing_row(place.home.device_id, APRIL, import_wh=12_000, **values)
    assert place.ingester.apply([batch], APRIL + DAY).refused == 1
    assert stored(database, place.home.device_id) == []
    with database.connect() as connection:
        ((reason, detail),) = connection.execute("SELECT reason, detail FROM readings_exception").fetchall()
    assert reason.startswith("more than the meter can carry, or less than nothing")
    assert detail.items() >= values.items()


def test_a_gas_meter_may_not_say_it_in_energy(database):
    session = StageConnection(database.conninfo("urja_pipeline"))
    kitchen = adopt(2, device_type="urja-g1")
    outcome = Ingester(session, ZONE).apply(
        [billing_row(kitchen.device_id, APRIL, import_wh=12_000)], APRIL + DAY
    )
    assert outcome.refused == 1
    session.close()
