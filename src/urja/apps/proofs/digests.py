"""Contents of the leaves of the signed log, calculated from rows: for the close that writes them, and for proofs.

A leaf of *entries* has the root of a Merkle tree over a bucket's entries of a run of batches. A leaf of *statements* has
the last hash of a run of a bucket's statements of account, taken over their contents again, and the root of a Merkle tree
over their hashes, so that one of them is proven without the others. A leaf of *units* has the SHA-256 over a run of a bucket's
banked units. A leaf of *reads* has,
for each table and UTC day, the number of reads of a bucket stored in the period and the SHA-256 over them in the order
of their keys. A withdrawn read counts unchanged in the period in which it was stored, and once more in the period in
which it was withdrawn.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from urja.apps.books.chain import canonical
from urja.base.sql_cursor import Cursor
from urja.base.untyped_values import JsonObject
from urja.core import merkle

_AT_ONCE: Final = 10_000
"""Entries held in memory at a time."""


@dataclass(frozen=True, slots=True)
class Batches:
    """A run of posting batches of a bucket: those after `after`, up to and including `to`."""

    bucket: int
    after: int
    to: int


def entry_leaf(account_id: int, seq: int, entry_hash: bytes, currency: str) -> bytes:
    """Return the leaf hash of an entry. Its chained hash covers all of its columns; the currency is its account's."""
    return merkle.leaf_hash(canonical([account_id, seq, entry_hash.hex(), currency]))


_ENTRIES: Final = """
SELECT e.batch, e.account_id, e.seq, e.hash, a.currency FROM books.entry e JOIN books.account a ON a.id = e.account_id
WHERE e.bucket = %(bucket)s AND e.batch <= %(to)s AND (e.batch, e.account_id, e.seq) > (%(batch)s, %(account)s, %(seq)s)
ORDER BY e.batch, e.account_id, e.seq LIMIT %(limit)s
"""


def entries(cursor: Cursor, batches: Batches) -> Iterator[tuple[int, int, bytes]]:
    """Yield (account id, seq, leaf hash) of the entries of a run of batches, in the order of its tree."""
    # Keyset paging over (batch, account, seq). The start sorts after every entry of the batch `after`, and before the
    # next.
    last: tuple[int, int, int] = (batches.after, (1 << 63) - 1, 0)
    while True:
        batch, account, seq = last
        cursor.execute(
            _ENTRIES,
            {
                "bucket": batches.bucket,
                "to": batches.to,
                "batch": batch,
                "account": account,
                "seq": seq,
                "limit": _AT_ONCE,
            },
        )
        found = cursor.fetchall()
        for batch, account, seq, hashed, currency in found:
            yield account, seq, entry_leaf(account, seq, bytes(hashed), currency)
            last = (batch, account, seq)
        if len(found) < _AT_ONCE:
            return


def entries_content(cursor: Cursor, period: int, batches: Batches) -> bytes | None:
    """Return the content of the leaf of a run of batches; None where nothing was posted in it."""
    tree = merkle.Frontier()
    for _, _, leaf in entries(cursor, batches):
        tree.append(leaf)
    if not tree.size:
        return None
    return canonical(
        {
            "kind": "entries",
            "period": period,
            "bucket": batches.bucket,
            "after_batch": batches.after,
            "to_batch": batches.to,
            "entries": tree.size,
            "root": tree.root().hex(),
        }
    )


@dataclass(frozen=True, slots=True)
class Numbers:
    """A run of numbered rows of a bucket: those after number `after`, up to and including `to`."""

    bucket: int
    after: int
    to: int


def statement_hash(previous: bytes, content: str) -> bytes:
    """Return the hash of a statement in its series."""
    return hashlib.sha256(previous + content.encode()).digest()


def statement_leaf(statement_sha256: bytes) -> bytes:
    """Return the leaf hash of a statement. Its chained hash covers all that it states."""
    return merkle.leaf_hash(statement_sha256)


def statement_hashes(cursor: Cursor, numbers: Numbers) -> list[bytes]:
    """Return the hash before a run of statements, and the hash of each, calculated again; nothing where none is in it."""
    cursor.execute(
        "SELECT previous_sha256, content FROM statements.statement "
        "WHERE bucket = %(bucket)s AND number > %(after)s AND number <= %(to)s ORDER BY number",
        {"bucket": numbers.bucket, "after": numbers.after, "to": numbers.to},
    )
    hashes: list[bytes] = []
    for previous, content in cursor.fetchall():
        if not hashes:
            hashes.append(bytes(previous))
        hashes.append(statement_hash(hashes[-1], content))
    return hashes


def statements_content(
    cursor: Cursor, period: int, numbers: Numbers, *, with_root: bool = True
) -> bytes | None:
    """Return the content of the leaf of a run of statements; None where none is in it.

    Leaves that were signed before statements had receipts are without the root.
    """
    hashes = statement_hashes(cursor, numbers)
    if not hashes:
        return None
    before, *those = hashes
    tree = merkle.Frontier()
    for hashed in those:
        tree.append(statement_leaf(hashed))
    return canonical(
        {
            "kind": "statements",
            "period": period,
            "bucket": numbers.bucket,
            "after": numbers.after,
            "to": numbers.to,
            "statements": tree.size,
            "before": before.hex(),
            "sha256": those[-1].hex(),
            **({"root": tree.root().hex()} if with_root else {}),
        }
    )


# Dates as days since 1970 and hashes in hexadecimal: the digest must not depend on a setting of the session.
_UNITS: Final = """
SELECT count(*), encode(sha256(string_agg(convert_to(ROW(number, agreement_id, zone, period_start - '1970-01-01'::date, version,
    as_of - '1970-01-01'::date, opening_wh, imported_wh, exported_wh, used_wh, settled_wh, closing_wh, ends,
    determinants_version, encode(determinants_sha256, 'hex'), tariff_sha256,
    (extract(epoch FROM recorded_at) * 1000000)::bigint)::text || E'\\n', 'UTF8'), ''::bytea ORDER BY number)), 'hex')
FROM billing.unit_bank WHERE bucket = %(bucket)s AND number > %(after)s AND number <= %(to)s
"""


def units_content(cursor: Cursor, period: int, numbers: Numbers) -> bytes | None:
    """Return the content of the leaf of a run of banked units; None where none is in it."""
    given = {"bucket": numbers.bucket, "after": numbers.after, "to": numbers.to}
    cursor.execute(_UNITS, given)
    found = cursor.fetchone()
    assert found is not None, "an aggregate has a row"
    count, digest = found
    if not count:
        return None
    return canonical({"kind": "units", "period": period, **given, "units": count, "sha256": digest})


def _instant(column: str) -> str:
    """Return SQL for microseconds since 1970, which does not depend on the session's time zone."""
    return f"(extract(epoch FROM {column}) * 1000000)::bigint"


# The bucket is in the upper bits of the service point's id, above 40 bits (docs/adr/0005). Days are UTC days: the
# digest must not depend on a setting.
def _digest(name: str, rows: str, at: str, key: str, line: str) -> str:
    return f"""
        SELECT '{name}', (service_point_id >> 40)::int, ({at} AT TIME ZONE 'UTC')::date, count(*), encode(sha256(string_agg(
            convert_to({line} || E'\\n', 'UTF8'), ''::bytea ORDER BY {key})), 'hex')
        FROM {rows} GROUP BY 2, 3
    """  # noqa: S608 - constants of this module


def _line(columns: str) -> str:
    """Return SQL for a row's columns as text."""
    named = [_instant(column) if column.endswith("_at") else column for column in columns.split(", ")]
    return f"ROW({', '.join(named)})::text"


def _values_line(earlier: str, when: str, key: str, others: str) -> str:
    """Return SQL for the line of a row with values.

    A row that 0.1.0 could have stored has the line that 0.1.0 calculated, as the leaves of that time are signed.
    Every other one has its channel set by its content, as the set's number is this database's own.
    """
    return f"CASE WHEN {when} THEN {_line(earlier)} ELSE {_line(f'{key}, set_hash, values, {others}')} END"


_REGISTER: Final = (
    "service_point_id, device_id, read_at, kind, version, channel_set, values, correlation, received_at, status, source, "
    "clock_status"
)
_WITH_SET: Final = (
    "JOIN (SELECT id AS channel_set, hash AS set_hash FROM readings.channel_set) c USING (channel_set)"
)
_READS: Final = " UNION ALL ".join(
    [
        _digest(
            "blocks",
            f"readings.interval {_WITH_SET} WHERE recorded_in = %(period)s",
            "start_at",
            "service_point_id, device_id, series, start_at, version",
            _values_line(
                "service_point_id, device_id, series, start_at, version, values[1], values[2], values[3], values[4], "
                "values[7], correlation, received_at, length_s, values[5], values[6], status, source, clock_status",
                "channel_set = 1",
                "service_point_id, device_id, series, start_at, version",
                "correlation, received_at, length_s, status, source, clock_status",
            ),
        ),
        _digest(
            "registers",
            f"(SELECT {_REGISTER} FROM readings.register WHERE recorded_in = %(period)s "  # noqa: S608 - constants
            f"UNION ALL SELECT {_REGISTER} FROM readings.withdrawal WHERE recorded_in = %(period)s) r {_WITH_SET}",
            "read_at",
            "service_point_id, device_id, read_at, kind, version, received_at, values[1]",
            _values_line(
                "service_point_id, device_id, read_at, kind, version, received_at, values[1], values[2], values[3], "
                "values[4], correlation, status, source, clock_status",
                "channel_set = 2 AND values[5] IS NULL",
                "service_point_id, device_id, read_at, kind, version, received_at",
                "correlation, status, source, clock_status",
            ),
        ),
        _digest(
            "withdrawals",
            "readings.withdrawal WHERE withdrawn_in = %(period)s",
            "read_at",
            "service_point_id, device_id, read_at, kind, version, id",
            _line(
                "service_point_id, device_id, read_at, kind, version, id, values[1], recorded_in, withdrawn_at"
            ),
        ),
    ]
)


def reads_contents(cursor: Cursor, period: int) -> dict[int, bytes]:
    """Return the contents of the leaves of reads of a period, by bucket."""
    cursor.execute(f"{_READS} ORDER BY 2, 1, 3", {"period": period})
    found: dict[int, JsonObject] = {}
    for table, bucket, day, count, digest in cursor.fetchall():
        found.setdefault(bucket, {}).setdefault(table, {})[day.isoformat()] = [count, digest]
    return {
        bucket: canonical({"kind": "reads", "period": period, "bucket": bucket, "tables": tables})
        for bucket, tables in found.items()
    }
