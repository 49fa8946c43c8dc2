"""A meter of another commodity is a fault to every operation and file that installs it, and to the database."""

import psycopg
import pytest
from tests.apps.town import START, adopt, in_stock, registers, store_registers
from tests.usecases.life import DAY, HOUR, connect, install_meter
from tests.usecases.loading.filing import Loader
from tests.usecases.loading.test_other_kinds import meter
from tests.usecases.test_tariff_commodity import load_gas, told

SAID = "meter {} measures {}, and service point {} supplies {}: choose a meter for {}"


def gas_meter(number):
    return in_stock(number, device_type="urja-g1", commodity="gas", interval_s=3600)


def test_installation_and_exchange_refuse_it(database):
    from urja.usecases.operations import ExchangeMeter, InstallMeter

    adopt(1)
    gas_meter(2)
    exchange = ExchangeMeter(
        consumer_number="URJ00000001",
        at=START + HOUR,
        old_register_wh=None,
        new_serial="URJ00000002",
        new_register_wh=0,
        reason="burnt",
    )
    said = SAID.format("URJ00000002", "gas", "URJ00000001", "electricity", "electricity")
    assert said in told(exchange)
    beside = InstallMeter(
        consumer_number="URJ00000001",
        serial="URJ00000002",
        installed_at=START + HOUR,
        register_wh=0,
        role="check",
    )
    assert told(beside) == [said]
    connect("G-1", commodity="gas")
    in_stock(3)
    wrong = InstallMeter(consumer_number="G-1", serial="URJ00000003", installed_at=START + HOUR, register_l=0)
    assert told(wrong) == [SAID.format("URJ00000003", "electricity", "G-1", "gas", "gas")]
    install_meter(2, place="G-1", register_wh=None, register_l=100)


def test_the_records_of_two_meters_of_two_commodities_are_not_swapped(database):
    from urja.usecases.operations import SwapMeters

    load_gas()
    homes = adopt(1), adopt(2, device_type="urja-g1", tariff_code="piped")
    with database.connect("urja_pipeline") as connection:
        for home in homes:
            store_registers(connection, registers(home, (START + HOUR, 10_000)))
    swap = SwapMeters(serial_a="URJ00000001", serial_b="URJ00000002", since=START + HOUR, reason="mixed up")
    assert told(swap) == [
        SAID.format("URJ00000002", "gas", "URJ00000001", "electricity", "electricity"),
        SAID.format("URJ00000001", "electricity", "URJ00000002", "gas", "gas"),
    ]


def test_a_row_of_a_file_is_refused_and_the_other_row_is_loaded(database, tmp_path, stepped_clock):
    connect("C-1")
    connect("G-1", commodity="gas")
    row, gas_row = ({"installed_at": "2026-03-02", name: "0"} for name in ("register_wh", "register_l"))
    report = Loader(tmp_path, stepped_clock)(
        "devices",
        [
            meter(1, type="urja-g1", consumer_number="C-1", **gas_row),
            meter(2, type="urja-d1", consumer_number="G-1", **row),
            meter(3, type="urja-g1", consumer_number="G-1", **gas_row),
        ],
        good_rows=True,
    )
    assert [one.sentence for one in report.first] == [
        SAID.format("M1", "gas", "C-1", "electricity", "electricity"),
        SAID.format("M2", "electricity", "G-1", "gas", "gas"),
    ]


def test_what_a_meter_measures_comes_of_its_type(database):
    from urja.apps.assets.models import Device

    load_gas()
    adopt(1)
    adopt(2, device_type="urja-g1", tariff_code="piped")
    assert [*Device.objects.order_by("serial").values_list("commodity", flat=True)] == ["electricity", "gas"]


def test_the_database_refuses_it(database):
    home = adopt(1)
    other = gas_meter(2)
    with (
        pytest.raises(psycopg.errors.CheckViolation, match="measures gas, and service point"),
        database.connect() as connection,
    ):
        connection.execute(
            "INSERT INTO assets_device_period (id, service_point_id, device_id, role, valid_from, recorded_at, actor) "
            "VALUES (1, %s, %s, 2, %s, %s, 'test')",
            [home.service_point_id, other.id, START + DAY, START + DAY],
        )
