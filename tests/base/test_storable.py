"""Received values that a database cannot store."""

from datetime import UTC, date, datetime, timedelta, timezone

import msgspec
import pytest

from urja.base.storable import YEARS, faults_of, is_in_calendar


class Line(msgspec.Struct):
    name: str
    since: date | None = None


class Sent(msgspec.Struct):
    lines: list[Line]
    at: datetime
    extra: dict[str, str] = {}
    number: int = 0


NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sent", "faults"),
    [
        (Sent([Line("a", date(2026, 1, 1))], NOW, {"a": "b"}), []),
        (Sent([Line("a\0")], NOW), ["lines[0].name: the character NUL cannot be kept; leave it out"]),
        (Sent([], NOW, {"a\0": "b"}), ["extra: the character NUL cannot be kept; leave it out"]),
        (
            Sent([Line("a"), Line("b", date(40, 1, 1))], NOW),
            ["lines[1].since: the year 0040 is not taken; the years from 1900 to 2199 are"],
        ),
        *((Sent([], NOW, number=number), []) for number in (2**63 - 1, -(2**63))),
        *(
            (Sent([], NOW, number=number), ["number: the number is too large to be stored"])
            for number in (2**63, -(2**63) - 1, 10**30)
        ),
        (
            Sent([], NOW.replace(year=9999)),
            ["at: the year 9999 is not taken; the years from 1900 to 2199 are"],
        ),
    ],
)
def test_each_fault_names_its_field(sent, faults):
    assert list(faults_of(sent)) == faults


@pytest.mark.parametrize("year", [YEARS.start, YEARS.stop - 1])
@pytest.mark.parametrize("hours", [-23, 0, 23])
def test_what_is_in_the_calendar_can_be_moved_between_time_zones(year, hours):
    for day in (
        datetime(year, 1, 1, tzinfo=timezone(timedelta(hours=hours))),
        datetime(year, 12, 31, tzinfo=UTC),
    ):
        assert is_in_calendar(day)
        assert abs(day.astimezone(UTC).year - year) <= 1
