"""Meter types from folders: their content, and one sentence for each problem."""

import re

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from tests.cosem.meter_types import CLOCK, EVENTS, PROFILES, TYPE, write_type

from urja.cosem.companion import (
    CompanionError,
    TypeFiles,
    build_device_type,
    device_types,
    load_companion,
    load_device_type,
    read_type_folder,
)
from urja.cosem.layout import LayoutSet
from urja.meter.device_types import find_device_type


def built(folder):
    return build_device_type(read_type_folder(folder))


def problems_of(folder):
    with pytest.raises(CompanionError) as caught:
        built(folder)
    return caught.value.problems


def test_a_type_from_a_folder(tmp_path):
    known = find_device_type(str(write_type(tmp_path / "m7")))
    assert (known.name, known.version, known.firmware) == ("acme-m7-fw3", "1", ("3.1", "3.2"))
    assert [column.key for column in known.pushes["block"].columns] == ["import_vah", "voltage", "import_wh"]
    assert [column.key for column in known.profiles["block"].columns][:2] == ["clock", "import_wh"]
    assert known.companion.events[191].name == "Apparent energy: lag only"
    assert (known.companion.events[821].state, known.companion.events[821].counterpart) == ("occurred", 822)
    assert known.companion.events[101] == load_companion().events[101]
    assert (known.written[201], known.meant[822]) == (821, 202)
    # The bit of the standard for what this meter tells by a bit of its own is none of its bits.
    assert known.companion.esw[100].event == 821
    assert 81 not in known.companion.esw
    assert 85 in known.companion.esw
    assert len(LayoutSet.of(known).layouts) == 3


def test_its_text_is_the_same_type(tmp_path):
    source = read_type_folder(write_type(tmp_path / "m7"))
    again = TypeFiles.from_text(source.text)
    assert again.sha256 == source.sha256
    assert build_device_type(again).pushes == build_device_type(source).pushes


def test_what_a_folder_lacks_it_takes_from_the_shipped_type_that_it_is_like(tmp_path):
    folder = write_type(tmp_path / "m8", type=TYPE.replace("category", 'like = "urja-d1"\ncategory'))
    (folder / "profiles.toml").unlink()
    assert built(folder).profiles == load_device_type("urja-d1").profiles
    # What is stored says all of it: it does not change with the package.
    assert "profiles.toml" in read_type_folder(folder).files


def test_a_list_of_its_own(tmp_path):
    lists = '[[list]]\nname = "ACM"\nquantities = ["0.0.1.0.0.255", { obis = "1.0.1.7.0.255", unit = "W" }]\n'
    folder = write_type(tmp_path / "m7", lists=lists)
    [quantities] = built(folder).lists.values()
    assert [str(quantity.obis) for quantity in quantities] == ["0.0.1.0.0.255", "1.0.1.7.0.255"]


def listing(obis, **more):
    of = {"key": "x", "class": 3, "obis": obis, "type": "double-long", "unit": "W"} | more
    inside = ", ".join(f"{key} = {value!r}" for key, value in of.items())
    return f"registers = [{{ {inside} }}]\n{PROFILES}"


def test_registers_beside_the_profiles(tmp_path):
    known = built(write_type(tmp_path / "m7", profiles=listing("1.0.36.7.0.255")))
    assert [register.obis for register in known.registers] == ["1.0.36.7.0.255"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            listing("1.0.36.7.0.255", **{"class": 4}),
            "is no value of a register: write class 3, and no attribute",
        ),
        (
            listing("1.0.36.7.0.255", attribute=3),
            "is no value of a register: write class 3, and no attribute",
        ),
        (listing("1.0.1.8.0.255", unit="Wh"), "captures it already: remove it here"),
    ],
)
def test_registers_that_are_none_or_captured_already(tmp_path, text, sentence):
    [problem] = problems_of(write_type(tmp_path / "m7", profiles=text))
    assert problem.startswith("profiles.toml: registers: column 'x'")
    assert problem.endswith(sentence)


@pytest.mark.parametrize("name", device_types())
def test_shipped_types_are_folders_too(name):
    assert load_device_type(name).name == name


def test_documents_may_lie_beside_the_files(tmp_path):
    folder = write_type(tmp_path / "m7")
    (folder / "README.md").write_text("From the maker's test report.")
    assert built(folder).name == "acme-m7-fw3"


IMPORT = (
    '{ key = "import_wh", class = 3, obis = "1.0.1.29.0.255", type = "double-long-unsigned", unit = "Wh" }'
)
DAILY = '{ key = "import_wh", class = 3, obis = "1.0.1.8.0.255", type = "double-long-unsigned", scaler = 1, unit = "Wh" }'
MANY = ",\n".join(
    f'{{ key = "c{n}", class = 1, obis = "0.0.96.50.{n}.255", type = "unsigned" }}' for n in range(121)
)

BROKEN = [
    ("profiles", 'obis = "1.0.72.7.0.255", type', 'obis = "1.0.72.7.0.255", quantity = "wh", type', "quantity 'wh' does not exist: see docs/quantities.md"),
    # type.toml
    ("type", 'name = "acme-m7-fw3"', 'name = "../acme"', "type.toml: name: is '../acme': write small letters"),
    ("type", 'name = "acme-m7-fw3"', f'name = "{"a" * 49}"', "type.toml: name: is 'aaa"),
    ("type", 'version = "1"', 'version = "1 b"', "type.toml: version: is '1 b'"),
    ("type", 'version = "1"\n', "", "type.toml: version: is missing: add it"),
    ("type", "2026-01-01", '"soon"', "type.toml: valid_from: invalid RFC3339"),
    ("type", 'title = "Acme M7, firmware 3"', 'title = ""', "type.toml: title: write one line"),
    ("type", 'firmware = ["3.1", "3.2"]', "firmware = []", "type.toml: firmware: list the versions"),
    ("type", 'companion = "is15959"', 'companion = "../x"', "companion: there is no standard '../x'"),
    ("type", '"ACM"', '"Acme"', "type.toml: manufacturer: is 'Acme': write the three capital letters"),
    ("type", "interval_s = 900", "interval_s = 901", "type.toml: interval_s: is 901: write 900, 1800 or 3600"),
    ("type", "interval_s = 900", 'interval_s = "900"', "type.toml: interval_s: expected `int`, got `str`"),
    ("type", 'dials = "out"', 'dials = "up"', "type.toml: dials: invalid enum value 'up': write out or listen"),
    ("type", "relay = true", "rely = true", "type.toml: rely: is not a key of a type"),
    ("type", '"alert", "block"]', '"alrt"]', "type.toml: pushes names 'alrt': profiles.toml has instantaneous, alert"),
    ("type", '"alert", "block"]', '"alert", "alert"]', "type.toml: pushes: one is given twice"),
    ("type", "hls_mechanism = 5", "hls_mechanism = 7", "type.toml: association.hls_mechanism: is 7: write 2 or 5"),
    ("type", "push_sap = 64", "push_sap = 70000", "type.toml: association.push_sap: is 70000: write a port"),
    ("type", "public_sap = 16\n", "", "type.toml: association.public_sap: is missing: add it"),
    ("type", "min = 330", "min = 3300", "type.toml: clock.default_deviation_min: is 3300: write -720 to 720"),
    ("type", "[clock]", "[clock", "type.toml: is not TOML: "),
    ("type", "\n[clock]", "phases = 2\n[clock]", "type.toml: phases: is 2: write 1 or 3"),
    ("type", "\n[clock]", "phases = 3\nzones = 9\n[clock]", "type.toml: zones: is 9: write 0 to 8"),
    ("type", "\n[clock]", "phases = 3\ndemand_period_s = 1000\n[clock]", "type.toml: demand_period_s: is 1000: write 900"),
    ("type", "\n[clock]", "ct_ratio = 0\n[clock]", "type.toml: ct_ratio, pt_ratio: are 0 and 1: write 1 to 65535"),
    ("type", "relay = true", "relay = true\nx = " + "[" * 5000 + "]" * 5000, "type.toml: is not TOML: "),
    ("type", "interval_s = 900", "interval_s = " + "9" * 5000, "type.toml: is not TOML: a number has too many digits"),
    ("type", "[clock]", 'like = "urja-d9"\n[clock]', "type.toml: like: there is no shipped type 'urja-d9'"),
    ("type", "[clock]", "[overload]\ntrip_after_s = 0\nretry_after_s = 1\nretries = 0\nlockout_s = 1\n[clock]",
     "type.toml: overload.trip_after_s: is 0: write 1 or more"),
    # profiles.toml
    ("profiles", "[profiles.daily]", "[profiles.dayly]", "profiles.toml: profiles.daily: is missing: add it"),
    ("profiles", "[pushes.alert]", "[pushes.alarm]", "profiles.toml: pushes.alarm: a push is one of block, inst"),
    ("profiles", 'profile = "instantaneous"', 'profile = "inst"', "profile 'inst' is not one of nameplate"),
    ("profiles", 'profile = "instantaneous"', "", "pushes.instantaneous: give either profile or columns"),
    ("profiles", '"0.4.25.9.0.255"', '"0.0.25.9.0.255"', "pushes: 0.0.25.9.0.255 is the code of 2 pushes"),
    ("profiles", '"1.0.99.1.0.255"', '"1.0.99.1.0"', "profiles.block: '1.0.99.1.0' is not an OBIS code"),
    ("profiles", '"1.0.99.1.0.255"', f'"1.0.99.1.{"9" * 4301}.255"', "profiles.block: "),
    ("profiles", '"1.0.99.1.0.255"', '"1-0:99.1.0*255"', "profiles.block: write '1-0:99.1.0*255' as 1.0.99.1.0.255"),
    ("profiles", '"1.0.94.91.4.255"', '"1.0.94.91.400.255"', "profiles.block: scaler_obis: OBIS value group 400"),
    ("profiles", '"bit-string", length = 128', '"bit-string", length = 64', "pushes.alert: needs a column 'esw'"),
    ("profiles", '{ key = "esw"', '{ key = "status"', "pushes.alert: needs a column 'esw'"),
    ("profiles", IMPORT, IMPORT.replace("1.0.1.29.0", "1.0.1.8.0"),
     "profiles.block: column 'import_wh': is 1.0.1.8.0.255: an increment of one interval is needed here, 1.0.1.29.0.255"),
    ("profiles", IMPORT, IMPORT.replace("1.0.1.29.0", "1.0.2.29.0"), "column 'import_wh': is 1.0.2.29.0.255"),
    ("profiles", IMPORT, IMPORT.replace('"Wh"', '"VAh"'), "1.0.1.29.0.255 is measured in Wh, not in VAh"),
    ("profiles", IMPORT, IMPORT.replace('"Wh"', '"kWh"'), "unit 'kWh' is not in the Blue Book's list"),
    ("profiles", IMPORT, IMPORT.replace("type =", 'quantity = "interval_export_wh", type ='),
     "profiles.block: no column is stored as 'interval_import_wh', which is billed: correct the OBIS code or the quantity of"),
    ("profiles", IMPORT, IMPORT.replace("type =", 'quantity = "interval_volume_l", type ='),
     "profiles.block: no column is stored as 'interval_import_wh', which is billed"),
    ("profiles", DAILY, DAILY.replace("1.0.1.8.0", "1.2.1.8.0"),
     "profiles.instantaneous: no column is stored as 'import_wh', which is billed"),
    ("profiles", 'obis = "1.0.9.29.0.255", type', 'obis = "1.0.9.29.0.255", quantity = "interval_import_wh", type',
     "profiles.block: columns 'import_wh' and 'import_vah' would both be stored as 'interval_import_wh': leave out"),
    ("profiles", 'obis = "1.0.9.29.0.255", type', 'obis = "1.0.9.29.0.255", quantity = "interval_volume_l", type',
     "profiles.block: its columns cannot be stored together: block has quantities of electricity and gas"),
    ("profiles", 'profile = "instantaneous"', 'profile = "block"',
     "pushes.instantaneous: column 'import_wh': is 1.0.1.29.0.255: a cumulative register is needed here"),
    ("profiles", IMPORT, IMPORT.replace("import_wh", "energy"),
     "column 'energy': 1.0.1.29.0.255 is what is stored as 'import_wh': name it so, or it is lost"),
    ("profiles", IMPORT, IMPORT.replace("unit =", "scaler = 10, unit ="), "scaler 10 is beyond 10^9"),
    ("profiles", IMPORT, IMPORT.replace("unit =", "scaler = 200, unit ="), "scaler 200 does not fit an integer8"),
    ("profiles", IMPORT, IMPORT.replace("double-long-unsigned", "doubl"), "type 'doubl' is not one of boolean"),
    ("profiles", IMPORT, IMPORT.replace("double-long-unsigned", "null-data"), "type 'null-data' is not one of boolean"),
    ("profiles", IMPORT, IMPORT.replace("double-long-unsigned", "octet-string"), "a string has no scaler and no unit"),
    ("profiles", IMPORT, IMPORT.replace("class = 3", "class = 1, scaler = 2"), "class 1 has no scaler"),
    ("profiles", IMPORT, IMPORT.replace("class = 3", "class = 0"), "class 0 does not exist: write 1 to 65535"),
    ("profiles", IMPORT, IMPORT.replace("class = 3", "class = 3, attribute = 0"), "attribute 0 does not exist"),
    ("profiles", IMPORT, IMPORT.replace("class = 3", "class = 3, length = 4"), "only an octet-string or a bit-string has"),
    ("profiles", IMPORT, f"{IMPORT},\n{IMPORT}", "profiles.block: column 'import_wh' is given twice"),
    ("profiles", IMPORT, IMPORT.replace("import_wh", "Import Wh"), "write a key of small letters"),
    ("profiles", DAILY, DAILY.replace("1.0.1.8.0", "1.0.1.29.0"), "a cumulative register is needed here, 1.0.1.8.0.255"),
    ("profiles", '"0.0.94.91.0.255", type = "double-long-unsigned" }',
     '"0.0.94.91.0.255", type = "double-long-unsigned" }, ' + MANY, "profiles.instantaneous: has 126 columns: write 1 to 120"),
    ("profiles", f"    {CLOCK},\n    {IMPORT}", f"    {IMPORT}",
     "profiles.block: begins with 'import_wh': put the column 'clock' first"),
    ("profiles", 'class = 1, obis = "0.0.94.91.0.255"', 'class = 7, obis = "0.0.94.91.0.255"',
     "0.0.94.91.0.255 is of class 1 in IS 15959, not 7"),
    ("profiles", "[profiles.nameplate]", "[nameplate]", "profiles.toml: nameplate: is not a key of a type"),
    # events.toml
    ("events", "[esw]", '[events.mine]\nlog = 4\ninstants = [[821, "Again"]]\n[esw]', "events: code 821 is given twice"),
    ("events", '[181, "', '[0, "', "events.transaction: code 0: write 1 to 65535"),
    ("events", '[181, "', '[70000, "', "events.transaction: code 70000: write 1 to 65535"),
    ("events", '"Passive relay schedule"', '""', "events.transaction: code 181: has no name"),
    ("events", '"Passive relay schedule"', '"a\\nb"', "events.transaction: code 181: has no name"),
    ("events", "log = 3", "log = 300", "log is 300: write the E of its log"),
    ("events", '[181, "', '[205, "', "events: 205 replaces one end of the standard's pair with 206: give both"),
    ("events", '[181, "', '[251, "', "events: code 251 is the standard's 'Meter cover opened', which is acted on"),
    ("events", "bit = 100", "bit = 128", "esw: bit 128 is outside the word of 128 bits: write 0 to 127"),
    ("events", "bit = 100", "bit = 101", "esw: bit 101 is given twice"),
    ("events", "event = 823", "event = 999", "esw: bit 101 names event 999, which is not listed"),
    ("events", "201 = 821", "200 = 821", "instead_of.200: is not an event code of is15959"),
    ("events", "201 = 821", "201 = 999", "instead_of.201: names event 999, which is not listed"),
    ("events", "201 = 821", "201 = 822", "event 822 is restored, the standard's 201 is occurred"),
    ("events", "202 = 822", '"\\u0662" = 822', "is not an event code of is15959"),
    ("events", "[events.other]\nlog = 4", '[events."\\u001b[2Jx"]\nlog = 300', "events.\\x1b[2Jx"),
    ("events", "[instead_of]", "[means]\nleak = 823\n[instead_of]", "means.leak: is not a meaning: write one of gas_through"),
    ("events", "[instead_of]", "[means]\nleak_test_failed = 999\n[instead_of]", "names event 999, which is not listed"),
    ("events", "[instead_of]", "[means]\nleak_test_failed = 824\n[instead_of]", "event 824 ends a condition"),
    ("events", "[instead_of]", "[means]\nleak_test_failed = 821\n[instead_of]", "event 821 has another meaning already"),
    ("profiles", "[profiles.daily]", '[profiles."\\u202eyliad"]', "profiles.\\u202eyliad"),
    ("events", "202 = 822", '202 = "x"', "events.toml: instead_of"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "sentence"), BROKEN)
def test_a_broken_folder_says_what_is_wrong_and_where(tmp_path, file, old, new, sentence):
    text = {"type": TYPE, "profiles": PROFILES, "events": EVENTS}[file]
    assert old in text
    told = problems_of(write_type(tmp_path / "m7", **{file: text.replace(old, new, 1)}))
    assert any(sentence in problem for problem in told), told
    assert all(problem.isprintable() for problem in told)


def test_all_problems_are_told_at_once(tmp_path):
    broken = TYPE.replace("900", "7").replace('"ACM"', '"A"')
    events = EVENTS.replace("bit = 100", "bit = 200")
    assert len(problems_of(write_type(tmp_path / "m7", type=broken, events=events))) == 3


LISTS = '[[list]]\nname = "A"\nquantities = ["0.0.1.0.0.255"]\n'


@pytest.mark.parametrize(
    ("lists", "sentence"),
    [
        (LISTS + LISTS, "lists.toml: list 2 ('A'): is given twice with 2 elements"),
        (LISTS.replace("0.0.1.0.0.255", "clock"), "lists.toml: list 1 ('A'): 'clock' is not an OBIS code"),
        ('[[list]]\nname = "A"\nquantities = []\n', "give a name and 1 to 200 quantities"),
    ],
)
def test_a_broken_list_says_what_is_wrong(tmp_path, lists, sentence):
    assert any(sentence in problem for problem in problems_of(write_type(tmp_path / "m7", lists=lists)))


def test_folders_that_are_none(tmp_path):
    assert "is no folder" in problems_of(tmp_path / "nothing")[0]
    empty = tmp_path / "empty"
    empty.mkdir()
    assert problems_of(empty) == ("type.toml: is missing: docs/meter-types.md describes its content",)
    lone = write_type(tmp_path / "lone")
    (lone / "profiles.toml").unlink()
    assert problems_of(lone)[0].startswith("profiles.toml: is missing: add it, or name a shipped type")


def test_files_that_are_none_of_a_type(tmp_path):
    folder = write_type(tmp_path / "m7")
    (folder / "keys.csv").write_text("")
    (folder / "more").mkdir()
    told = problems_of(folder)
    assert [problem.split(":")[0] for problem in told] == ["keys.csv", "more"]


def test_a_link_is_refused(tmp_path):
    """A type from elsewhere must not make its loader read other files of this machine."""
    secret = tmp_path / "secret"
    secret.write_text("password")
    folder = write_type(tmp_path / "m7")
    (folder / "events.toml").unlink()
    (folder / "events.toml").symlink_to(secret)
    assert problems_of(folder) == ("events.toml: is a link: put the file itself into the folder",)


def test_giant_and_binary_files_are_refused(tmp_path):
    assert problems_of(write_type(tmp_path / "a", events="#" * (64 << 10) + "\n"))[0].startswith(
        "events.toml: has more than 65536 bytes"
    )
    folder = write_type(tmp_path / "b")
    (folder / "events.toml").write_bytes(b"\xff\xfe\x00")
    assert problems_of(folder)[0].startswith("events.toml: is not UTF-8 text (byte 0)")
    assert "NUL" in problems_of(write_type(tmp_path / "c", events="#\x00"))[0]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"type.toml": 1}', '{"../x": ""}', '{"type.toml": ""}', "x" * 400_000]
)
def test_a_stored_text_that_is_no_type(text):
    with pytest.raises(CompanionError):
        build_device_type(TypeFiles.from_text(text))


@pytest.mark.parametrize("name", ["../../../x", "urja-d1/../urja-d1", "", "/etc"])
def test_a_name_is_no_path(name):
    with pytest.raises(CompanionError, match="there is no meter type"):
        load_device_type(name)


VALUES = st.sampled_from(
    ["", "0", "-1", "9" * 30, "1e300", "nan", "true", '""', '"x"', "[]", "{}", "[[]]", "1979-05-27T07:32:00Z", "12:00:00",
     '"1.0.1.8.0.255"', '"0.0.1.0.0.255"', '"bit-string"', '"visible-string"', "70", "255", '"\\u0000"', "'''\n'''"]
)  # fmt: skip


@given(st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_folder_says_is_a_type_or_told_in_sentences(data):
    """A value or a part of one file is replaced: a type that the head end can compile, or a CompanionError."""
    files = {"type.toml": TYPE, "profiles.toml": PROFILES, "events.toml": EVENTS}
    name = data.draw(st.sampled_from(sorted(files)))
    text = files[name]
    spots = [match.span(1) for match in re.finditer(r"[=\[,] ?([^\s,\[\]{}=]+)", text)]
    start, end = data.draw(
        st.one_of(st.sampled_from(spots), st.tuples(st.integers(0, len(text)), st.integers(0, len(text))))
    )
    put = data.draw(st.one_of(VALUES, st.text(max_size=8)))
    files[name] = text[:start] + put + text[max(start, end) :]
    try:
        known = build_device_type(TypeFiles.of(files))
    except CompanionError as error:
        told = error.problems
    else:
        LayoutSet.of(known)
        told = (known.title,)
    assert told
    assert all(one.isprintable() for one in told)
