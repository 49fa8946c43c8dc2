"""Signed orders of ours to meters that are not Urja's: through the broker, the lane, the lease and the session of
the head end, to a relay in another program's process, which is then asked itself.
"""

import asyncio
import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.foreign.isolated import GURUX, PYDLMS, Child, python_with, started
from tests.headend.conftest import admin, nats_server, pipeline, start_headend  # noqa: F401 - fixtures
from tests.headend.ordering import SIGNING_KEY, Desk, put_device
from tests.headend.pushing import KEK

from urja.base.clock import SteppedClock
from urja.base.ids import compose_id
from urja.cosem.security import wrap_key
from urja.stream.messages import DeviceEntry
from urja.stream.orders import Order, SignedOrder

GUEK, GAK = bytes(range(16)), bytes(range(0xD0, 0xE0))
GURUX_TITLE = "4752580000000007"
OPEN = {"output": False, "control_state": 0, "control_mode": 4, "power_w": 0}
BUCKET = 300
PHYSICAL = 17
MOST_ROUND_TRIPS = 7
"""With a meter that is new to us, whose counter is asked for; the release comes after."""


@dataclass
class ForeignMeter:
    """A foreign meter at a port, as our registry knows it."""

    child: Child
    port: int
    title: bytes
    import_wh: int
    load_w: int
    load_a: float | None
    hdlc: bool
    device_type: str = "urja-d1-listen"
    sequence: int = 0

    @property
    def device_id(self) -> int:
        return compose_id(BUCKET, self.port)

    def entry(self, guek: bytes = GUEK) -> DeviceEntry:
        return DeviceEntry(
            device_id=self.device_id,
            bucket=BUCKET,
            system_title=self.title,
            serial=f"F{self.port}",
            device_type=self.device_type,
            wrapped_guek=wrap_key(KEK, guek),
            wrapped_gak=wrap_key(KEK, GAK),
            address=f"tcp://127.0.0.1:{self.port}?address={PHYSICAL}"
            if self.hdlc
            else f"127.0.0.1:{self.port}",
        )

    def order(self, kind: str, clock: SteppedClock, **arguments: object) -> Order:
        self.sequence += 1
        return Order(
            command_id=compose_id(BUCKET, 1000 * self.port + self.sequence),
            device_id=self.device_id,
            system_title=self.title,
            kind=kind,
            arguments=arguments,
            sequence=self.sequence,
            issued_at=clock.now(),
            expires_at=clock.now() + dt.timedelta(hours=1),
            correlation=4711,
        )

    async def itself(self) -> dict[str, Any]:
        """What its own process says of its load switch, and the orders it has had."""
        return await asyncio.to_thread(self.child.ask)


def gurux(*, hdlc: bool) -> Iterator[ForeignMeter]:
    facts = {"guek": GUEK.hex(), "gak": GAK.hex(), "title": GURUX_TITLE, "secret": "unused", "counter": 41}
    facts |= {"physical_address": PHYSICAL} if hdlc else {}
    with started(python_with(GURUX, "gurux_dlms"), "gurux_server.py", json.dumps(facts)) as child:
        port = child.line()["port"]
        yield ForeignMeter(child, port, bytes.fromhex(GURUX_TITLE), 1_234_567, 640, 3.0, hdlc)


def pydlms(*, hdlc: bool) -> Iterator[ForeignMeter]:
    options = [
        "--key",
        GUEK.hex(),
        "--auth-key",
        GAK.hex(),
        "--client",
        "48:5",
        *(["--hdlc"] if hdlc else []),
    ]
    with started(python_with(PYDLMS, "pydlms"), "pydlms_meter.py", "--switch", *options) as child:
        told = child.line()
        title = bytes.fromhex(told["title"])
        yield ForeignMeter(child, told["port"], title, 12_345_678, 1520, None, hdlc)


@pytest.fixture(params=["wrapper", "hdlc"])
def hdlc(request) -> bool:
    return request.param == "hdlc"


@pytest.fixture(params=[gurux, pydlms], ids=["gurux-dlms", "pydlms-client"])
def foreign(request, hdlc) -> Iterator[ForeignMeter]:
    yield from request.param(hdlc=hdlc)


@pytest.fixture
def desk(pipeline) -> Desk:  # noqa: F811 - the fixture
    return Desk(pipeline)


@pytest.fixture
def carry_out(start_headend, desk, foreign, pipeline, stepped_clock):  # noqa: F811 - fixtures
    """Give orders one after the other to a head end that has just been started; how each ended."""

    async def carried_out(*kinds: str) -> list[tuple[Any, dict[str, Any]]]:
        ends = []
        async with start_headend():
            for kind in kinds:
                order = foreign.order(kind, stepped_clock)
                await desk.send(order)
                [end] = await desk.end_of(order, within_s=60)
                ends.append((end, await foreign.itself()))
        return ends

    return carried_out


async def test_a_foreign_meter_is_cut_and_connected_again(carry_out, foreign, pipeline, desk):  # noqa: F811
    await put_device(pipeline, foreign.entry())
    closed = {"output": True, "control_state": 1, "control_mode": 4, "power_w": foreign.load_w}
    assert await foreign.itself() == closed | {"orders": []}
    (cut, after_cut), (back, after_back) = await carry_out("disconnect", "connect")

    assert (cut.state, cut.detail) == ("confirmed", "")
    assert after_cut == OPEN | {"orders": [1]}
    assert cut.evidence.pop("round_trips") <= MOST_ROUND_TRIPS
    assert cut.evidence == {
        "output": False,
        "control_state": "disconnected",
        "control_mode": 4,
        "import_wh": foreign.import_wh,
        "power_w": 0,
        "current_a": None if foreign.load_a is None else 0.0,
    }
    assert (back.state, back.detail) == ("confirmed", "")
    assert after_back == closed | {"orders": [1, 2]}
    assert back.evidence["control_state"] == "connected"
    assert (back.evidence["power_w"], back.evidence["current_a"]) == (foreign.load_w, foreign.load_a)
    assert back.evidence["load_proven"] is True
    assert [said.state for said in desk.heard] == ["acknowledged", "confirmed"] * 2


over_wrapper = pytest.mark.parametrize("hdlc", ["wrapper"], indirect=True)
"""The link makes no difference where it has carried a session before (the test above)."""


@over_wrapper
async def test_a_head_end_restarted_goes_on_with_a_foreign_meter(carry_out, foreign, pipeline):  # noqa: F811
    """Counters are reserved durably: the second head end asks for none, and neither side refuses its session."""
    await put_device(pipeline, foreign.entry())
    [(cut, _)] = await carry_out("disconnect")
    [(back, after)] = await carry_out("connect")
    assert (cut.state, back.state) == ("confirmed", "confirmed")
    assert back.evidence["round_trips"] == 4
    assert after["orders"] == [1, 2]


@over_wrapper
@pytest.mark.parametrize("foreign", [gurux], indirect=True, ids=["gurux-dlms"])
async def test_an_order_that_is_not_signed_by_us_never_reaches_it(
    start_headend,  # noqa: F811
    desk,
    foreign,
    pipeline,  # noqa: F811
    stepped_clock,
):
    await put_device(pipeline, foreign.entry())
    forged = foreign.order("disconnect", stepped_clock)
    honest = foreign.order("read_object", stepped_clock, obis="1.0.1.7.0.255")
    async with start_headend():
        await desk.send(forged, SignedOrder.of(forged, bytes(reversed(SIGNING_KEY))))
        await desk.send(honest)
        [end] = await desk.end_of(honest, within_s=60)
    assert end.state == "confirmed"
    assert float(end.evidence["scaled"]) == foreign.load_w
    assert desk.states(forged) == []
    assert (await foreign.itself())["orders"] == []


@over_wrapper
async def test_with_the_wrong_key_it_is_not_moved(carry_out, foreign, pipeline):  # noqa: F811
    await put_device(pipeline, foreign.entry(guek=bytes(16)))
    [(end, after)] = await carry_out("disconnect")
    assert end.state == "failed"
    assert after["orders"] == []
