"""The binary COPY bytes, read back by PostgreSQL itself."""

import numpy as np

from urja.apps.readings import pgcopy


def test_postgres_reads_what_numpy_wrote(database):
    seconds = np.array([0, 951_782_400, 1_772_422_200])
    values = np.ma.masked_equal(np.array([-(2**63), 7, -(2**62)]), -(2**63))
    payload = pgcopy.encode(
        [
            (pgcopy.timestamps(seconds), "i8"),
            (values, "i8"),
            (np.ma.array([1, 2, 3], mask=[False, True, False]), "i4"),
            (np.array([True, False, True]), "u1"),
            (pgcopy.dates(np.array([0, 11_016, 20_514])), "i4"),
        ]
    )
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE t (at timestamptz, big bigint, small int, yes boolean, day date)")
        with cursor.copy("COPY t FROM STDIN (FORMAT binary)") as copy:
            copy.write(b"".join(payload))
        cursor.execute("SELECT extract(epoch FROM at)::bigint, big, small, yes, day::text FROM t ORDER BY at")
        assert cursor.fetchall() == [
            (0, None, 1, True, "1970-01-01"),
            (951_782_400, 7, None, False, "2000-02-29"),
            (1_772_422_200, -(2**62), 3, True, "2026-03-02"),
        ]


def test_rows_beyond_a_chunk_and_columns_without_values(database, monkeypatch):
    monkeypatch.setattr(pgcopy, "CHUNK", 3)
    numbers = np.arange(8)
    payload = pgcopy.encode(
        [
            (numbers, "i8"),
            (np.ma.array(numbers, mask=True), "i4"),
            (np.ma.array(numbers, mask=numbers < 4), "i2"),
        ]
    )
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE t (a bigint, b int, c smallint)")
        with cursor.copy("COPY t FROM STDIN (FORMAT binary)") as copy:
            for piece in payload:
                copy.write(piece)
        rows = cursor.execute("SELECT a, b, c FROM t ORDER BY a").fetchall()
    assert rows == [(n, None, None if n < 4 else n) for n in range(8)]


def test_an_empty_batch_is_a_copy_of_no_rows(database):
    payload = pgcopy.encode([(np.array([], np.int64), "i8")])
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE t (big bigint)")
        with cursor.copy("COPY t FROM STDIN (FORMAT binary)") as copy:
            copy.write(b"".join(payload))
        assert cursor.execute("SELECT count(*) FROM t").fetchone() == (0,)
