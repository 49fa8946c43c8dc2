"""A meter of a type that does not ship with Urja: its own columns, scalers, codes and bits on the wire."""

import asyncio
from datetime import UTC, datetime

import pytest
from tests.cosem.meter_types import PROFILES, write_type
from tests.meter.helpers import DAY, HOUR, MIDNIGHT_S, moment
from tests.meter.test_serve import Line
from tests.meter.wire import client_for

from urja.base.clock import WallClock
from urja.cosem.apdu import DataNotification, GeneralGloCiphered, decode_apdu
from urja.cosem.association import Associated
from urja.cosem.obis import CosemAttribute, Obis
from urja.meter.engine import PushKind
from urja.meter.events import EventCode, Log
from urja.meter.identity import seeded_identity
from urja.meter.inputs import MoveTamper
from urja.meter.meter import Meter
from urja.meter.object_model import Role
from urja.meter.serve import serve_until


@pytest.fixture
def identity(tmp_path):
    return seeded_identity("00000001", str(write_type(tmp_path / "m7")), 7, start_wh=5000)


def columns_of(meter, push):
    """The elements of a push after device id, push OBIS and clock."""
    sealed = decode_apdu(push.apdu)
    assert isinstance(sealed, GeneralGloCiphered)
    opened = decode_apdu(sealed.open(meter.identity.keys))
    assert isinstance(opened, DataNotification)
    return [element.value for element in opened.body.value[3:]]


def test_its_pushes_are_in_its_order_and_its_scalers(identity):
    truth = []
    meter = Meter(identity, moment(MIDNIGHT_S), truth.append)
    pushes = meter.advance(moment(MIDNIGHT_S + 900))
    block = next(push for push in pushes if push.kind is PushKind.BLOCK)
    mvah, mv, mwh = columns_of(meter, block)
    [record] = truth
    assert mwh == record.drawn_mwh
    assert mvah >= mwh
    assert 180_000 < mv < 260_000
    live = next(push for push in pushes if push.kind is PushKind.INSTANTANEOUS)
    ten_vah, ten_wh, phase_b, tampers = columns_of(meter, live)
    assert (ten_wh, phase_b, tampers) == ((5_000_000 + record.cumulative_mwh) // 10_000, None, 0)
    assert ten_vah >= ten_wh


BILLING = """
[profiles.billing]
obis = "1.0.98.1.0.255"
columns = [
    { key = "billing_date", class = 3, obis = "0.0.0.1.2.255", type = "octet-string", length = 12 },
    { key = "zone_1_wh", class = 3, obis = "1.0.1.8.1.255", type = "double-long-unsigned", unit = "Wh" },
    { key = "serial", class = 1, obis = "0.0.96.1.0.255", type = "visible-string" },
    { key = "import_wh", class = 3, obis = "1.0.1.8.0.255", type = "double-long-unsigned", scaler = 1, unit = "Wh" },
]
"""


def test_its_billing_profile_is_null_where_this_meter_does_not_measure(tmp_path):
    folder = write_type(tmp_path / "m7", profiles=PROFILES + BILLING)
    truth = []
    meter = Meter(
        seeded_identity("00000001", str(folder), 7, start_wh=5000), moment(MIDNIGHT_S), truth.append
    )
    meter.run_without_pushing(moment(MIDNIGHT_S + 30 * DAY))
    [row] = meter.catalogue.read(meter, Role.READER, (7, Obis.parse("1.0.98.1.0.255"), 2)).value
    _, zone, serial, ten_wh = (data.value for data in row.value)
    assert (zone, serial, ten_wh) == (None, None, (5_000_000 + truth[-1].cumulative_mwh) // 10_000)


def test_its_block_and_daily_rows_hold_all_that_is_measured_and_null_else(tmp_path):
    """A zero would be believed. A register in a block row is the register as of the block's end."""
    zone = '{ key = "zone_1_wh", class = 3, obis = "1.0.1.8.1.255", type = "double-long-unsigned", unit = "Wh" },'
    total = (
        '{ key = "total_wh", class = 3, obis = "1.0.1.8.0.255", type = "double-long-unsigned", unit = "Wh" },'
    )
    hertz = '{ key = "frequency", class = 3, obis = "1.0.14.7.0.255", type = "long-unsigned", scaler = -2, unit = "Hz" },'
    profiles = PROFILES
    for name, more in (("block", [zone, hertz, total]), ("daily", [zone, hertz])):
        begins = profiles.index(f"[profiles.{name}]")
        ends = profiles.index("]\n", profiles.index("columns", begins))
        profiles = profiles[:ends] + "\n".join(more) + "\n" + profiles[ends:]
    folder = write_type(tmp_path / "m7", profiles=profiles)
    truth = []
    meter = Meter(
        seeded_identity("00000001", str(folder), 7, start_wh=5000), moment(MIDNIGHT_S), truth.append
    )
    meter.run_without_pushing(moment(MIDNIGHT_S + DAY))

    def last_of(obis):
        row = meter.catalogue.read(meter, Role.READER, (7, Obis.parse(obis), 2)).value[-1]
        return [data.value for data in row.value]

    *_, zone_1, frequency, total_wh = last_of("1.0.99.1.0.255")
    assert (zone_1, frequency, total_wh) == (None, 5000, (5_000_000 + truth[-1].cumulative_mwh) // 1000)
    assert last_of("1.0.99.2.0.255")[-2:] == [None, 5000]


def test_what_happens_to_it_is_told_by_its_codes_and_bits(identity):
    meter = Meter(identity, moment(MIDNIGHT_S))
    meter.advance(moment(MIDNIGHT_S + HOUR))
    meter.apply_input(MoveTamper("magnet", True))
    [alert] = meter.advance(moment(MIDNIGHT_S + HOUR))
    [word] = columns_of(meter, alert)
    assert int.from_bytes(word.data) == 1 << 127 - 100
    assert int(meter.engine.logs[Log.OTHER].newest()[2]) == 821
    meter.apply_input(MoveTamper("cover", True))
    assert int(meter.engine.logs[Log.NON_ROLLOVER].newest()[2]) == EventCode.COVER_OPENED


async def test_it_is_served_to_any_client(identity):
    facts, stopping = asyncio.get_running_loop().create_future(), asyncio.Event()
    serving = asyncio.create_task(
        serve_until(
            identity, "127.0.0.1", 0, days=1, clock=WallClock(), announce=facts.set_result, stopping=stopping
        )
    )
    told = await asyncio.wait_for(facts, 60)
    assert (told["device_type"], told["logical_device_name"]) == ("acme-m7-fw3", "ACM00000001")
    line = Line(*await asyncio.open_connection(told["host"], told["port"]))
    meter = Meter(identity, datetime(2026, 4, 1, tzinfo=UTC))  # only to know the keys
    client = client_for(meter, Role.READER)
    [event] = client.receive(await line.ask(client.associate(), 32))
    assert isinstance(event, Associated)

    async def get(class_id, obis, attribute):
        [event] = client.receive(await line.ask(client.get(CosemAttribute.of(class_id, obis, attribute)), 32))
        return event.data

    assert (await get(1, "1.0.0.2.0.255", 2)).value == "3.1"
    captured = await get(7, "1.0.99.1.0.255", 3)
    assert [bytes(one.value[1].value).hex() for one in captured.value][1:] == [
        "0100011d00ff", "01000c1b00ff", "0100091d00ff",
    ]  # fmt: skip
    carried = await get(40, "0.5.25.9.0.255", 2)
    assert [bytes(one.value[1].value).hex() for one in carried.value][3:] == [
        "0100091d00ff", "01000c1b00ff", "0100011d00ff",
    ]  # fmt: skip
    scaler, unit = (await get(3, "1.0.12.27.0.255", 3)).value
    assert (scaler.value, unit.value) == (-1, 35)
    line.close()
    stopping.set()
    await serving
