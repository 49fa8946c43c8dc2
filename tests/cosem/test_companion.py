"""Companion data: the content of the shipped files, their agreement, and what is refused."""

import msgspec
import pytest

from urja.cosem.axdr import Tag
from urja.cosem.companion import (
    TYPE_TAGS,
    UNIT_CODES,
    UNITS,
    CompanionError,
    device_types,
    load_companion,
    load_device_type,
    name_object,
    unit_symbol,
)
from urja.cosem.obis import Obis
from urja.cosem.time import DeviationSign


def test_the_shipped_types():
    assert device_types() == (
        *("urja-d1", "urja-d1-aes", "urja-d1-encrypted", "urja-d1-listen", "urja-d1-tod"),
        *(
            "urja-d2",
            "urja-d2-dg",
            "urja-d2-net",
            "urja-d3",
            "urja-d4",
            "urja-dt",
            "urja-g1",
            "urja-g1-hourly",
        ),
    )
    out, listen, transformer = map(load_device_type, ("urja-d1", "urja-d1-listen", "urja-dt"))
    assert (out.relay, transformer.relay) == (True, False)
    assert out.overload is not None
    assert transformer.overload is None
    assert (out.dials, out.block_push, out.outage_rows) == ("out", True, "zero")
    assert (listen.dials, listen.block_push, listen.outage_rows) == ("listen", False, "skip")
    assert out.deviation_sign is DeviationSign.INDIAN
    assert out.profiles == listen.profiles
    assert load_device_type("urja-d1") is out


@pytest.mark.parametrize(
    ("profile", "obis"),
    [
        ("block", ["0.0.1.0.0", "1.0.12.27.0", "1.0.1.29.0", "1.0.9.29.0", "1.0.2.29.0", "1.0.10.29.0",
                   "1.0.11.27.0", "0.0.96.10.1"]),
        ("daily", ["0.0.1.0.0", "1.0.1.8.0", "1.0.9.8.0", "1.0.2.8.0", "1.0.10.8.0"]),
        ("billing", ["0.0.0.1.2", "1.0.13.0.0", "1.0.1.8.0", "1.0.9.8.0", "1.0.1.6.0", "1.0.1.6.0", "1.0.9.6.0",
                     "1.0.9.6.0", "0.0.94.91.13", "1.0.2.8.0", "1.0.10.8.0"]),
        ("nameplate", ["0.0.96.1.0", "0.0.96.1.2", "0.0.96.1.1", "1.0.0.2.0", "0.0.94.91.9", "0.0.94.91.11",
                       "0.0.94.91.12", "0.0.96.1.4"]),
    ],
)  # fmt: skip
def test_profiles_capture_what_is_15959_2_lists(profile, obis):
    captured = load_device_type("urja-d1").profiles[profile].columns
    assert [column.obis for column in captured] == [f"{code}.255" for code in obis]


def test_every_column_is_known_to_the_companion_with_class_and_unit():
    device_type = load_device_type("urja-d1")
    objects = device_type.companion.objects
    for profile in device_type.profiles.values():
        for column in profile.columns:
            known = objects.get(column.obis)
            assert name_object(Obis.parse(column.obis), device_type.companion)
            if known is not None:
                assert column.class_id == known.class_id
                assert known.unit in (None, column.unit)


def test_pushes_are_found_by_their_obis():
    device_type = load_device_type("urja-d1")
    block = device_type.push_by_obis("0.5.25.9.0.255")
    assert block is not None
    assert block.columns == device_type.profiles["block"].columns[1:]
    assert device_type.push_by_obis("0.9.25.9.0.255") is None
    assert device_type.profiles["daily"].column("import_wh").obis == "1.0.1.8.0.255"
    with pytest.raises(KeyError):
        device_type.profiles["daily"].column("voltage")


def test_events_and_bits():
    companion = load_companion()
    assert (companion.events[101].state, companion.events[101].counterpart) == ("occurred", 102)
    assert companion.events[302].name == "Load switch connected"
    assert companion.esw_length == 128
    assert companion.esw[85].event == 101
    for code, event in companion.events.items():
        if event.counterpart is not None:
            assert companion.events[event.counterpart].counterpart == code


def test_units_and_types():
    assert {UNITS[code] for code in (27, 30, 33, 35, 255)} == {"W", "Wh", "A", "V", "count"}
    assert len(UNIT_CODES) == len(UNITS)
    assert (unit_symbol(255), unit_symbol(44), unit_symbol(199)) == ("", "Hz", "unit 199")
    assert all(Tag(tag) for tag in TYPE_TAGS.values() if tag)


@pytest.mark.parametrize(
    ("obis", "name"),
    [
        ("1.0.1.8.0.255", "Active energy import (+A) total"),
        ("1.0.2.8.3.255", "Active energy export (-A) rate 3"),
        ("1.0.32.7.0.255", "Voltage L1"),
        ("1.0.71.7.0.255", "Current L3"),
        ("1.0.61.8.0.255", "Active energy import (+A) L3 total"),
        ("1.0.1.8.0.1", "Active energy import (+A) total, period 1"),
        ("1.0.14.7.0.255", "Frequency"),
        ("1.0.1.6.0.255", "Active power import (+P) maximum"),
        ("1.1.99.1.0.255", "Load profile 1"),
        ("0.0.1.0.0.255", "Clock"),
        ("0.0.96.1.0.255", "Meter serial number"),
        ("0.2.96.3.10.255", "Disconnect control (channel 2)"),
        ("0.1.24.2.1.255", "M-Bus value 1 (channel 1)"),
        ("0.0.94.91.18.255", "Event status word"),
        ("7.0.3.0.0.255", "Gas volume forward at metering conditions"),
        ("7.0.42.0.0.255", "Gas pressure (absolute) at metering conditions"),
        ("8.0.1.0.0.255", "Cold water value 1.0.0"),
        ("1.0.199.7.0.255", ""),
        ("0.0.200.0.0.255", ""),
        ("200.0.1.0.0.255", ""),
    ],
)
def test_any_code_has_a_name_from_its_value_groups(obis, name):
    assert name_object(Obis.parse(obis)) == name


def test_a_companion_s_names_come_first():
    serial = Obis.parse("0.0.96.1.1.255")
    assert name_object(serial) == "Device ID 1"
    assert name_object(serial, load_companion()) == "Manufacturer name"


def test_every_code_of_every_medium_can_be_named_without_a_fault():
    for a in (0, 1, 6, 7, 9, 42):
        for c in range(256):
            for d in range(0, 256, 3):
                assert isinstance(name_object(Obis(a, 1, c, d, d % 7, 255)), str)


def test_an_unknown_type_names_the_known():
    with pytest.raises(
        CompanionError, match="urja-d1, urja-d1-aes, urja-d1-encrypted, urja-d1-listen, urja-d1-tod, "
    ):
        load_device_type("urja-d9")


def test_what_is_loaded_cannot_be_changed():
    device_type = load_device_type("urja-d1")
    with pytest.raises(AttributeError):
        device_type.interval_s = 1
    with pytest.raises(TypeError):
        device_type.pushes["x"] = None
    with pytest.raises(AttributeError):
        device_type.profiles["block"].columns[0].scaler = 1
    assert isinstance(device_type.profiles["block"].columns, tuple)
    assert issubclass(type(device_type), msgspec.Struct)
