"""The law of the signed log: the tables have exactly what was signed, and heads stored elsewhere are part of the same
log.

Each leaf is calculated again from the entries and reads of today and takes its place in a new tree. Its root must be
the one that each day's head signed: also in heads copied elsewhere, which even an intruder with the whole database
cannot change.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import msgspec

from urja.apps.proofs import digests
from urja.core import merkle
from urja.core.heads import NO_HEAD, Head, SignedHead
from urja.laws.connections import Connection


@dataclass(frozen=True, slots=True)
class _Leaf:
    index: int
    kind: str
    bucket: int
    after: int | None
    to: int | None
    content: bytes


def covered(connection: Connection, head: int) -> dict[int, int]:
    """Return up to which batch the log has the entries of each bucket, as of a head."""
    return dict(
        connection.execute(
            "SELECT bucket, max(to_batch) FROM proofs_leaf WHERE kind = 'entries' AND period <= %s GROUP BY 1",
            [head],
        ).fetchall()
    )


def examine(connection: Connection, proven: int = 0, copies: Sequence[SignedHead] = ()) -> Iterator[str]:
    """Yield what differs from what was signed, for the days after the head `proven`, whose own root is still
    compared.

    `copies` are heads from elsewhere: with them the whole log is checked.
    """
    assert not (proven and copies), "with heads from elsewhere the whole log is checked"
    ours = _heads(connection)
    yield from _chained(ours)
    tree = _tree_at(connection, ours[proven].head.size) if proven else merkle.Frontier()
    if proven and tree.root().hex() != ours[proven].head.root:
        yield f"the stored tree is not the one that was signed with {ours[proven].head.day}"
    reached = covered(connection, proven) if proven else {}
    numbered = _numbered(connection, proven) if proven else {}
    roots: dict[int, str] = {tree.size: tree.root().hex()}
    days = dict(connection.execute("SELECT number, day FROM proofs_period ORDER BY 1").fetchall())
    for number, day in days.items():
        if number > proven:
            yield from _period(connection, number, day, tree, reached, numbered, sealed=number in ours)
            roots[tree.size] = tree.root().hex()
            if number in ours:
                yield from _same_root(ours[number].head, tree)
    for signed in sorted(copies, key=lambda signed: signed.head.number):
        yield from _held_to(signed, ours, roots, tree.size)


def _numbered(connection: Connection, head: int) -> dict[tuple[str, int], int]:
    """Return up to which number the log has the rows of each kind of leaf (`_NUMBERED`) and bucket, as of a head."""
    return {
        (kind, bucket): to
        for kind, bucket, to in connection.execute(
            "SELECT kind, bucket, max((content::jsonb->>'to')::bigint) FROM proofs_leaf WHERE kind = ANY(%s) AND period <= %s "
            "GROUP BY 1, 2",
            [list(_NUMBERED), head],
        )
    }


_NUMBERED: Final = {
    "statements": ("statements of account", "made"),
    "units": ("banked units", "recorded"),
}
"""Leaves of numbered rows, with what these are and what was done with them."""


def _heads(connection: Connection) -> dict[int, SignedHead]:
    return {
        number: SignedHead(head=msgspec.json.decode(body, type=Head), signature=bytes(signature).hex())
        for number, body, signature in connection.execute(
            "SELECT number, body, signature FROM proofs_head ORDER BY number"
        )
    }


def _chained(heads: dict[int, SignedHead]) -> Iterator[str]:
    """Check that numbers have no gaps, and each head names the one before it, under one key."""
    previous, key = NO_HEAD, None
    for number, (stored, signed) in enumerate(heads.items(), 1):
        head = signed.head
        if (stored, head.number, head.previous) != (number, number, previous):
            yield f"the head of {head.day} does not follow the one before it"
        if not signed.genuine:
            yield f"the head of {head.day} has a wrong signature"
        if key not in (None, head.key):
            yield f"the head of {head.day} is signed with another key, {head.fingerprint}"
        previous, key = head.digest, head.key


def _tree_at(connection: Connection, size: int) -> merkle.Frontier:
    nodes = [
        connection.execute("SELECT hash FROM proofs_node WHERE level = %s AND index = %s", at).fetchone()
        for at in merkle.peaks(size)
    ]
    return merkle.Frontier(size, [bytes(node[0]) if node else bytes(32) for node in nodes])


def _period(
    connection: Connection,
    number: int,
    day: date,
    tree: merkle.Frontier,
    reached: dict[int, int],
    numbered: dict[tuple[str, int], int],
    *,
    sealed: bool,
) -> Iterator[str]:
    """Append a period's leaves to the tree as they are today; yield those that differ from what was signed."""
    leaves = [
        _Leaf(index, kind, bucket, after, to, content.encode())
        for index, kind, bucket, after, to, content in connection.execute(
            "SELECT index, kind, bucket, after_batch, to_batch, content FROM proofs_leaf WHERE period = %s ORDER BY index",
            [number],
        )
    ]
    with connection.cursor() as cursor:
        reads = digests.reads_contents(cursor, number)
        for leaf in leaves:
            if leaf.index != tree.size:
                yield f"leaf {tree.size} of the log, before leaf {leaf.index} of {day}, is gone"
            if leaf.kind == "entries":
                assert leaf.after is not None, "the table's own constraint"
                assert leaf.to is not None, "the table's own constraint"
                if leaf.after != reached.get(leaf.bucket, 0):
                    yield f"batches of bucket {leaf.bucket} before those of {day} are in no leaf"
                reached[leaf.bucket] = leaf.to
                today = digests.entries_content(
                    cursor, number, digests.Batches(leaf.bucket, leaf.after, leaf.to)
                )
            elif leaf.kind in _NUMBERED:
                signed = msgspec.json.decode(leaf.content)
                if signed["after"] != numbered.get((leaf.kind, leaf.bucket), 0):
                    yield f"{_NUMBERED[leaf.kind][0]} of bucket {leaf.bucket} before those of {day} are in no leaf"
                numbered[leaf.kind, leaf.bucket] = signed["to"]
                numbers = digests.Numbers(leaf.bucket, signed["after"], signed["to"])
                today = (
                    digests.units_content(cursor, number, numbers)
                    if leaf.kind == "units"
                    else digests.statements_content(cursor, number, numbers, with_root="root" in signed)
                )
            else:
                today = reads.pop(leaf.bucket, None)
            if today != leaf.content:
                yield from _changed(leaf, day, today)
            tree.append(merkle.leaf_hash(today or b""))
    if sealed:
        for bucket in reads:
            yield f"reads of bucket {bucket} say that they were recorded by the close of {day}, and none was signed"


def _changed(leaf: _Leaf, day: date, today: bytes | None) -> Iterator[str]:
    signed = msgspec.json.decode(leaf.content)
    now = msgspec.json.decode(today) if today else {}
    if leaf.kind == "entries":
        counts = f"{signed['entries']} were signed, {now.get('entries', 0)} stand there"
        yield f"entries of bucket {leaf.bucket} posted up to {day} are not those that were signed: {counts}"
        return
    if leaf.kind in _NUMBERED:
        what, done = _NUMBERED[leaf.kind]
        yield (
            f"{what} of bucket {leaf.bucket} {done} up to {day} are not those that were signed: "
            f"{signed[leaf.kind]} were signed, {now.get(leaf.kind, 0)} stand there"
        )
        return
    for table in sorted({*signed["tables"], *now.get("tables", {})}):
        then, since = signed["tables"].get(table, {}), now.get("tables", {}).get(table, {})
        for about in sorted({*then, *since}):
            count, found = then.get(about, [0, ""]), since.get(about, [0, ""])
            if count != found:
                how = (
                    "one was changed"
                    if count[0] == found[0]
                    else f"{count[0]} were signed, {found[0]} stand there"
                )
                yield (
                    f"{table} of bucket {leaf.bucket} about {about} (UTC), recorded up to {day}, "
                    f"are not those that were signed: {how}"
                )


def _same_root(head: Head, tree: merkle.Frontier) -> Iterator[str]:
    if (head.size, head.root) != (tree.size, tree.root().hex()):
        yield f"what stands in the database up to {head.day} does not come to the root that was signed"


def _held_to(
    copied: SignedHead, ours: dict[int, SignedHead], roots: dict[int, str], size: int
) -> Iterator[str]:
    head = copied.head
    if not copied.genuine:
        yield f"the copied head of {head.day} has a wrong signature: it is no head of a log"
        return
    stored = ours.get(head.number)
    if stored is None:
        yield f"the copied head of {head.day} is not in the database: the end of its log was erased"
    elif stored.head.body != head.body:
        yield f"the head of {head.day} in the database is not the one that was copied"
    if head.size > size:
        yield f"the log has {size} leaves; {head.day} was signed over {head.size}: its end was erased"
    elif roots.get(head.size) != head.root:
        yield f"what stands in the database up to {head.day} does not come to the root of the copied head"
