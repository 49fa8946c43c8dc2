"""Three-phase meters: phases, quadrants and apparent energy by the truth file, for each type with three phases."""

from functools import cache

import msgspec
import pytest
from tests.meter.helpers import DAY, HOUR, MIDNIGHT_S, moment

from urja.cosem.companion import load_device_type
from urja.cosem.obis import Obis
from urja.meter.household_kinds import load_behind
from urja.meter.identity import seeded_identity
from urja.meter.load import PhaseDraw
from urja.meter.meter import Meter
from urja.meter.object_model import RefusedError, Role
from urja.meter.truth import TruthFile, read_truth


@cache
def run(device_type, life="workshop", days=2):
    """A meter after some days, and its truth; tests only read it."""
    truth = []
    identity = msgspec.structs.replace(
        seeded_identity("00000001", device_type, 7, start_wh=5_000_000), life=life
    )
    meter = Meter(identity, moment(MIDNIGHT_S), truth.append)
    meter.run_without_pushing(moment(MIDNIGHT_S + days * DAY))
    return meter, truth


def rows_of(meter, profile):
    """The rows of a profile, each by the keys of its columns, in base units of the columns."""
    shape = meter.identity.type.profiles[profile]
    rows = meter.catalogue.read(meter, Role.READER, (7, Obis.parse(shape.obis), 2)).value
    return [
        {column.key: cell.value for column, cell in zip(shape.columns, row.value, strict=True)}
        for row in rows
    ]


@pytest.mark.parametrize("name", ["urja-d2", "urja-d2-net", "urja-d2-dg", "urja-d3", "urja-d4"])
def test_each_block_is_the_truth_cut_downwards(name):
    meter, truth = run(name)
    scale = 1000 * 10 ** meter.identity.type.profiles["block"].column("import_wh").scaler
    blocks = rows_of(meter, "block")
    assert len(blocks) == len(truth) == 2 * DAY // meter.identity.type.interval_s
    for row, true in zip(blocks, truth, strict=True):
        assert row["import_wh"] == true.drawn_mwh // scale
        assert row["export_wh"] == true.exported_mwh // scale
        assert row["import_vah"] == true.more["import_mvah"] // scale
        assert row["lag_varh"] == true.more["q1_mvarh"] // scale
        assert row["lead_varh"] == true.more["q4_mvarh"] // scale
        assert (row["q2_varh"], row["q3_varh"]) == (0, 0)


def test_the_phases_volt_amperes_bound_the_total_and_mean_values_agree_with_them():
    """Apparent energy does not add up; the phases' volt-amperes are an upper bound, and the vector sum a lower one."""
    meter, truth = run("urja-d2")
    for row, true in zip(rows_of(meter, "block"), truth, strict=True):
        phases = PhaseDraw(**{name: true.more[name] for name in PhaseDraw._fields})
        by_phase = phases.apparent_mvah_l1 + phases.apparent_mvah_l2 + phases.apparent_mvah_l3
        assert true.drawn_mwh <= true.more["import_mvah"] <= by_phase + true.powered_s
        for number, name in enumerate(("l1", "l2", "l3")):
            assert row[f"voltage_{name}"] == phases[7 + number] // true.powered_s
            volt_ampere_hours = (
                row[f"voltage_{name}"] * row[f"current_{name}"] / 10_000 * true.powered_s / 3600
            )
            # The mean current is cut to 0.01 A.
            assert (
                0 <= phases[4 + number] / 1000 - volt_ampere_hours < 0.01 * 250 * true.powered_s / 3600 + 0.1
            )


def test_capacitors_lead_when_the_machines_stand_and_the_power_factor_is_below_one():
    meter, truth = run("urja-d2")
    night = [one for one in truth if one.start_s < MIDNIGHT_S + 5 * HOUR]
    assert all(one.more["q4_mvarh"] > 0 == one.more["q1_mvarh"] for one in night)
    assert sum(one.more["q1_mvarh"] for one in truth) > 0
    row = rows_of(meter, "instantaneous")[0]
    assert row["reactive_power"] < 0
    assert 0 < row["power_factor"] <= 1000


def test_the_registers_are_start_and_truth_and_the_blocks_lag_them_by_less_than_one_step_each():
    meter, truth = run("urja-d2")
    [first, last] = rows_of(meter, "daily")
    sums = {
        "import_wh": sum(one.drawn_mwh for one in truth),
        "import_vah": sum(one.more["import_mvah"] for one in truth),
        "lag_varh": sum(one.more["q1_mvarh"] for one in truth),
        "lead_varh": sum(one.more["q4_mvarh"] for one in truth),
    }
    start = {"import_wh": 5_000_000, "import_vah": 5_400_000}
    blocks = rows_of(meter, "block")
    for key, milli in sums.items():
        assert last[key] == start.get(key, 0) + milli // 1000
        residual = last[key] - start.get(key, 0) - sum(row[key] for row in blocks)
        assert 0 <= residual < len(blocks)
        assert last[key] >= first[key]


def test_a_solar_roof_on_three_phases_goes_both_ways_and_nothing_is_netted_over_time():
    meter, truth = run("urja-d2-net", "solar")
    drawn, given = (sum(getattr(one, name) for one in truth) for name in ("drawn_mwh", "exported_mwh"))
    assert drawn > 0 < given
    last = rows_of(meter, "daily")[-1]
    assert last["export_wh"] == given // 1000
    assert last["export_vah"] == sum(one.more["export_mvah"] for one in truth) // 1000
    assert last["q2_varh"] == sum(one.more["q2_mvarh"] for one in truth) // 1000 > 0
    both = [one for one in truth if one.drawn_mwh and one.exported_mwh]
    assert both, "the sign changes inside an interval, and the block has both"
    noon = next(one for one in truth if one.start_s == MIDNIGHT_S + 12 * HOUR)
    assert noon.exported_mwh > 0


def test_an_open_relay_leaves_the_voltages_of_all_phases():
    truth = []
    meter = Meter(seeded_identity("00000001", "urja-d2", 7), moment(MIDNIGHT_S), truth.append)
    meter.advance(moment(MIDNIGHT_S + 9 * HOUR))
    meter.operate(1)
    meter.advance(moment(MIDNIGHT_S + 9 * HOUR + 900))
    last = rows_of(meter, "block")[-1]
    assert (last["import_wh"], last["current_l2"]) == (0, 0)
    assert all(20_000 < last[f"voltage_{name}"] < 26_000 for name in ("l1", "l2", "l3"))
    live = rows_of(meter, "instantaneous")[0]
    assert (live["active_power"], live["current_l1"], live["load_switch"]) == (0, 0, False)
    assert 20_000 < live["voltage_l3"] < 26_000


@pytest.mark.parametrize(("name", "ct", "pt"), [("urja-d3", 40, 1), ("urja-d4", 60, 100)])
def test_behind_transformers_the_ratios_are_on_the_nameplate_and_no_relay_exists(name, ct, pt):
    meter, _ = run(name)
    plate = rows_of(meter, "nameplate")[0]
    assert (plate["ct_ratio"], plate["pt_ratio"]) == (ct, pt)
    assert plate["category"] == name.rsplit("-", 1)[1].upper()
    for class_id, obis in ((70, "0.0.96.3.10.255"), (71, "0.0.17.0.0.255")):
        with pytest.raises(RefusedError, match="OBJECT_UNDEFINED"):
            meter.catalogue.read(meter, Role.UTILITY, (class_id, Obis.parse(obis), 2))


def test_a_feeder_at_eleven_kilovolts_shows_its_phase_voltages():
    meter, _ = run("urja-d4")
    assert all(5_800 < rows_of(meter, "block")[-1][f"voltage_{name}"] < 7_000 for name in ("l1", "l2", "l3"))


def test_the_truth_of_each_quantity_is_in_the_file(tmp_path):
    file = TruthFile(tmp_path / "truth.jsonl")
    meter = Meter(seeded_identity("00000001", "urja-d2", 7), moment(MIDNIGHT_S), file.write)
    meter.run_without_pushing(moment(MIDNIGHT_S + HOUR))
    file.close()
    records = read_truth(tmp_path / "truth.jsonl")
    assert len(records) == 4
    assert set(records[0].more) == {"import_mvah", "export_mvah", *PhaseDraw._fields}


def test_a_load_is_the_same_in_whatever_steps_it_is_drawn():
    device_type = load_device_type("urja-d2")
    one, other = (load_behind("workshop", 3, device_type) for _ in range(2))
    whole = one.between(MIDNIGHT_S + 7, MIDNIGHT_S + DAY + 333)
    parts = [
        other.between(MIDNIGHT_S + a, MIDNIGHT_S + b) for a, b in ((7, 61), (61, 50_000), (50_000, DAY + 333))
    ]
    assert parts[0] + parts[1] + parts[2] == whole
    assert whole.since(parts[0]) == parts[1] + parts[2]


def test_the_display_cycles_through_energies_zones_demands_and_phases():
    meter, _ = run("urja-d2-dg")
    pages = {page.label: page for page in meter.display()}
    registers = rows_of(meter, "instantaneous")[0]
    assert pages["KVAH"].value == f"{registers['import_vah'] // 100 / 10:.1f}"
    assert pages["KVARH LEAD"] == ("KVARH LEAD", f"{registers['lead_varh'] // 100 / 10:.1f}", "kvarh")
    assert (
        pages["MD KW"].value == f"{meter.engine.metrology.demands()['1.0.1.6.0.255'].milli / 1_000_000:.2f}"
    )
    assert pages["V B"].value == f"{registers['voltage_l3'] / 100:.0f}"
    assert {"KWH", "KWH TZ1", "KWH DG", "PF", "A R", "MD KVA AT", "MD RESETS", "RELAY"} <= pages.keys()
    assert "KWH TZ2" not in pages, "a zone that never was in force has no page"
