"""A block load list of another maker's three-phase meter, as a type: facts from a public source, in its order and scalers.

Source: the comment of `BlockLoadProfile.ts` (an IS 15959 smart meter in TypeScript, in a public index of source code that does
not name its repository), which states for profile 1.0.99.1.0.255 the codes, scalers and units below, rows of 30 or 15 minutes
and a roll-over after 90 or 45 days. Reactive energy is not in it, and the signal strength is a column.
"""

from importlib.resources import files
from pathlib import Path

from tests.cosem.meter_types import CLOCK, TYPE

BLOCK = (
    ("current_l1", 3, "1.0.31.27.0.255", "long-unsigned", -2, "A"),
    ("current_l2", 3, "1.0.51.27.0.255", "long-unsigned", -2, "A"),
    ("current_l3", 3, "1.0.71.27.0.255", "long-unsigned", -2, "A"),
    ("voltage_l1", 3, "1.0.32.27.0.255", "long-unsigned", -1, "V"),
    ("voltage_l2", 3, "1.0.52.27.0.255", "long-unsigned", -1, "V"),
    ("voltage_l3", 3, "1.0.72.27.0.255", "long-unsigned", -1, "V"),
    ("import_wh", 3, "1.0.1.29.0.255", "double-long-unsigned", 0, "Wh"),
    ("import_vah", 3, "1.0.9.29.0.255", "double-long-unsigned", 0, "VAh"),
    ("export_wh", 3, "1.0.2.29.0.255", "double-long-unsigned", 0, "Wh"),
    ("export_vah", 3, "1.0.10.29.0.255", "double-long-unsigned", 0, "VAh"),
    ("health", 1, "0.0.96.10.1.255", "unsigned", 0, "count"),
    ("signal_strength", 1, "0.1.96.12.5.255", "long", 0, "count"),
)


def write_other_type(folder: Path) -> Path:
    """Write the folder of the type: what the list does not say is as in urja-d2."""
    shipped = files("urja.cosem.companion").joinpath("types/urja-d2/profiles.toml").read_text("utf-8")
    begins = shipped.index("[profiles.block]")
    ends = shipped.index("]\n", shipped.index("columns", begins) + 12)
    columns = "\n".join(
        f'    {{ key = "{key}", class = {number}, obis = "{obis}", type = "{kind}", scaler = {scaler}, unit = "{unit}" }},'
        for key, number, obis, kind, scaler, unit in BLOCK
    )
    block = f'[profiles.block]\nobis = "1.0.99.1.0.255"\nscaler_obis = "1.0.94.91.4.255"\ncolumns = [\n    {CLOCK},\n{columns}\n'
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "profiles.toml").write_text(shipped[:begins] + block + shipped[ends:])
    of_three = TYPE.replace('category = "D1"', 'category = "D2"').replace(
        "interval_s = 900", "interval_s = 1800\nphases = 3\nzones = 8"
    )
    (folder / "type.toml").write_text(of_three.replace("acme-m7-fw3", "found-three-phase"))
    return folder
