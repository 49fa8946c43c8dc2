"""A meter that pushes without a tag, from its socket to the account: altered by an attacker, corrected by a session."""

import asyncio
import contextlib
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tests.apps.town import HALF_HOUR, adopt
from tests.headend.conftest import until, value
from tests.headend.ordering import SIGNING_KEY
from tests.headend.pushing import KEK
from tests.pipeline.test_dispatch import Town, town  # noqa: F401 - a fixture

from urja.cosem.apdu import GeneralGloCiphered, decode_apdu
from urja.cosem.security import ENCRYPTED, wrap_key
from urja.cosem.wrapper import Frame
from urja.headend import meter_identification
from urja.meter.engine import PushKind
from urja.meter.faults import FaultPlan
from urja.meter.identity import seeded_identity
from urja.meter.meter import Meter
from urja.meter.station import Station
from urja.pipeline.gaps import Gaps
from urja.pipeline.ingest import Ingest, Ingester
from urja.pipeline.stage import StageConnection
from urja.stream.subjects import READINGS

ZONE = "Asia/Kolkata"


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(meter_identification, "FIRST_QUERY_DELAY_S", (0.0, 0.1))


class TaglessMeter:
    """One such meter, the account it bills, and the stages between them."""

    def __init__(self, town: Town) -> None:  # noqa: F811
        self.town, self.clock = town, town.clock
        self.identity = seeded_identity("00000001", "urja-d1-encrypted", 3, start_wh=5000)
        self.meter = Meter(self.identity, self.clock.now() - timedelta(days=1))
        self.meter.run_without_pushing(self.clock.now())
        self.station = Station(
            self.meter,
            now=self.clock.now,
            entropy=lambda size: bytes(range(size)),
            plan=FaultPlan(self.identity.serial),
        )
        self.session = StageConnection(town.database.conninfo("urja_pipeline"))
        self.began_wh = self.register_wh

    @property
    def register_wh(self) -> int:
        return self.meter.engine.metrology.import_mwh() // 1000

    async def move_in(self) -> None:
        from urja.pipeline.project import Project

        keys = self.identity.keys
        now = self.clock.now()
        await self.town.in_thread(
            lambda: adopt(
                1,
                bucket=300,
                valid_from=now,
                register_wh=self.began_wh,
                system_title=self.identity.title,
                serial=self.identity.serial,
                device_type="urja-d1-encrypted",
                wrapped_guek=wrap_key(KEK, keys.guek),
                wrapped_gak=wrap_key(KEK, keys.gak),
            )
        )
        stage = Project(
            self.town.broker, "Asia/Kolkata", signing_key=SIGNING_KEY, in_thread=self.town.in_thread
        )
        await stage.run_once(now)

    @contextlib.asynccontextmanager
    async def dialled(self, headend):
        dialling = asyncio.ensure_future(self.station.dial("127.0.0.1", headend.wrapper_port.port))
        try:
            await until(lambda: self.station.linked)
            yield
        finally:
            dialling.cancel()
            self.station.drop_link()

    async def ingest(self) -> None:
        consumer = await self.town.broker.consume(READINGS)
        stage = Ingest(consumer, Ingester(self.session, ZONE), self.clock, wait_s=0.3)
        while (await stage.run_once(self.clock.now())).done:
            pass
        await consumer.close()

    async def gaps(self) -> None:
        outcomes = await self.town.broker.consume("OUTCOMES")
        await Gaps(self.session, self.town.broker, outcomes, ZONE).run_once(self.clock.now())
        await outcomes.close()

    def ask(self, statement: str) -> list[tuple]:
        with self.town.database.connect() as connection:
            return connection.execute(statement).fetchall()


def forged(apdu: bytes, keys, import_wh: int) -> bytes:
    """The push with another energy in its block: what it said is known, so XOR is enough; the key is used to know it."""
    push = decode_apdu(apdu)
    assert isinstance(push, GeneralGloCiphered)
    assert push.control == ENCRYPTED
    nonce = push.system_title + push.counter.to_bytes(4)
    plaintext = AESGCM(keys.guek).encrypt(nonce, push.ciphertext, None)[:-16]
    # After voltage (0x12 and two bytes) and its clock a D1 block has its import energy: the first double-long-unsigned.
    at = plaintext.index(b"\x06", 40) + 1
    wanted = plaintext[:at] + import_wh.to_bytes(4) + plaintext[at + 4 :]
    stream = bytes(a ^ b for a, b in zip(plaintext, push.ciphertext, strict=True))
    changed = bytes(a ^ b for a, b in zip(wanted, stream, strict=True))
    return apdu[: -len(changed)] + changed


@pytest.fixture
def tagless(town):  # noqa: F811
    made = TaglessMeter(town)
    yield made
    made.session.close()


async def test_it_bills_what_the_meter_says_in_a_session_and_not_what_a_thief_made_of_its_push(town, tagless):  # noqa: F811
    await tagless.move_in()
    async with town.headend() as headend, tagless.dialled(headend):
        for _ in range(2):
            tagless.clock.advance(HALF_HOUR)
            tagless.station.catch_up()
        await until(lambda: value(headend, "pushes_unauthenticated_total") >= 2)
        tagless.clock.advance(HALF_HOUR)
        pushes = tagless.meter.advance(tagless.clock.now())
        [block] = [push for push in pushes if push.kind is PushKind.BLOCK]
        _, thief = await asyncio.open_connection("127.0.0.1", headend.wrapper_port.port)
        before = value(headend, "pushes_unauthenticated_total")
        thief.write(Frame(1, 64, forged(block.apdu, tagless.identity.keys, 1)).encode())
        await until(lambda: value(headend, "pushes_unauthenticated_total") == before + 1)
        tagless.station.dispatch(pushes)
        await until(lambda: value(headend, "duplicates_total") == 1)
        await tagless.ingest()
        told = tagless.ask("SELECT values[1] FROM readings_unconfirmed ORDER BY start_at")
        assert len(told) == 3
        assert told[-1] == (1,), "the thief was first"
        assert tagless.ask("SELECT count(*) FROM readings_interval") == [(0,)]
        assert tagless.ask("SELECT block_value FROM readings_accrual") == [(0,)]

        tagless.clock.advance(timedelta(minutes=16))
        pushed = value(headend, "records_total", kind="block")
        await tagless.gaps()
        await until(lambda: value(headend, "records_total", kind="block") >= pushed + 3)
        await tagless.ingest()
        thief.close()
    assert tagless.ask("SELECT source, count(*) FROM readings_interval GROUP BY 1") == [(2, 3)]
    assert tagless.ask("SELECT count(*) FROM readings_unconfirmed") == [(0,)]
    used_wh = sum(energy for (energy,) in tagless.ask("SELECT values[1] FROM readings_interval"))
    assert tagless.ask("SELECT block_value FROM readings_accrual") == [(used_wh,)]
    assert 0 <= tagless.register_wh - tagless.began_wh - used_wh < 1000, (
        "the meter's own register says the same"
    )
    [(detail,)] = tagless.ask("SELECT detail FROM readings_exception")
    assert detail["values"][0] == 1
