"""MAP.toml: its settings, and the line of every error."""

import re

import pytest

from urja.usecases.loading import KINDS, MappingFileError, as_toml, canonical, parse
from urja.usecases.loading.cell_formats import NumberFormat

MANY = """kind = "consumers"
header = 0
[formats]
date = "tomorrow"
decimal = "1234"
[fields]
consumer_nr = "No"
phone = { column = "P", unit = "kW" }
language = { value = "fr" }
tariff_code = { columns = "T" }
sanctioned_load_w = { column = "L", unit = "hp" }
person_id = "X"
consumer_number = "No"
"""


@pytest.mark.parametrize("name", sorted(KINDS))
def test_the_map_of_an_example_can_be_followed(name):
    kind = KINDS[name]
    own = canonical(kind, without=frozenset(one.name for one in kind.fields if one.outside))
    read = parse(as_toml(own))
    assert [(s.field.name, s.column) for s in read.sources] == [(s.field.name, s.column) for s in own.sources]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("kind = 'houses'", ["line 1: kind is one of"]),
        ("kind = ", ["line 1: it is not TOML: Invalid value"]),
        (
            MANY,
            [
                "line 2: header is the number of the row",
                "line 4: 'tomorrow' is no date format",
                "line 5: '1234' does not show how numbers are written",
                "line 7: consumers have no field consumer_nr; did you mean consumer_number?",
                "line 8: unit does not apply to phone",
                "line 9: 'fr': it is not one of the known words",
                "line 10: columns is none of",
                "line 10: tariff_code needs either column or value",
                "line 11: the unit is W or kW or MW, not 'hp'",
                "line 12: person_id needs the outside system's name",
            ],
        ),
        ('kind = "consumers"\n\n[fields]\nphone = "P"', ["line 3: consumers need consumer_number"]),
        ('kind = "consumers"\nencoding = "utf-9"\n[fields.consumer_number]\ncolumn = "No"\nvalues = 3',
         ["line 2: the encoding 'utf-9' is not known", "line 3: values is a table of words"]),
    ],
)  # fmt: skip
def test_every_fault_has_its_line(text, faults):
    with pytest.raises(MappingFileError) as bad:
        parse(text)
    assert len(bad.value.faults) == len(faults), bad.value.faults
    for said, expected in zip(bad.value.faults, faults, strict=True):
        assert said.startswith(expected)


@pytest.mark.parametrize(
    ("like", "text", "value"),
    [
        ("1,234.56", "1,234.50", "1234.50"),
        ("1,234.56", "12,34,567.8", "1234567.8"),
        ("1.234,56", "-1.234,5", "-1234.5"),
        ("1 234,56", "1 234,5", "1234.5"),
        ("1234.56", "0.001", "0.001"),
        ("1,234.56", "1,5", None),
        ("1,234.56", "1.5,000", None),
        ("1234,56", "1.5", None),
        ("1234.56", "1e3", None),
        ("1234.56", "NaN", None),
    ],
)
def test_numbers_are_read_as_the_file_writes_them(like, text, value):
    numbers = NumberFormat.like(like)
    assert numbers.example == like
    if value is None:
        with pytest.raises(ValueError, match=re.escape(text)):
            numbers.parse(text)
    else:
        assert str(numbers.parse(text)) == value


def test_what_is_written_is_read_again():
    from decimal import Decimal

    for like in ("1,234.56", "1.234,56", "1 234,56", "1234.56", "1'234.56"):
        numbers = NumberFormat.like(like)
        for value in ("1234567.89", "-0.5", "1000", "0", "999999.000001"):
            assert numbers.parse(numbers.format(Decimal(value))) == Decimal(value)


def test_a_cell_is_tidied_without_breaking_a_script():
    from urja.usecases.loading.cell_formats import cell_text

    assert cell_text(" a\tb\x00c\r\nd ") == "a b c d"
    assert cell_text("क्\u200dष") == "क्\u200dष"
    assert cell_text(None) == ""
    assert cell_text(12.0) == "12"


@pytest.mark.parametrize(
    ("written_as", "cell", "read"),
    [
        (None, "2026-03-01", "2026-02-28T18:30:00+00:00"),
        ("%d.%m.%Y", "01.03.2026", "2026-02-28T18:30:00+00:00"),
        ("%d.%m.%Y", "2026-03-01T06:30:00+05:30", "2026-03-01T01:00:00+00:00"),
        ("%d.%m.%y", "01.03.26", "2026-02-28T18:30:00+00:00"),
        (None, "0026-03-01", "it is a day of the year 26"),
        (None, "0001-01-01", "it is a day of the year 1"),
        ("%d.%m.%Y", "03/01/2026", "it is not a date"),
    ],
)
def test_days_and_instants(written_as, cell, read):
    from zoneinfo import ZoneInfo

    from urja.usecases.loading.cell_formats import ColumnFormat, FieldValueError
    from urja.usecases.loading.date_formats import Instant

    reader = Instant().reader(ColumnFormat(ZoneInfo("Asia/Kolkata"), date=written_as))
    if read.startswith("it is"):
        with pytest.raises(FieldValueError, match=read):
            reader(cell)
    else:
        assert reader(cell) == read
