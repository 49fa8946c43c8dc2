"""Loaded meter types at the head end: they arrive, change and fail while it runs, and affect their own meters only."""

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

from tests.cosem.meter_types import PROFILES, TYPE, write_type
from tests.headend import test_sessions
from tests.headend.conftest import until
from tests.headend.ordering import SIGNING_KEY, put_device
from tests.headend.pushing import NINE, PushMeter, element, meter_clock
from tests.headend.test_pushes import Line, accepted

from urja.cosem import axdr
from urja.cosem.apdu import DataNotification, GeneralGloCiphered
from urja.cosem.companion import build_device_type, load_device_type, read_type_folder
from urja.cosem.obis import Obis
from urja.cosem.security import AUTHENTICATED_ENCRYPTED
from urja.cosem.time import CosemDateTime
from urja.cosem.wrapper import Frame
from urja.meter.inputs import MoveTamper
from urja.stream.meter_types import SignedType, TypeEntry
from urja.stream.records import RegisterKind, Source

outcomes = test_sessions.outcomes


def signed(*folders: Path, written_us: int = 0) -> SignedType:
    """The versions of a type, the newest first, as the pipeline sends them."""
    sources = [read_type_folder(folder) for folder in folders]
    name = build_device_type(sources[0]).name
    return SignedType.of(
        TypeEntry(name=name, written_us=written_us, versions=[dict(source.files) for source in sources]),
        SIGNING_KEY,
    )


async def given(pipeline, *folders: Path, written_us: int = 0) -> None:
    """Bring the versions of a type into force, the newest first."""
    await pipeline.put_type(
        build_device_type(read_type_folder(folders[0])).name, signed(*folders, written_us=written_us)
    )


@dataclass
class TypedMeter:
    """A pushing meter of the type of a folder; without one of a shipped type."""

    folder: Path | None
    number: int = 1
    plain: PushMeter = field(init=False)

    def __post_init__(self):
        self.plain = PushMeter(self.number)
        self.type = (
            load_device_type("urja-d1")
            if self.folder is None
            else build_device_type(read_type_folder(self.folder))
        )

    @property
    def title(self):
        return self.plain.title

    def entry(self, firmware=""):
        return self.plain.entry(device_type=self.type.name, firmware=firmware)

    def block(self, end_at=NINE, import_wh=250):
        """A block push of this energy, in the columns and scalers of its type."""
        return self.push(
            "block", end_at, {"import_wh": import_wh, "import_vah": import_wh + 5, "voltage": 230}
        )

    def alert(self, at, *bits):
        return self.push("alert", at, {"esw": sum(1 << (127 - bit) for bit in bits).to_bytes(16)})

    def push(self, key, at, values):
        layout = self.type.pushes[key]
        columns = []
        for column in layout.columns:
            value = values.get(column.key, 0)
            columns.append(
                element(column, value if isinstance(value, bytes) else int(value * 10**-column.scaler))
            )
        clock = meter_clock(at)
        body = axdr.structure(
            axdr.octets(b"ACM00000001"),
            axdr.octets(bytes(Obis.parse(layout.obis))),
            axdr.octets(clock),
            *columns,
        )
        self.plain.counter += 1
        notification = DataNotification(self.plain.counter, CosemDateTime.from_bytes(clock), body)
        sealed = GeneralGloCiphered.protect(
            self.plain.keys, self.title, self.plain.counter, AUTHENTICATED_ENCRYPTED, notification.encode()
        )
        return Frame(1, 64, sealed.encode()).encode()


def counted(headend, name, **labels):
    return headend.registry.get_sample_value(f"urja_headend_{name}", labels) or 0


async def tell(headend, frame, name, **labels):
    """Send a push, and wait until it was counted among those."""
    before = counted(headend, name, **labels)
    async with Line(headend.wrapper_port.port) as line:
        await line.send(frame)
        await until(lambda: counted(headend, name, **labels) == before + 1)


async def sent(headend, *frames):
    """Send pushes, and wait until they were accepted."""
    before = accepted(headend)
    async with Line(headend.wrapper_port.port) as line:
        await line.send(*frames)
        await until(lambda: accepted(headend) == before + len(frames))


async def test_a_type_that_comes_while_the_head_end_runs(start_headend, pipeline, stored, tmp_path):
    folder = write_type(tmp_path / "m7")
    meter = TypedMeter(folder)
    async with start_headend() as headend:
        await put_device(pipeline, meter.entry())
        await until(lambda: meter.title in headend.roster.unusable)
        assert "its meter type 'acme-m7-fw3' is not known here" in headend.roster.unusable[meter.title]
        await given(pipeline, folder)
        await until(lambda: meter.title in headend.roster.meters)
        await sent(headend, meter.block(import_wh=250), meter.alert(NINE, 100, 101, 60))
    await stored.take()
    [block] = stored.records("block")
    assert (block["import_wh"], block["import_vah"], block["voltage_cv"], block["length_s"]) == (
        250,
        255,
        23000,
        900,
    )
    # The magnet by its own bit and code is the standard's magnet; the terminal cover has a number of its own; what
    # the type does not list is not lost.
    assert sorted(stored.records("event")["code"].tolist()) == [-1060, 201, 823]


async def test_it_is_known_after_a_restart_before_any_meter(start_headend, pipeline, stored, tmp_path):
    folder = write_type(tmp_path / "m7")
    meter = TypedMeter(folder)
    await put_device(pipeline, meter.entry())
    await given(pipeline, folder)
    async with start_headend() as headend:
        await sent(headend, meter.block())


async def test_a_new_version_reads_what_comes_after_it(start_headend, pipeline, stored, tmp_path):
    first = write_type(tmp_path / "1")
    other = PROFILES.replace('scaler = -3, unit = "Wh"', 'scaler = -1, unit = "Wh"')
    second = write_type(tmp_path / "2", type=TYPE.replace('version = "1"', 'version = "2"'), profiles=other)
    old, new = TypedMeter(first), TypedMeter(second)
    await given(pipeline, first)
    await put_device(pipeline, old.entry())
    async with start_headend() as headend:
        await until(lambda: old.title in headend.roster.meters)
        await sent(headend, old.block(import_wh=250))
        compiled = headend.roster.meters[old.title].compiled
        await given(pipeline, first)  # as the pipeline does now and then
        await sent(headend, old.alert(NINE, 100))
        assert headend.roster.meters[old.title].compiled is compiled
        await given(pipeline, second)
        await until(lambda: headend.roster.meters[old.title].compiled.device_type.version == "2")
        new.plain.counter = old.plain.counter
        await sent(headend, new.block(import_wh=300))
        # Its window stayed: what was accepted under the first version is not taken again.
        old.plain.counter = 0
        await tell(headend, old.block(import_wh=250), "duplicates_total")
        assert accepted(headend) == 3
    await stored.take()
    assert stored.records("block")["import_wh"].tolist() == [250, 300]


async def test_a_type_that_is_taken_away_stops_its_meters_alone(start_headend, admin, pipeline, tmp_path):
    folder = write_type(tmp_path / "m7")
    typed, plain = TypedMeter(folder), TypedMeter(None, 2)
    await given(pipeline, folder)
    for meter in (typed, plain):
        await put_device(pipeline, meter.entry())
    async with start_headend() as headend:
        await until(lambda: len(headend.roster.meters) == 2)
        await admin.jetstream.publish("$KV.types.acme-m7-fw3", b"", headers={"KV-Operation": "DEL"})
        await until(lambda: typed.title not in headend.roster.meters)
        await sent(headend, plain.block())
        await given(pipeline, folder)
        await until(lambda: typed.title in headend.roster.meters)
        await sent(headend, typed.block())


async def test_each_meter_is_read_by_the_version_for_its_firmware(start_headend, pipeline, stored, tmp_path):
    other = PROFILES.replace('scaler = -3, unit = "Wh"', 'scaler = -1, unit = "Wh"')
    text = TYPE.replace('version = "1"', 'version = "2"').replace('["3.1", "3.2"]', '["4.0"]')
    new, old = write_type(tmp_path / "2", type=text, profiles=other), write_type(tmp_path / "1")
    await given(pipeline, new, old)
    meters = [TypedMeter(old, 1), TypedMeter(new, 2), TypedMeter(new, 3)]
    for meter, firmware in zip(meters, ("3.2", "4.0", ""), strict=True):
        await put_device(pipeline, meter.entry(firmware))
    async with start_headend() as headend:
        await until(lambda: len(headend.roster.meters) == 3)
        await sent(headend, *(meter.block(import_wh=250) for meter in meters))
        # Its firmware is another from now on, as commissioning it again has found.
        await put_device(pipeline, meters[0].entry("4.0"))
        updated = TypedMeter(new, 1)
        updated.plain.counter = meters[0].plain.counter
        await until(lambda: headend.roster.meters[updated.title].compiled.device_type.version == "2")
        await sent(headend, updated.block(import_wh=260))
    await stored.take()
    assert stored.records("block")["import_wh"].tolist() == [250, 250, 250, 260]


async def test_its_profiles_and_logs_are_pulled(
    start_headend, pipeline, stored, outcomes, stepped_clock, tmp_path
):
    folder = write_type(tmp_path / "m7")
    world = test_sessions.World(stepped_clock, str(folder), 0)
    world.station.apply_input(MoveTamper("magnet", True))
    world.meter.engine.note(191)
    world.meter.engine.note(823)
    await given(pipeline, folder)
    await put_device(pipeline, world.entry(device_type="acme-m7-fw3"))
    magnet_at = stepped_clock.now().timestamp()
    async with start_headend() as headend, world.dialled_in(headend.wrapper_port.port):
        await until(lambda: world.station.linked)
        stepped_clock.advance(dt.timedelta(minutes=15))
        world.station.catch_up()
        await until(lambda: accepted(headend) >= 1)
        for number, profile in enumerate(("tamper-events", "block", "daily"), 1):
            await pipeline.publish_request(world.request(profile, number), world.entry().shard)
        found = await outcomes(3)
    assert [outcome.error for outcome in found] == [None] * 3
    await stored.take()
    # The magnet has the standard's code, and what is the maker's own its number.
    pulled = [event for event in stored.records("event") if event["source"] == Source.PULL]
    assert sorted((event["code"].item(), event["occurred_at"].item()) for event in pulled) == [
        (201, magnet_at), (823, magnet_at),
    ]  # fmt: skip
    blocks = [block for block in stored.records("block") if block["source"] == Source.PULL]
    assert len(blocks) == 97  # a day, both ends
    assert {block["length_s"].item() for block in blocks} == {900}
    drawn = sum(block["import_wh"].item() for block in blocks)
    midnight = stored.records("register")
    [daily] = midnight[midnight["kind"] == RegisterKind.DAILY]
    # Tens of Wh, as its daily profile has them.
    assert daily["import_wh"] % 10 == 0
    assert 0 < drawn < 40_000
