"""An export equals the loaded file byte for byte, and loading it again changes nothing."""

import pytest
from tests.usecases.loading.filing import KEYS, read, write

from urja.usecases.loading import KINDS, MappingFileError, as_toml, canonical, parse


def export(loaded, the_map, path):
    from urja.usecases.loading import exporting

    exporting.export(the_map, path, at=loaded.clock.now(), keys=KEYS)
    return path


def whole(kind):
    """A map of everything but what only an outside system's file has."""
    return canonical(kind, without=frozenset(one.name for one in kind.fields if one.outside))


@pytest.mark.parametrize("name", sorted(KINDS))
@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_an_export_that_comes_in_changes_nothing(loaded, tmp_path, name, ending):
    the_map = whole(KINDS[name])
    path = export(loaded, the_map, tmp_path / f"out.{ending}")
    report = loaded(name, path, parse(as_toml(the_map)))
    assert (report.faults, report.counts) == (0, {}), report.first
    assert report.rows >= len(KINDS[name].example)


def test_into_an_empty_registry_and_out_again_are_the_same_bytes(database, load, tmp_path):
    """In the order of the key and with every field: what was given is what is written, byte for byte."""
    for name, kind in KINDS.items():
        the_map = whole(kind)
        given = write(tmp_path / f"{name}.csv", FULL[name], [one.column for one in the_map.sources])
        given.write_text(given.read_text().replace("\r\n", "\n"))
        report = load(name, given, the_map)
        assert report.faulty == 0, report.first
    for name, kind in KINDS.items():
        out = export(load, whole(kind), tmp_path / f"{name}-out.csv")
        assert out.read_bytes() == (tmp_path / f"{name}.csv").read_bytes(), name


FULL = {
    "premises": [
        {"code": "GA", "kind": "society", "name": 'Green, "Acres"', "address": "Kanpur Road", "pin_code": "226012",
         "latitude": "26.7906", "longitude": "80.892"},
        {"code": "GA-A", "kind": "tower", "name": "A", "parent": "GA"},
        {"code": "GA-A-101", "kind": "flat", "name": "ए-101", "parent": "GA-A"},
        {"code": "P-17", "kind": "house", "name": "17"},
    ],
    "networks": [
        {"level": "zone", "code": "Z1", "name": "Lucknow"},
        {"level": "section", "code": "S1", "parent": "Z1", "parent_level": "zone", "since": "2026-02-01"},
        {"level": "substation", "code": "SS1"},
        {"level": "feeder", "code": "F1", "parent": "SS1", "parent_level": "substation", "since": "2026-02-01"},
        {"level": "transformer", "code": "T1", "parent": "F1", "parent_level": "feeder", "since": "2026-02-01",
         "rating_va": "100000"},
    ],
    "consumers": [
        {"consumer_number": "1", "commodity": "electricity", "purpose": "consumer", "premise_code": "GA-A-101",
         "premise_kind": "flat", "premise_name": "ए-101", "society": "GA", "tower": "GA-A", "section": "S1",
         "transformer": "T1", "phase": "R", "person_name": "मीरा देवी", "email": "meera@example.org",
         "phone": "+919812345678", "language": "hi", "postal_address": "Box 7\\8", "since": "2026-03-01",
         "tariff_code": "demo-domestic", "sanctioned_load_w": "5000", "sanctioned_load_va": "5500",
         "contracted_load_w": "4000", "contracted_load_va": "4400", "category": "medical", "policy": "plain",
         "payment_mode": "postpaid", "metering_mode": "net", "billing_day": "15"},
        {"consumer_number": "2", "commodity": "electricity", "purpose": "bulk", "premise_code": "GA",
         "premise_kind": "society", "premise_name": 'Green, "Acres"', "address": "Kanpur Road", "pin_code": "226012",
         "latitude": "26.7906", "longitude": "80.892"},
        {"consumer_number": "3", "commodity": "gas", "purpose": "consumer", "premise_code": "P-17", "premise_kind": "house",
         "premise_name": "17"},
    ],
    "placements": [
        {"consumer_number": "1", "section": "S1", "transformer": "T1", "phase": "R", "since": "2026-03-01"},
    ],
    "devices": [
        {"serial": "M1", "system_title": "55524a0000000001", "type": "urja-d1", "guek": "0a" * 16, "gak": "0b" * 16,
         "max_power_w": "14400", "interval_s": "1800", "load_switch": "yes", "forward_only": "no", "sim": "8991",
         "firmware": "1.2", "manufacturer": "URJ", "year": "2025", "rating": "5-30", "category": "D1", "seals": "A;B",
         "stock": "installed", "consumer_number": "1", "role": "billing", "installed_at": "2026-03-01",
         "register_wh": "12000", "ratio_primary": "1", "ratio_secondary": "1"},
        {"serial": "M2", "system_title": "55524a0000000002", "type": "urja-dt", "guek": "0c" * 16, "gak": "0d" * 16,
         "max_power_w": "100000", "interval_s": "1800", "load_switch": "no", "forward_only": "yes",
         "address": "tcp://10.0.0.7:4060?address=17", "stock": "delivered", "held_by": "Store 4"},
        {"serial": "M3", "system_title": "55524a0000000003", "type": "urja-g1", "guek": "0c" * 16, "gak": "0d" * 16,
         "max_power_w": "6000", "interval_s": "3600", "load_switch": "yes", "forward_only": "no",
         "stock": "removed", "held_by": "Store 4", "consumer_number": "3", "role": "billing",
         "installed_at": "2026-02-01", "register_l": "12000", "ratio_primary": "1", "ratio_secondary": "1",
         "removed_at": "2026-03-01", "last_register_l": "12345"},
    ],
    "balances": [
        {"consumer_number": "1", "bill": "B1", "due_on": "2026-01-31", "principal": "1250.5", "surcharge": "0",
         "credit": "300", "deposit": "2000", "deposit_taken_at": "2025-12-31"},
        {"consumer_number": "1", "bill": "B2", "due_on": "2026-02-28", "principal": "0", "surcharge": "18.75"},
    ],
}  # fmt: skip


def test_a_utilitys_own_words_come_out_as_they_came_in(load, tmp_path):
    the_map = parse("""
kind = "consumers"
delimiter = ";"
encoding = "cp1252"
[formats]
date = "%d.%m.%Y"
decimal = "1.234,56"
[fields]
consumer_number = "No"
person_name = "Name"
phone = { column = "Mobile", prefix = "+91" }
since = "From"
sanctioned_load_w = { column = "Load", unit = "kW" }
tariff_code = { column = "Tariff", values = { "DS-II" = "demo-domestic" } }
""")
    text = "No;Name;Mobile;From;Load;Tariff\n7;Müller;9812345678;01.03.2026;1.005,5;DS-II\n"
    given = tmp_path / "given.csv"
    given.write_text(text, "cp1252")
    from urja.usecases.loading import exporting, loader

    order = loader.LoadOrder(given, the_map, load.clock.now(), "test", "INR")
    assert loader.load(order).faulty == 0
    out = tmp_path / "out.csv"
    assert exporting.export(the_map, out, at=load.clock.now()) == 1
    assert out.read_text("cp1252") == text
    with pytest.raises(
        MappingFileError, match="line 13: the table of values for tariff_code has no word for 'demo-domestic'"
    ):
        exporting.export(
            parse('kind = "consumers"\n' + "\n" * 9 + '[fields]\nconsumer_number = "No"\n'
                  'tariff_code = { column = "T", values = { "X" = "other" } }'),
            out,
            at=load.clock.now(),
        )  # fmt: skip
    assert out.read_text("cp1252") == text, "what was there stays until the new file is whole"


def test_what_was_adopted_one_by_one_goes_out_and_comes_in(load, tmp_path):
    from tests.apps.town import adopt

    adopt(1, valid_from=load.clock.now(), tariff_code="demo-domestic")
    for name in ("premises", "consumers", "devices"):
        the_map = whole(KINDS[name])
        if name == "devices":
            the_map = canonical(KINDS[name], without=frozenset({"guek", "gak"}))
        path = export(load, the_map, tmp_path / f"{name}.csv")
        report = load(name, path, the_map)
        assert (report.faults, report.counts, report.rows) == (0, {}, 1), (name, report.first)
    assert read(tmp_path / "premises.csv")[0]["code"].startswith("premise:")
