"""Faults in a series of signed heads, found without a database."""

from datetime import UTC, date, datetime, timedelta

import pytest

from urja.core import heads

FIRST = date(2026, 11, 1)
KEY = bytes(range(32))


def series(*numbers):
    """Heads of an empty log that each name the one before."""
    made, previous = [], heads.NO_HEAD
    for number in numbers:
        head = heads.Head(
            number=number,
            day=FIRST + timedelta(days=number),
            size=0,
            root="",
            previous=previous,
            signed_at=datetime(2026, 11, 30, tzinfo=UTC),
            key=heads.public_key(KEY),
        )
        made.append(heads.sign(head, KEY))
        previous = head.digest
    return made


def test_heads_that_follow_each_other_are_in_order():
    assert list(heads.faults(series(1, 2, 3))) == []


@pytest.mark.parametrize("numbers", [(1, 3), (2, 1), (2, 2)])
def test_a_number_that_is_not_the_next_is_a_hole(numbers):
    (fault,) = heads.faults(series(*numbers))
    assert "are missing" in fault
