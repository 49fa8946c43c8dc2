"""Checks of the registry: each finds its subject and names the remedy, and none finds anything in a correct registry."""

from datetime import timedelta

import pytest
from tests.apps.town import adopt, by_hand
from tests.usecases.loading.filing import example

from urja.usecases.loading import KINDS

BOUNDS = (23.8, 77.0, 30.5, 84.7)
"""Uttar Pradesh."""


@pytest.fixture
def look(load):
    from urja.usecases import registry_checks

    def found(bounds=BOUNDS, **how):
        return {
            result.check: [finding.sentence for finding in result.first]
            for result in registry_checks.run_checks(load.clock.now(), bounds=bounds, **how)
            if result.count
        }

    return found


def connection(number, **changes):
    return {
        "consumer_number": str(number),
        "person_name": "Meera Devi",
        "since": "2026-03-01",
        "tariff_code": "demo-domestic",
        "sanctioned_load_w": "5000",
    } | changes


def test_what_is_in_order_is_not_found(load, look):
    for kind in KINDS:
        load(kind, example(kind))
    load(
        "devices",
        [
            {
                "serial": "URJ00000002",
                "consumer_number": "1001000002",
                "installed_at": "2026-03-01",
                "register_wh": "0",
            }
        ],
    )
    load(
        "placements",
        [
            {"consumer_number": str(n), "section": "S1", "transformer": "T1", "phase": "B"}
            for n in (1001000002, 1001000003)
        ],
    )
    load.clock.advance(timedelta(days=1))
    load(
        "placements", [{"consumer_number": "1001000002", "section": "S1", "transformer": "T1", "phase": "B"}]
    )
    assert look() == {}


def test_people_that_are_one(load, look):
    same = {"phone": "9812345678", "address": "17 Station Road"}
    load(
        "consumers",
        [connection(1, **same), connection(2, **same), connection(3, **same | {"phone": "9812345679"})],
    )
    assert look()["duplicate_people"] == [
        "the service points 1, 2 belong to people of the same name, address and telephone number"
    ]


def test_places_that_cannot_be(load, look):
    where = {"A": ("26.8", "80.9"), "B": ("80.9", "26.8"), "C": ("0", "0"), "D": ("48.1", "11.5")}
    load(
        "premises",
        [{"code": code, "latitude": one, "longitude": other} for code, (one, other) in where.items()],
    )
    found = look()
    assert found["swapped_coordinates"] == [
        "premise B has 80.900000, 26.800000: exchanged they would be in the utility's area"
    ]
    assert found["impossible_coordinates"] == [
        "premise C has 0.000000, 0.000000, in the sea off Africa",
        "premise D has 48.100000, 11.500000, outside the utility's area",
    ]
    assert look(bounds=()) == {
        "impossible_coordinates": ["premise C has 0.000000, 0.000000, in the sea off Africa"]
    }


def test_what_is_placed_nowhere_or_wrongly(load, look):
    load("networks", example("networks"))
    load("consumers", [connection(1, transformer="T1", phase="RYB"), connection(2)])
    assert look() == {
        "transformer_without_meters": ["no meter is placed under transformer T1 of feeder F1"],
        "without_transformer": ["service point 2 is placed under no transformer"],
        "without_section": ["service point 1 is placed under no section", "service point 2 is placed under no section"],
        "connection_without_meter": [
            "service point 1 has a consumer and no meter", "service point 2 has a consumer and no meter",
        ],
    }  # fmt: skip
    load("devices", [dict(KINDS["devices"].example[0]) | {"consumer_number": "1"}])
    found = look()
    assert found["phase_mismatch"] == [
        "meter URJ00000001 at 1 is for one phase, and the service point has three"
    ]
    assert "transformer_without_meters" not in found
    assert look(limit=1)["without_section"] == ["service point 1 is placed under no section"]


def test_a_meter_in_the_stock_and_on_a_wall(load, look, database):
    from urja.apps.assets.models import Device

    adopt(1, valid_from=load.clock.now())
    with database.connect() as owner:
        owner.execute("ALTER TABLE assets_device DISABLE TRIGGER assets_stock_agrees")
    with by_hand():
        Device.objects.update(stock="issued")
    assert look()["stock_and_wall"] == [
        "meter URJ00000001 is issued according to the stock, and installed at a service point"
    ]


def test_a_dry_run_says_what_it_would_bring(load):
    load("networks", example("networks"))
    report = load("consumers", [connection(1), connection(2)], dry_run=True)
    assert {result.check: result.count for result in report.findings} == {
        "without_transformer": 2, "without_section": 2, "connection_without_meter": 2,
    }  # fmt: skip
