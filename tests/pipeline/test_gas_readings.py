"""Volumes of a gas meter, from the diaphragm to the tables: read while its module is awake, and equal to its truth."""

import asyncio

from tests.pipeline.test_dispatch import HOUR, town as town

from urja.pipeline.stage import StageConnection
from urja.quantities.catalogue import BY_NAME
from urja.stream.subjects import OUTCOMES, READINGS

ZONE = "Asia/Kolkata"


async def test_stored_volumes_are_the_truth(town):
    from urja.apps.meter_types.queries import sleeping_types
    from urja.pipeline.gaps import Gaps
    from urja.pipeline.ingest import Ingest, Ingester

    house = await town.raise_house(port=None, device_type="urja-g1")
    session = StageConnection(town.database.conninfo("urja_pipeline"))
    gaps = Gaps(
        session,
        town.broker,
        await town.broker.consume(OUTCOMES),
        ZONE,
        in_thread=town.in_thread,
        sleeping=sleeping_types,
    )
    ingest = Ingest(
        await town.broker.consume(READINGS), Ingester(session, ZONE), town.clock, in_thread=town.in_thread
    )
    async with town.headend() as headend, house.dialling(headend.wrapper_port.port):
        # At 09:00 it sleeps, and nothing is requested of it.
        await gaps.run_once(town.clock.now())
        assert not house.station.linked
        town.clock.advance(3 * HOUR)
        house.station.catch_up()
        async with asyncio.timeout(60):
            while len(intervals(town, house)) < 11 or not registers(town, house):
                await gaps.run_once(town.clock.now())
                await ingest.run_once(town.clock.now())
                await asyncio.sleep(0.05)
    session.close()
    truth = {record.start_s: record.more["drawn_ml"] // 1000 for record in house.truth}
    stored = intervals(town, house)
    assert stored == {start: truth[start] for start in stored}
    assert sum(stored.values()) > 0
    assert registers(town, house) == [house.meter.engine.metrology.line_litres()]


def intervals(town, house):
    """Litres by the start of the hour (Unix seconds)."""
    return dict(_rows(town, house, "interval_volume_l", "extract(epoch FROM v.start_at)::bigint", "interval"))


def registers(town, house):
    """Litres of the register at noon."""
    found = _rows(town, house, "volume_l", "v.read_at", "register")
    return [litres for at, litres in found if at == town.clock.now()]


def _rows(town, house, quantity, at, table):
    with town.database.connect() as connection:
        return connection.execute(
            f"SELECT {at}, v.values[array_position(c.quantities, %s)] FROM readings_{table} v"
            " JOIN readings_channel_set c ON c.id = v.channel_set WHERE v.device_id = %s",
            [BY_NAME[quantity].id, house.adopted.device_id],
        ).fetchall()
