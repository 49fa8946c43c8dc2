"""A meter type that is not in the package, end to end: checked, loaded, its meter adopted and simulated from the same
folder, its pushes decoded by the head end, and rows in the database with the right values and the event's name."""

import asyncio
from datetime import timedelta

import pytest
from click.testing import CliRunner
from tests.apps.town import passed
from tests.cosem.meter_types import write_type
from tests.headend.conftest import until
from tests.headend.ordering import SIGNING_KEY
from tests.headend.pushing import KEK
from tests.pipeline.test_dispatch import Town as Dispatching

from urja.base.process_secrets import AdminSecrets
from urja.base.settings import Settings
from urja.cosem.security import KekStore
from urja.meter.faults import FaultPlan
from urja.meter.identity import seeded_identity
from urja.meter.inputs import MoveTamper
from urja.meter.meter import Meter
from urja.meter.station import Station
from urja.site import admin
from urja.site.cli import adopt as adopt_cli, meter_type as meter_type_cli
from urja.site.command_errors import CommandError
from urja.stream.broker import connect
from urja.stream.definitions import ensure_streams
from urja.stream.records import EventState
from urja.stream.subjects import READINGS, User

ZONE = "Asia/Kolkata"
HOUR = timedelta(hours=1)


class StandInAdministration:
    settings = Settings()
    secrets = AdminSecrets(
        broker_url="", broker_user="", broker_password="", database_admin="", database_owner="", kek=KEK
    )
    keys = KekStore(KEK)

    def __init__(self, clock):
        self.clock = clock

    def setup_django(self):
        pass


class Town(Dispatching):
    """As there, with a meter whose type comes from a folder."""

    def __init__(self, database, nats_server, clock, broker, folder):
        super().__init__(database, nats_server, clock, broker)
        self.identity = seeded_identity("00000001", str(folder), 3, start_wh=5000)

    def stand(self, installed_at):
        truth = []
        self.meter = Meter(self.identity, installed_at, truth.append)
        self.meter.run_without_pushing(self.clock.now())
        self.station = Station(
            self.meter, now=self.clock.now, entropy=lambda size: bytes(range(size)), plan=FaultPlan("1")
        )
        return truth

    async def command(self, command, *arguments):
        def invoke():
            result = CliRunner().invoke(command, [str(argument) for argument in arguments])
            if result.exception is not None:
                raise result.exception
            return result.output

        return await self.in_thread(invoke)

    async def project(self):
        from urja.pipeline.project import Project

        stage = Project(self.broker, ZONE, signing_key=SIGNING_KEY, in_thread=self.in_thread)
        return await stage.run_once(self.clock.now())


@pytest.fixture
async def town(database, nats_server, stepped_clock, monkeypatch, tmp_path):
    from django.db import connections

    from urja.apps.rulebook import operations
    from urja.apps.rulebook.queries import tariffs

    connections["default"].settings_dict |= {"USER": "urja_owner"}
    for module in (admin, adopt_cli):
        monkeypatch.setattr(module.Administration, "of", lambda data: StandInAdministration(stepped_clock))
    broker = await connect(nats_server.url, User.ADMIN, nats_server.password, "test")
    await ensure_streams(broker)
    town = Town(database, nats_server, stepped_clock, broker, write_type(tmp_path / "m7"))
    for text in tariffs.bundled_tariffs().values():
        await town.in_thread(lambda text=text: operations.load_tariff(text, loaded_at=stepped_clock.now()))
    yield town
    await broker.close()
    await town.in_thread.close()


async def test_from_a_folder_to_rows(town, stepped_clock):
    from urja.apps.assets.models import Device
    from urja.apps.meter_types.queries import event_names

    folder, identity = town.identity.device_type, town.identity
    # Nothing of it is in the package.
    with pytest.raises(CommandError, match="unknown meter type 'acme-m7-fw3'"):
        await town.command(adopt_cli.adopt, *adoption(identity))
    assert "valid: acme-m7-fw3 1" in await town.command(meter_type_cli.meter_type, "check", folder)
    assert "is in force" in await town.command(meter_type_cli.meter_type, "load", folder)
    truth = town.stand(stepped_clock.now() - 24 * HOUR)
    register_wh = town.meter.engine.metrology.import_mwh() // 1000
    adopted = await town.command(adopt_cli.adopt, *adoption(identity, register_wh))
    assert adopted.startswith("1 adopted, 0 already registered\n")
    await town.in_thread(lambda: passed(Device.objects.get().id, stepped_clock.now()))
    assert (await town.project()).done == 2  # the type and the meter

    async with town.headend() as headend:
        assert identity.title in headend.roster.meters
        dialling = asyncio.ensure_future(town.station.dial("127.0.0.1", headend.wrapper_port.port))
        await until(lambda: town.station.linked)
        lived = len(truth)
        stepped_clock.advance(HOUR / 4)
        town.station.catch_up()
        # Its terminal cover, which no other meter here has, tells itself by the bit that its type lists.
        town.meter.engine.status_word.set(101, on=True)
        town.station.apply_input(MoveTamper("magnet", True))
        await until(lambda: headend.registry.get_sample_value("urja_headend_pushes_accepted_total") == 3)
        dialling.cancel()
        town.station.drop_link()
    assert headend.roster.unusable == {}
    await take_in(town)

    [interval] = truth[lived:]
    with town.database.connect() as connection:
        blocks = connection.execute(
            "SELECT start_at, length_s, values[1], values[5] BETWEEN 18000 AND 26000 FROM readings_interval"
        ).fetchall()
        assert [(int(start.timestamp()), *rest) for start, *rest in blocks] == [
            (interval.start_s, 900, interval.drawn_mwh // 1000, True)
        ]
        # The register goes out in tens of Wh.
        [(read_wh,)] = connection.execute("SELECT values[1] FROM readings_register WHERE kind = 1").fetchall()
        assert read_wh == (5_000_000 + interval.cumulative_mwh) // 10_000 * 10
        events = connection.execute("SELECT code, state FROM readings_event ORDER BY code").fetchall()
    # Its magnet has bit 100 and code 821; here it is the standard's, so that a work order is opened.
    assert events == [(201, EventState.OCCURRED), (823, EventState.OCCURRED)]
    assert (await town.in_thread(event_names, "acme-m7-fw3"))[823] == "Terminal cover open: occurred"


def adoption(identity, register_wh=0):
    options = {
        "serial": identity.serial, "system-title": identity.system_title, "guek": identity.guek, "gak": identity.gak,
        "type": "acme-m7-fw3", "register-wh": register_wh, "tariff": "demo-domestic", "name": "Meera",
        "email": "meera@example.org",
    }  # fmt: skip
    return [f"--{name}={value}" for name, value in options.items()]


async def take_in(town):
    """What the head end has published, into the database."""
    from urja.pipeline.ingest import Ingest, Ingester
    from urja.pipeline.stage import StageConnection

    session = StageConnection(town.database.conninfo("urja_pipeline"))
    try:
        stage = Ingest(await town.broker.consume(READINGS), Ingester(session, ZONE), town.clock, wait_s=0.2)
        while (await stage.run_once(town.clock.now())).done:
            pass
    finally:
        session.close()
