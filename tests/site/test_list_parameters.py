"""Lists as parameters of statements come to the database as they are."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

INDIA = timezone(timedelta(hours=5, minutes=30))
LISTS = [
    ("bigint[]", [1, -2, 2**62]),
    ("numeric[]", [2**80, 0]),
    ("bigint[]", [7, None, 8]),
    ("bigint[]", []),
    ("bigint[]", [[1, 2], [3, 4]]),
    ("boolean[]", [True, False]),
    ("date[]", [date(2026, 3, 2), date(1, 1, 1)]),
    ("date[]", [date(2026, 3, 2), None]),
    ("timestamptz[]", [datetime(2026, 3, 1, 18, 30, tzinfo=UTC), datetime(2026, 3, 2, 0, 0, 0, 7, INDIA)]),
    ("timestamptz[]", [datetime(2026, 3, 1, 18, 30, tzinfo=UTC), None]),
    ("text[]", ["a,b", "{}", '"', "NULL", ""]),
    ("text[]", ["\\", '\\"', "two\nlines", " ₹ ", "'"]),
    ("text[]", ["a", None]),
]


@pytest.mark.parametrize(("kind", "values"), LISTS)
def test_a_list_is_stored_as_it_is(database, kind, values):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s::{kind}", [values])
        assert cursor.fetchone()[0] == values


def test_a_text_with_a_nul_is_refused(database):
    from django.db import DataError, connection

    with connection.cursor() as cursor, pytest.raises(DataError):
        cursor.execute("SELECT %s::text[]", [["a", "b\0c"]])
