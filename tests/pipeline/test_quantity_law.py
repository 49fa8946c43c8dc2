"""The law that compares stored intervals with the truth by quantity: blocks of simulated meters, stored by ingest."""

from datetime import timedelta

import pytest
from tests.apps.town import START, ZONE, adopt, seconds
from tests.meter.test_three_phase import rows_of
from tests.pipeline.test_channel_sets import batch

from urja.cosem.companion import load_device_type
from urja.cosem.companion.stored_columns import stored_columns
from urja.laws.quantity_comparison import examine_quantities
from urja.meter.fleet import FleetFile, write_fleet_file
from urja.meter.identity import seeded_identity
from urja.meter.inputs import RunGenerator
from urja.meter.meter import Meter
from urja.meter.truth import TruthFile
from urja.pipeline.ingest import Ingester
from urja.pipeline.stage import StageConnection
from urja.quantities.channel_sets import D2_BLOCK, GAS_BLOCK
from urja.site.cli.verify import compared_with_truth
from urja.stream.subjects import Kind

DG_BLOCK = stored_columns(
    load_device_type("urja-d2-dg").profiles["block"].columns, of_intervals=True
).channels
COLUMNS = {"interval_volume_l": "volume_l"}


@pytest.fixture
def stage_connection(database):
    session = StageConnection(database.conninfo("urja_pipeline"))
    yield session
    session.close()


@pytest.mark.parametrize(
    ("device_type", "channels", "wrong"),
    [
        ("urja-d2", D2_BLOCK, "interval_lag_varh"),
        ("urja-d2-dg", DG_BLOCK, "interval_dg_import_wh"),
        ("urja-d2-dg", DG_BLOCK, "interval_import_vah"),
        ("urja-g1", GAS_BLOCK, "interval_volume_l"),
    ],
)
def test_stored_quantities_are_the_truth_and_a_wrong_one_is_seen(
    database, stage_connection, tmp_path, device_type, channels, wrong
):
    """Also by `urja verify`, from the files of the installation's simulated meters."""
    truth = []
    identity = seeded_identity("URJ00000001", device_type, 7)
    meter = Meter(identity, START, truth.append)
    for hours, of_generator in ((5, True), (8, False)):
        # A meter without a generator's registers ignores it.
        meter.run_without_pushing(START + timedelta(hours=hours, minutes=7))
        meter.apply_input(RunGenerator(of_generator))
    meter.run_without_pushing(START + timedelta(hours=12))
    compared = [name for name in channels.names if name.endswith(("_wh", "_vah", "_varh", "_volume_l"))]
    home = adopt(device_type=device_type, interval_s=identity.type.interval_s, serial=truth[0].serial)
    step = timedelta(seconds=identity.type.interval_s)
    ingester = Ingester(stage_connection, ZONE)
    horizon = START + timedelta(days=1)
    rows = [
        [
            row[COLUMNS.get(name, name.removeprefix("interval_"))] if name in compared else None
            for name in channels.names
        ]
        for row in rows_of(meter, "block")
    ]

    def store(number, values):
        one = batch(Kind.BLOCK, channels, home.device_id, START + step * number, values)
        records = one.records.copy()
        records["length_s"] = identity.type.interval_s
        assert ingester.apply([type(one)(Kind.BLOCK, 1, records, channels)], horizon).refused == 0

    def faults():
        with database.connect() as connection:
            law, _ = examine_quantities(connection, truth, horizon)
            return law.contradictions

    for number, values in enumerate(rows):
        store(number, values)
    assert len(rows) == len(truth)
    assert sum(row[0] for row in rows) > 0
    assert faults() == ()
    place = channels.position(wrong)
    number = next(at for at, row in enumerate(rows) if row[place])
    planted = [value + 1 if at == place else value for at, value in enumerate(rows[number])]
    store(number, planted)
    [fault] = faults()
    assert f"quantity {channels.ids[place]} was [{rows[number][place]}], stored {planted[place]}" in fault
    assert truth[number].start_s == seconds(START + step * number)
    fleet = FleetFile(head_end_host="h", head_end_port=1, installed_at=START, meters=[identity])
    write_fleet_file(tmp_path / "fleet.json", fleet)
    file = TruthFile(tmp_path / fleet.truth)
    for record in truth:
        file.write(record)
    file.close()
    with database.connect() as connection:
        law, _ = compared_with_truth(connection, tmp_path / "fleet.json", horizon)
        assert compared_with_truth(connection, tmp_path / "another.json", horizon) == []
    assert law.contradictions == (fault,)


def test_zones_of_a_billing_profile_sum_to_its_total_within_a_step(database, stage_connection):
    """Wh that one zone lost are seen as soon as truncation does not explain them."""
    from tests.pipeline.test_billing_reads import APRIL, billing_row

    lost_and_steps = [(0, 1), (3, 1), (4, 1), (-2, 1), (30, 10)]
    steps, reads = {}, []
    for number, (lost, step) in enumerate(lost_and_steps, 1):
        home = adopt(number, device_type="urja-d2")
        zones = {"import_wh_z1": 5_000 - lost, "import_wh_z2": 4_000, "import_wh_z3": 3_000}
        reads.append(billing_row(home.device_id, APRIL, import_wh=12_000, **zones))
        steps[f"URJ{number:08}"] = step
    Ingester(stage_connection, ZONE).apply(reads, APRIL + timedelta(days=1))
    with database.connect() as connection:
        _, law = examine_quantities(connection, [], APRIL + timedelta(days=1), steps)
    assert law.law == "zones_sum_to_their_total"
    assert [said.split()[0] for said in law.contradictions] == ["URJ00000003", "URJ00000004"]
