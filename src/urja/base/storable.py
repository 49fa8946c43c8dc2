"""What people and programs send, held against what a database can keep: no NUL in a text, no day of another era.

PostgreSQL refuses NUL in texts and JSON. Instants outside `YEARS` are typing errors, and near the ends of Python's and
PostgreSQL's calendars neither can move them between time zones.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from urja.base.sentences import Sentence, say

YEARS: Final = range(1900, 2200)


def is_in_calendar(at: dt.date) -> bool:
    """Whether a day or an instant lies in the years that are taken, wherever on Earth it is looked at."""
    return at.year in YEARS


def faults_of(value: Any, at: str = "") -> Iterator[Sentence]:
    """A sentence for each text or day within a value that is not taken, with the name of its field.

    Looks into structs, lists and objects; values of other types pass.
    """
    match value:
        case str() if "\0" in value:
            yield say("{field}: the character NUL cannot be kept; leave it out", field=at)
        case dt.date() if not is_in_calendar(value):
            yield say(
                "{field}: the year {year} is not taken; the years from {first} to {last} are",
                field=at,
                year=f"{value.year:04}",
                first=YEARS.start,
                last=YEARS.stop - 1,
            )
        case msgspec.Struct():
            for name in value.__struct_fields__:
                yield from faults_of(getattr(value, name), f"{at}.{name}" if at else name)
        case dict():
            for key, inner in value.items():
                yield from faults_of(key, at)
                yield from faults_of(inner, f"{at}.{key}" if at else str(key))
        case list() | tuple():
            for number, inner in enumerate(value):
                yield from faults_of(inner, f"{at}[{number}]")
        case _:
            return
