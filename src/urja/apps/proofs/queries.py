"""Queries on the signed log: receipts that prove ledger entries and statements, and results of the laws' daily runs."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import msgspec
from django.db import connection
from django.db.backends.utils import CursorWrapper

from urja.apps.books.chain import HASHED, canonical, parse_json
from urja.apps.proofs import digests
from urja.apps.proofs.receipts import (
    FORMAT,
    MerklePath,
    ProvenEntry,
    ProvenStatement,
    Receipt as Receipt,  # noqa: PLC0414 - part of this interface
)
from urja.base.ids import bucket_of
from urja.base.untyped_values import SqlRow
from urja.core import merkle
from urja.core.heads import Head, SignedHead

MOST: Final = 50
"""Most entries in one receipt: each may be of another day, whose tree has to be read."""


@dataclass(frozen=True, slots=True)
class _Leaf:
    index: int
    content: str
    batches: digests.Batches


def receipt(account_id: int, seqs: Sequence[int]) -> Receipt | None:
    """Return the proof of entries of an account by the last head.

    `seqs` are the numbers of the entries, at most `MOST`. None where one of them does not exist or is in no closed day
    yet.
    """
    bucket = bucket_of(account_id)
    with connection.cursor() as cursor:
        signed = _last_head(cursor)
        if signed is None:
            return None
        size = signed.head.size
        proven = list[ProvenEntry]()
        trees: dict[int, _Tree[tuple[int, int]]] = {}
        cursor.execute(
            f"SELECT e.previous_hash, a.currency, {', '.join(f'e.{name}' for name in HASHED)} FROM books.entry e "  # noqa: S608 - columns of a constant
            "JOIN books.account a ON a.id = e.account_id "
            "WHERE e.bucket = %s AND e.account_id = %s AND e.seq = ANY(%s) ORDER BY e.seq",
            [bucket, account_id, list(seqs)],
        )
        rows = cursor.fetchall()
        if len(rows) != len(set(seqs)):
            return None
        for previous, currency, *values in rows:
            row = dict(zip(HASHED, values, strict=True))
            row["inputs"] = parse_json(row["inputs"])
            leaf = _leaf_of(cursor, bucket, row["batch"], size)
            if leaf is None:
                return None
            if leaf.index not in trees:
                leaves = digests.entries(cursor, leaf.batches)
                trees[leaf.index] = _Tree(((account, seq), hashed) for account, seq, hashed in leaves)
            tree = trees[leaf.index]
            index = tree.places[account_id, row["seq"]]
            proven.append(
                ProvenEntry(
                    # In the form in which it is hashed: JSON has no dates.
                    entry=msgspec.json.decode(canonical(row)),
                    previous_hash=bytes(previous).hex(),
                    currency=currency,
                    in_day=_way(index, merkle.inclusion_proof(index, tree.size, tree.node)),
                    day=leaf.content,
                    in_log=_way(leaf.index, _log_proof(cursor, leaf.index, size)),
                )
            )
    return Receipt(format=FORMAT, entries=proven, head=signed)


_STATEMENT: Final = """
SELECT s.previous_sha256, s.content, l.index, l.content, (l.content::jsonb->>'after')::bigint,
    (l.content::jsonb->>'to')::bigint
FROM statements.statement s CROSS JOIN LATERAL (
    SELECT index, content FROM proofs_leaf WHERE kind = 'statements' AND bucket = s.bucket
        AND (content::jsonb->>'to')::bigint >= s.number ORDER BY (content::jsonb->>'to')::bigint LIMIT 1) l
WHERE s.bucket = %s AND s.account_id = %s AND s.number = %s AND (l.content::jsonb->>'after')::bigint < s.number
    AND l.index < %s AND l.content::jsonb ? 'root'
"""
"""The leaf of a statement: the first one that reaches to its number, whatever else the log holds."""


def statement_receipt(account_id: int, number: int) -> Receipt | None:
    """Return the proof of a statement of an account, by its number in its series, by the last head.

    None where the account has no such statement, where it is in no closed day yet, or in one that was signed before
    statements had receipts.
    """
    bucket = bucket_of(account_id)
    with connection.cursor() as cursor:
        signed = _last_head(cursor)
        if signed is None:
            return None
        size = signed.head.size
        cursor.execute(_STATEMENT, [bucket, account_id, number, size])
        found = cursor.fetchone()
        if found is None:
            return None
        previous, content, index, day, after, to = found
        _, *hashes = digests.statement_hashes(cursor, digests.Numbers(bucket, after, to))
        leaves = ((of_series, digests.statement_leaf(one)) for of_series, one in enumerate(hashes, after + 1))
        tree = _Tree(leaves)
        place = tree.places[number]
        proven = ProvenStatement(
            content=content,
            previous_sha256=bytes(previous).hex(),
            in_day=_way(place, merkle.inclusion_proof(place, tree.size, tree.node)),
            day=day,
            in_log=_way(index, _log_proof(cursor, index, size)),
        )
    return Receipt(format=FORMAT, entries=[], statements=[proven], head=signed)


def is_statement_sealed(account_id: int, number: int) -> bool:
    """Return whether a statement of an account, by its number in its series, can be proven."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(size), 0) FROM proofs_head")
        (size,) = cursor.fetchone()
        cursor.execute(_STATEMENT, [bucket_of(account_id), account_id, number, size])
        return cursor.fetchone() is not None


def sealed_entries(account_id: int, before: int | None = None, limit: int = MOST) -> list[int]:
    """Return the numbers of an account's newest entries in closed days, newest first; with `before` older ones only."""
    bucket = bucket_of(account_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq FROM books.entry WHERE bucket = %(bucket)s AND account_id = %(account)s "
            "AND (%(before)s::bigint IS NULL OR seq < %(before)s) AND batch <= ("
            "  SELECT coalesce(max(l.to_batch), 0) FROM proofs_leaf l WHERE l.kind = 'entries' AND l.bucket = %(bucket)s"
            # Leaves beyond the last head belong to a close that is not signed yet, and prove nothing.
            "  AND l.index < (SELECT coalesce(max(size), 0) FROM proofs_head)) ORDER BY seq DESC LIMIT %(limit)s",
            {"bucket": bucket, "account": account_id, "before": before, "limit": limit},
        )
        return [seq for (seq,) in cursor.fetchall()]


class _Tree[Key: Hashable]:
    """The Merkle tree of a bucket's entries or statements of a day, in memory: some thousand hashes."""

    def __init__(self, leaves: Iterable[tuple[Key, bytes]]) -> None:
        """Build the tree of leaves, each with a key by which its place is found."""
        self.places: dict[Key, int] = {}
        self._nodes: dict[tuple[int, int], bytes] = {}
        growing = merkle.Frontier()
        for key, leaf in leaves:
            self.places[key] = growing.size
            for level, index, hashed in growing.append(leaf):
                self._nodes[level, index] = hashed

    @property
    def size(self) -> int:
        return len(self.places)

    def node(self, level: int, index: int) -> bytes:
        return self._nodes[level, index]


def _last_head(cursor: CursorWrapper) -> SignedHead | None:
    cursor.execute("SELECT body, signature FROM proofs_head ORDER BY number DESC LIMIT 1")
    row = cursor.fetchone()
    if row is None:
        return None
    return SignedHead(head=msgspec.json.decode(row[0], type=Head), signature=bytes(row[1]).hex())


def _leaf_of(cursor: CursorWrapper, bucket: int, batch: int, size: int) -> _Leaf | None:
    """Return the leaf that holds a batch, which is in one at most; None where no head of this size covers it."""
    cursor.execute(
        # The first leaf that ends with the batch or later: those after it are not read.
        "SELECT index, content, after_batch, to_batch FROM proofs_leaf WHERE kind = 'entries' AND bucket = %s "
        "AND after_batch < %s AND to_batch >= %s AND index < %s ORDER BY to_batch LIMIT 1",
        [bucket, batch, batch, size],
    )
    row = cursor.fetchone()
    return _Leaf(row[0], row[1], digests.Batches(bucket, row[2], row[3])) if row else None


def _log_proof(cursor: CursorWrapper, index: int, size: int) -> list[bytes]:
    def node(level: int, at: int) -> bytes:
        cursor.execute("SELECT hash FROM proofs_node WHERE level = %s AND index = %s", [level, at])
        return bytes(cursor.fetchone()[0])

    return merkle.inclusion_proof(index, size, node)


def _way(index: int, path: Sequence[bytes]) -> MerklePath:
    return MerklePath(index=index, path=[hashed.hex() for hashed in path])


@dataclass(frozen=True, slots=True)
class LawRun:
    """A run of the laws."""

    day: date
    began_at: datetime
    took_ms: int
    proven_from: int
    """The head whose entries were not checked again; 0 where all were."""
    proven_to: int | None
    """The head up to which everything is proven; None where a law is broken."""
    laws: dict[str, bool]
    contradictions: dict[str, list[str]]

    @property
    def holds(self) -> bool:
        """Whether no law is broken."""
        return all(self.laws.values())

    @property
    def broken(self) -> list[str]:
        """Names of the broken laws, sorted."""
        return sorted(law for law, holds in self.laws.items() if not holds)

    @property
    def sentence(self) -> str:
        """One line for `urja status` and the log."""
        if self.holds:
            return f"{self.day}: all {len(self.laws)} laws hold"
        return f"{self.day}: BROKEN {', '.join(self.broken)} of {len(self.laws)} laws: run urja verify"


def last_run() -> LawRun | None:
    """Return the last run; None before the first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT day, began_at, took_ms, proven_from, proven_to, laws, contradictions FROM proofs_laws "
            "ORDER BY id DESC LIMIT 1"
        )
        row = cursor.fetchone()
    return _run_of(row) if row else None


def _run_of(row: SqlRow) -> LawRun:
    day, began_at, took_ms, proven_from, proven_to_, laws, contradictions = row
    return LawRun(
        day, began_at, took_ms, proven_from, proven_to_, parse_json(laws), parse_json(contradictions)
    )


def proven_to() -> int:
    """Return the last head up to which a run has proven everything; 0 where none has."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(proven_to), 0) FROM proofs_laws")
        return int(cursor.fetchone()[0])


def sealed_to() -> int:
    """Return the number of the last head; 0 before the first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(number), 0) FROM proofs_head")
        return int(cursor.fetchone()[0])
