"""Checks that received values can be stored: no NUL in a text, no number beyond 64 bits, no date outside the accepted
years.

PostgreSQL refuses NUL in texts and JSON. Instants outside `YEARS` are typing errors, and near the ends of Python's
and PostgreSQL's calendars neither can move them between time zones.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Final

import msgspec

from urja.base.sentences import Sentence, say

YEARS: Final = range(1900, 2200)
NUMBERS: Final = range(-(2**63), 2**63)
"""What a `bigint` holds: PostgreSQL refuses a statement with a larger number."""


def is_in_calendar(at: dt.date) -> bool:
    """Return whether a date or an instant is in the accepted years, in any time zone."""
    return at.year in YEARS


def faults_of(value: object) -> Iterator[Sentence]:
    """Yield a sentence for each text, number or date within a value that cannot be stored, with the name of its field.

    Values of other types pass.
    """
    for field, leaf in leaves(value):
        match leaf:
            case str() if "\0" in leaf:
                yield say("{field}: the character NUL cannot be kept; leave it out", field=field)
            case int() if leaf not in NUMBERS:
                yield say("{field}: the number is too large to be stored", field=field)
            case dt.date() if not is_in_calendar(leaf):
                yield say(
                    "{field}: the year {year} is not taken; the years from {first} to {last} are",
                    field=field,
                    year=f"{leaf.year:04}",
                    first=YEARS.start,
                    last=YEARS.stop - 1,
                )
            case _:
                pass


def leaves(value: object, at: str = "") -> Iterator[tuple[str, object]]:
    """Yield each value within structs, lists and objects with the name of its field, and the keys of objects."""
    match value:
        case msgspec.Struct():
            for name in value.__struct_fields__:
                yield from leaves(getattr(value, name), f"{at}.{name}" if at else name)
        case dict():
            for key, inner in value.items():
                yield at, key
                yield from leaves(inner, f"{at}.{key}" if at else str(key))
        case list() | tuple():
            for number, inner in enumerate(value):
                yield from leaves(inner, f"{at}[{number}]")
        case _:
            yield at, value
