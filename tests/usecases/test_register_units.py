"""Registers in operations: Wh of a meter of electricity, litres of a gas meter; a field each, in the forms too."""

from datetime import timedelta

import pytest
from tests.apps.town import START, in_stock
from tests.conftest import begun_with
from tests.pipeline.test_post import TARIFF
from tests.usecases.life import DAY, HOUR, connect, do, stock


def with_gas_in_stock(database):
    """A place of gas with a gas meter in the store, and one of electricity."""
    from urja.usecases.tariffs import load_tariffs

    piped = TARIFF.replace('code = "demo"', 'code = "piped"\ncommodity = "gas"')
    load_tariffs([piped.format(version="1", valid_from="2024-01-01", rate="30.00")], START)
    connect("G-1", commodity="gas")
    connect("E-1", premise_name="Elm House")
    stock(9)
    return in_stock(1, device_type="urja-g1", commodity="gas", interval_s=1800, load_switch=True)


database, place = begun_with(with_gas_in_stock)


def refused(operation, says, at=START + DAY):
    from urja.apps.journal.errors import RefusedError

    with pytest.raises(RefusedError) as refusal:
        do(operation, at)
    assert says in "; ".join(refusal.value.faults)


def install(**register):
    from urja.usecases.operations import InstallMeter

    return InstallMeter(consumer_number="G-1", serial="URJ00000001", installed_at=START, **register)


def test_each_operation_says_which_field_its_meter_needs(place):
    from urja.usecases.operations import ExchangeMeter, InstallMeter, RemoveMeter

    refused(install(register_wh=5_000), "a gas meter counts litres: give register_l, and no register_wh")
    refused(install(register_wh=5_000, register_l=5_000), "and no register_wh")
    refused(install(), "the register of the meter is missing: give register_l")
    refused(install(register_l=-1), "a register cannot read -1 L")
    power = InstallMeter(consumer_number="E-1", serial="URJ00000009", installed_at=START, register_l=5)
    refused(power, "a meter of electricity counts Wh: give register_wh, and no register_l")
    do(install(register_l=5_000), START)
    removed = {"serial": "URJ00000001", "removed_at": START + HOUR}
    refused(RemoveMeter(**removed, register_wh=6_000), "give register_l, and no register_wh")
    refused(RemoveMeter(**removed, register_l=4_000), "a register cannot go back to 4000 L")
    exchange = {"consumer_number": "G-1", "at": START + HOUR, "new_serial": "URJ00000002", "reason": "old"}
    in_stock(2, device_type="urja-g1", commodity="gas", interval_s=1800, load_switch=True)
    refused(ExchangeMeter(**exchange, old_register_wh=5_100, new_register_l=0), "give old_register_l")
    refused(ExchangeMeter(**exchange), "is missing: give new_register_l")
    do(ExchangeMeter(**exchange, old_register_l=5_100, new_register_l=7), START + DAY)
    with place_connection() as cursor:
        cursor.execute("SELECT values[1] FROM readings.register ORDER BY read_at, values[1] DESC")
        assert [read for (read,) in cursor.fetchall()] == [5_000, 5_100, 7]


def test_operations_of_programs_take_litres_of_a_gas_meter(place):
    from urja.apps.commissioning.models import Call
    from urja.usecases.operations import Adoption, Commission, RecordCommissioning

    adoption = {
        "serial": "URJ00000003",
        "system_title": b"URJ" + (3).to_bytes(5, "big"),
        "device_type": "urja-g1",
        "interval_s": 3600,
        "max_power_w": 6_000,
        "wrapped_guek": bytes(24),
        "wrapped_gak": bytes(24),
        "valid_from": START,
        "tariff_code": "piped",
        "sanctioned_load_w": 2_000,
        "person_name": "Meera",
        "email": "meera@example.org",
    }
    refused(Adoption(**adoption, register_wh=5_000), "give register_l, and no register_wh")
    refused(Adoption(**adoption), "the register of the meter is missing: give register_l")
    refused(
        Adoption(**adoption | {"device_type": "urja-d1"}, register_l=5), "give register_wh, and no register_l"
    )
    do(Adoption(**adoption, register_l=5_000), START)
    do(Commission(serial="URJ00000003"), START + HOUR)
    passed = {"call_id": Call.objects.get().id, "read_at": START + HOUR, "firmware": "1.2"}
    refused(RecordCommissioning(**passed, register_wh=5_010), "give register_l, and no register_wh")
    refused(RecordCommissioning(**passed), "the register of the meter is missing: give register_l")
    do(RecordCommissioning(**passed, register_l=5_010), START + HOUR)
    with place_connection() as cursor:
        cursor.execute("SELECT values[1] FROM readings.register ORDER BY read_at, values[1] DESC")
        assert [read for (read,) in cursor.fetchall()] == [5_000, 5_010]


def place_connection():
    from django.db import connection

    return connection.cursor()


def shown(kind, typed):
    from urja.usecases.kinds import BY_KIND
    from urja.web.console.operation_page import _inputs

    found = _inputs(BY_KIND[kind], typed, {})
    return [(one.label, one.required, one.or_else) for one in found if "register" in one.name]


def test_a_form_asks_for_cubic_metres_of_gas_and_for_both_where_the_meter_is_not_known(place):
    wh, gas = "Register, kWh", "Register of the gas meter, m³"
    assert shown("install_meter", {"consumer_number": "G-1"}) == [(gas, True, "")]
    assert shown("install_meter", {"consumer_number": "E-1"}) == [(wh, True, "")]
    assert shown("remove_meter", {"serial": "URJ00000001"}) == [(gas, False, "")]
    assert shown("install_meter", {}) == [(wh, False, gas), (gas, False, wh)]
    assert [label for label, _, _ in shown("exchange_meter", {"consumer_number": "G-1"})] == [
        "Old gas meter's register, m³",
        "New gas meter's register, m³",
    ]


def test_typed_cubic_metres_are_litres_and_a_needed_register_is_marked(place):
    from urja.usecases.kinds.meters import InstallMeter
    from urja.web.console.fields import form_values, parse_form

    typed = {"consumer_number": "G-1", "serial": "URJ00000001", "installed_at": "2026-03-02 10:00"}
    content, errors = parse_form(InstallMeter, typed | {"register_l": "6.925"})
    assert (content["register_l"], errors) == (6_925, {})
    assert form_values(InstallMeter, content)["register_l"] == "6.925"
    _, errors = parse_form(InstallMeter, typed | {"register_l": ""})
    assert errors == {"register_l": "This field is required."}


def test_a_preview_of_gas_is_in_cubic_metres(place):
    from urja.web.console.effect_words import _intervals, _Names

    one = {"agreement_id": None, "before": 3, "before_wh": 1_920, "after": 0, "after_wh": 0}
    names = _Names({})
    for commodity, said in (
        ("gas", "3 intervals with 1.920 m³"),
        ("electricity", "3 intervals with 1.92 kWh"),
    ):
        found = {"intervals_moved": 3, "intervals": [{**one, "commodity": commodity}]}
        assert said in " ".join(_intervals(found, names))


def test_what_a_move_would_change_is_stated_in_the_meters_commodity(place):
    from urja.usecases.dry_run import _intervals

    owners = {(place.id, START + timedelta(hours=hour)): (None, 40, "gas") for hour in range(3)}
    [found] = _intervals(owners, {})
    assert (found.commodity, found.before, found.before_wh) == ("gas", 3, 120)
