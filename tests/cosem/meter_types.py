"""A meter type that is not in the package: other column orders, other scalers, own codes and bits."""

from pathlib import Path

TYPE = """\
name = "acme-m7-fw3"
version = "1"
valid_from = 2026-01-01
title = "Acme M7, firmware 3"
manufacturer = "ACM"
firmware = ["3.1", "3.2"]
companion = "is15959"
category = "D1"
dials = "out"
relay = true
interval_s = 900
outage_rows = "zero"
pushes = ["instantaneous", "alert", "block"]

[clock]
deviation_sign = "indian"
default_deviation_min = 330

[association]
server_sap = 1
public_sap = 16
reader_sap = 32
utility_sap = 48
push_sap = 64
hls_mechanism = 5
"""

CLOCK = '{ key = "clock", class = 8, obis = "0.0.1.0.0.255", type = "octet-string", length = 12 }'

PROFILES = f"""\
[profiles.nameplate]
obis = "0.0.94.91.10.255"
columns = [
    {{ key = "serial", class = 1, obis = "0.0.96.1.0.255", type = "visible-string" }},
    {{ key = "firmware", class = 1, obis = "1.0.0.2.0.255", type = "visible-string" }},
    {{ key = "year", class = 1, obis = "0.0.96.1.4.255", type = "long-unsigned" }},
]

[profiles.instantaneous]
obis = "1.0.94.91.0.255"
scaler_obis = "1.0.94.91.3.255"
columns = [
    {CLOCK},
    {{ key = "import_vah", class = 3, obis = "1.0.9.8.0.255", type = "double-long-unsigned", scaler = 1, unit = "VAh" }},
    {{ key = "import_wh", class = 3, obis = "1.0.1.8.0.255", type = "double-long-unsigned", scaler = 1, unit = "Wh" }},
    {{ key = "voltage_b", class = 3, obis = "1.0.72.7.0.255", type = "long-unsigned", scaler = -1, unit = "V" }},
    {{ key = "tamper_count", class = 1, obis = "0.0.94.91.0.255", type = "double-long-unsigned" }},
]

[profiles.block]
obis = "1.0.99.1.0.255"
scaler_obis = "1.0.94.91.4.255"
columns = [
    {CLOCK},
    {{ key = "import_wh", class = 3, obis = "1.0.1.29.0.255", type = "double-long-unsigned", unit = "Wh" }},
    {{ key = "voltage", class = 3, obis = "1.0.12.27.0.255", type = "long-unsigned", scaler = -1, unit = "V" }},
    {{ key = "import_vah", class = 3, obis = "1.0.9.29.0.255", type = "double-long-unsigned", unit = "VAh" }},
]

[profiles.daily]
obis = "1.0.99.2.0.255"
scaler_obis = "1.0.94.91.5.255"
columns = [
    {CLOCK},
    {{ key = "import_vah", class = 3, obis = "1.0.9.8.0.255", type = "double-long-unsigned", scaler = 1, unit = "VAh" }},
    {{ key = "import_wh", class = 3, obis = "1.0.1.8.0.255", type = "double-long-unsigned", scaler = 1, unit = "Wh" }},
]

[pushes.instantaneous]
obis = "0.0.25.9.0.255"
profile = "instantaneous"

[pushes.alert]
obis = "0.4.25.9.0.255"
columns = [
    {{ key = "esw", class = 1, obis = "0.0.94.91.18.255", type = "bit-string", length = 128 }},
]

# Not in the order of the profile, and in milliwatt-hours.
[pushes.block]
obis = "0.5.25.9.0.255"
columns = [
    {{ key = "import_vah", class = 3, obis = "1.0.9.29.0.255", type = "double-long-unsigned", scaler = -3, unit = "VAh" }},
    {{ key = "voltage", class = 3, obis = "1.0.12.27.0.255", type = "double-long-unsigned", scaler = -3, unit = "V" }},
    {{ key = "import_wh", class = 3, obis = "1.0.1.29.0.255", type = "double-long-unsigned", scaler = -3, unit = "Wh" }},
]
"""

EVENTS = """\
[events.other]
log = 4
pairs = [[821, 822, "Magnet at the meter"], [823, 824, "Terminal cover open"]]

[events.transaction]
log = 3
instants = [[181, "Passive relay schedule"], [191, "Apparent energy: lag only"], [192, "Apparent energy: lag and lead"]]

[esw]
bits = [
    { bit = 100, name = "Magnet at the meter", event = 821 },
    { bit = 101, name = "Terminal cover open", event = 823 },
]

# Where the standard has 201 and 202, this meter writes 821 and 822.
[instead_of]
201 = 821
202 = 822
"""


def write_type(folder: Path, **changes: str) -> Path:
    """Write the folder of the type; `changes` are other texts of its files, by name without the ending."""
    texts = {"type": TYPE, "profiles": PROFILES, "events": EVENTS} | changes
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text)
    return folder
