"""Gas meter types: the conditions of the register decide its code; the plan of a sleeping module, and its battery."""

from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from urja.base.event_meanings import GAS_THROUGH_CLOSED_VALVE, LEAK_TEST_FAILED
from urja.cosem.companion import (
    AwakePlan,
    Battery,
    CompanionError,
    build_device_type,
    load_device_type,
    read_type_folder,
)
from urja.cosem.companion.column_quantities import quantity_of

G1 = files("urja.cosem.companion").joinpath("types", "urja-g1")
PLAN = AwakePlan(("06:00", "12:00"), 120, 600)
BATTERY = Battery(19_000, 45, 1_800_000, 9_000, 720_000)


def changed(folder: Path, name: str, *replacements: tuple[str, str]):
    """Problems of the shipped gas type with texts of one file replaced; the type where there are none."""
    for file in G1.iterdir():
        text = file.read_text("utf-8")
        for old, new in replacements if file.name == name else ():
            assert old in text
            text = text.replace(old, new)
        folder.joinpath(file.name).write_text(text, "utf-8")
    return build_device_type(read_type_folder(folder))


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("type.toml", 'commodity = "gas"', 'commodity = "electricity"', "gas: a type of commodity gas has this section"),
        ("type.toml", 'commodity = "gas"', 'commodity = "steam"', "commodity"),
        ("type.toml", 'conditions = "line"', 'conditions = "converted"', "'converted' needs a temperature_dc and a pressure_pa"),
        ("type.toml", 'conditions = "line"', 'conditions = "line"\npressure_pa = 101325', "'line' needs no temperature_dc and no"),
        ("type.toml", "control_mode = 3", "control_mode = 4", "gas.valve.control_mode: is 4: write 1 or 3"),
        ("type.toml", "relay = true", "relay = false", "gas.valve: relay says whether there is a valve"),
        ("type.toml", '["06:00", "12:00"]', '["6:00"]', "awake.at: is ['6:00']: write 1 to 24 local times"),
        ("type.toml", '["06:00", "12:00"]', '["12:00", "06:00"]', "write each time once, in order"),
        ("type.toml", "for_s = 120", "for_s = 1200", "awake.for_s and longest_s are 1200 and 600"),
        ("type.toml", "low_percent = 10", "low_percent = 90", "battery.low_percent: is 90"),
        ("type.toml", 'dials = "out"', 'dials = "listen"', "awake: a sleeping meter dials"),
        ("profiles.toml", "7.0.3.128.0.255", "7.0.3.0.0.255", "profiles.block: column 'volume_l': is 7.0.3.0.0.255"),
        ("profiles.toml", '"volume_l"', '"volume"', "has no column 'volume_l'"),
        (
            "profiles.toml",
            'obis = "7.0.3.0.0.255", type = "double-long-unsigned", scaler = -3, unit = "m³"',
            'obis = "7.0.3.0.0.255", type = "double-long-unsigned"',
            "a register's value in m³ is needed",
        ),
    ],
)  # fmt: skip
def test_what_a_gas_type_may_not_say(tmp_path, name, old, new, said):
    with pytest.raises(CompanionError) as caught:
        changed(tmp_path, name, (old, new))
    assert any(said in problem for problem in caught.value.problems)


def test_the_code_of_the_volume_is_that_of_its_conditions(tmp_path):
    """A compensated register under the code of the line volume would have the temperature applied twice later."""
    compensated = ('conditions = "line"', 'conditions = "temperature-compensated"\ntemperature_dc = 150')
    with pytest.raises(
        CompanionError, match=r"'temperature-compensated' register needs 7\.0\.3\.1\.0\.255 here"
    ):
        changed(tmp_path, "type.toml", compensated)
    (tmp_path / "type.toml").write_text(
        (tmp_path / "type.toml").read_text("utf-8").replace(*compensated), "utf-8"
    )
    profiles = (tmp_path / "profiles.toml").read_text("utf-8")
    swapped = profiles.replace("7.0.3.0.0", "7.0.3.9.0").replace("7.0.3.1.0", "7.0.3.0.0")
    swapped = swapped.replace("7.0.3.9.0", "7.0.3.1.0")
    (tmp_path / "profiles.toml").write_text(swapped, "utf-8")
    with pytest.raises(CompanionError, match='add quantity = "volume_l"'):
        build_device_type(read_type_folder(tmp_path))
    billed = '"volume_l", class = 3, obis = "7.0.3.1.0.255"'
    named = swapped.replace(billed, f'{billed}, quantity = "volume_l"')
    (tmp_path / "profiles.toml").write_text(named, "utf-8")
    with pytest.raises(CompanionError, match=r"7\.0\.3\.0\.0\.255 would be stored as the billed volume too"):
        build_device_type(read_type_folder(tmp_path))
    alone = "\n".join(line for line in named.split("\n") if '"compensated_volume"' not in line)
    (tmp_path / "profiles.toml").write_text(alone, "utf-8")
    known = build_device_type(read_type_folder(tmp_path))
    assert known.gas is not None
    assert (known.gas.conditions, known.gas.temperature_dc) == ("temperature-compensated", 150)
    volume = next(column for column in known.profiles["daily"].columns if column.key == "volume_l")
    assert quantity_of(volume).name == "volume_l"


def test_an_electricity_type_says_nothing_of_gas():
    known = load_device_type("urja-d1")
    assert (known.commodity, known.gas, known.awake, known.battery) == ("electricity", None, None, None)


@pytest.mark.parametrize(
    ("after", "next_one"),
    [
        ("2026-04-01T00:30:00+00:00", "2026-04-01T00:30:00+00:00"),
        ("2026-04-01T00:30:01+00:00", "2026-04-01T06:30:00+00:00"),
        ("2026-04-01T06:30:00.5+00:00", "2026-04-02T00:30:00+00:00"),
        ("2026-03-31T18:29:59+00:00", "2026-04-01T00:30:00+00:00"),
    ],
)
def test_the_next_planned_wake_up_in_india(after, next_one):
    found = PLAN.next_wake_up(datetime.fromisoformat(after), 330)
    assert found == datetime.fromisoformat(next_one)


@given(st.integers(0, 10**9), st.sampled_from([-600, -210, 0, 330, 720]))
def test_a_plan_names_each_wake_up_once(second, offset_min):
    now = datetime.fromtimestamp(second, UTC)
    first = PLAN.next_wake_up(now, offset_min)
    assert now <= first <= now + timedelta(seconds=PLAN.longest_asleep_s)
    assert PLAN.next_wake_up(first, offset_min) == first
    assert PLAN.is_planned_awake(first, offset_min)
    assert PLAN.is_planned_awake(first + timedelta(seconds=119), offset_min)
    assert not PLAN.is_planned_awake(first + timedelta(seconds=120), offset_min)
    assert not PLAN.is_planned_awake(first - timedelta(seconds=1), offset_min)


def test_the_longest_sleep():
    assert PLAN.longest_asleep_s == 18 * 3600
    assert AwakePlan(("06:00",), 120, 600).longest_asleep_s == 24 * 3600


def test_years_of_a_battery_by_hand():
    """45 µA at all times are 394.5 mAh a year, 730 or 731 wake-ups of 0.5 mAh and 0.3 mAh awake 584 mAh."""
    per_year_mah = BATTERY.planned_uas_per_year(PLAN) / 3_600_000
    assert round(per_year_mah) == 978
    years = BATTERY.left_s(0, 0, PLAN) / 31_557_600
    assert round(years, 1) == 19.4
    half = BATTERY.capacity_uas // 2
    assert BATTERY.left_s(half, 5 * 31_557_600, PLAN) == 5 * 31_557_600
    assert BATTERY.left_s(2 * half + 10, 10 * 31_557_600, PLAN) == 0


def test_gas_that_escapes_has_urjas_own_codes():
    meant = load_device_type("urja-g1").meant
    assert (meant[821], meant[841]) == (GAS_THROUGH_CLOSED_VALVE, LEAK_TEST_FAILED)
