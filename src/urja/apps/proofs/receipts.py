"""Receipts: ledger entries and statements of account, their Merkle paths to the log's root, and the signed head.

Checking needs only the file and a head, no database and no Django: every hash is calculated again.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from urja.apps.books.chain import HASHED, entry_hash, json_text
from urja.apps.proofs.digests import entry_leaf, statement_hash, statement_leaf
from urja.base.untyped_values import JsonObject
from urja.core import merkle
from urja.core.heads import SignedHead

FORMAT: Final = 1
_MALFORMED: Final = (ValueError, TypeError, AssertionError, msgspec.MsgspecError)
"""What is raised over a part of a receipt that is not of its form."""


class ProofError(Exception):
    """A receipt that does not prove what it says; the message says why."""


class MerklePath(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Merkle path from a leaf to a root: the leaf's index, and the sibling hashes in hex, from the leaf upwards."""

    index: int
    path: list[str]


class ProvenEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ledger entry with two paths: in its bucket's tree of the day, and in the log."""

    entry: JsonObject
    """The columns that its hash covers."""
    previous_hash: str
    """Hash of the account's entry before it."""
    currency: str
    in_day: MerklePath
    day: str
    """Content of the log's leaf, byte by byte: bucket, batches, number of entries, and their root."""
    in_log: MerklePath


class ProvenStatement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A statement of account with two paths: in its bucket's tree of the day, and in the log."""

    content: str
    """What it states, byte by byte as it was hashed."""
    previous_sha256: str
    """Hash of the statement before it in its series."""
    in_day: MerklePath
    day: str
    """Content of the log's leaf, byte by byte: bucket, numbers, number of statements, and their root."""
    in_log: MerklePath


class Receipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Entries or statements of account, and the head that their paths lead to."""

    format: int
    entries: list[ProvenEntry]
    statements: list[ProvenStatement] = []
    head: SignedHead


class _Day(msgspec.Struct, frozen=True):
    """The fields of a leaf's content that checking uses."""

    kind: str
    root: str
    entries: int = 0
    statements: int = 0


class _Stated(msgspec.Struct, frozen=True):
    """The field of a statement's content by which faults name it."""

    number: str


def check(receipt: Receipt, kept: Sequence[SignedHead], key: str = "") -> SignedHead:
    """Check a receipt and return the head that confirms it, which is one of those in `kept`.

    `kept` are heads from a source that the checker trusts, `key` a public key in hex that must have signed it. Raises
    ProofError where anything does not agree.
    """
    if receipt.format != FORMAT:
        raise ProofError(f"the receipt is of format {receipt.format}, this version knows {FORMAT}")
    if not receipt.entries and not receipt.statements:
        raise ProofError("the receipt has no entries")
    head = _head(receipt, kept, key)
    for proven in receipt.entries:
        _check_entry(proven, head)
    for stated in receipt.statements:
        _check_statement(stated, head)
    return head


def _head(receipt: Receipt, kept: Sequence[SignedHead], key: str) -> SignedHead:
    wanted = receipt.head.head
    found = next((signed for signed in kept if signed.head.number == wanted.number), None)
    if found is None:
        raise ProofError(
            f"the receipt goes by head {wanted.number} of {wanted.day}, which is not among those given: "
            "take the file of that day"
        )
    if not found.genuine:
        raise ProofError(f"the head of {found.head.day} has a wrong signature")
    if key and found.head.key != key:
        raise ProofError(f"the head of {found.head.day} is signed with another key: {found.head.fingerprint}")
    # The head in the receipt is only a claim. It has to equal the one from the trusted source, byte by byte.
    if found.head.body != wanted.body:
        raise ProofError(f"the receipt's head of {wanted.day} is not the one that was given")
    return found


def _check_entry(proven: ProvenEntry, signed: SignedHead) -> None:
    try:
        seq, account_id = int(proven.entry["seq"]), int(proven.entry["account_id"])
        hashed = entry_hash(
            bytes.fromhex(proven.previous_hash),
            {name: proven.entry[name] for name in HASHED} | {"inputs": json_text(proven.entry["inputs"])},
        )
        leaf = entry_leaf(account_id, seq, hashed, proven.currency)
        _check_paths(proven, leaf, "entries", f"entry {seq} of account {account_id}", signed)
    except KeyError as error:
        raise ProofError(f"an entry lacks {error}") from None
    except _MALFORMED as error:
        raise ProofError(f"an entry is not of the form that receipts have: {error}") from None


def _check_statement(proven: ProvenStatement, signed: SignedHead) -> None:
    try:
        leaf = statement_leaf(statement_hash(bytes.fromhex(proven.previous_sha256), proven.content))
        number = msgspec.json.decode(proven.content, type=_Stated).number
        _check_paths(proven, leaf, "statements", f"statement {number}", signed)
    except _MALFORMED as error:
        raise ProofError(f"a statement is not of the form that receipts have: {error}") from None


def _check_paths(
    proven: ProvenEntry | ProvenStatement, leaf: bytes, kind: str, name: str, signed: SignedHead
) -> None:
    day = msgspec.json.decode(proven.day, type=_Day)
    in_day, in_log = _path(proven.in_day), _path(proven.in_log)
    root, log_root = bytes.fromhex(day.root), bytes.fromhex(signed.head.root)
    if day.kind != kind:
        raise ProofError(f"{name} is proven by a leaf of another kind")
    size = day.entries if kind == "entries" else day.statements
    if not merkle.verify_inclusion(leaf, proven.in_day.index, size, in_day, root):
        raise ProofError(
            f"{name} is not among the {kind} of its bucket's day: it was changed, or its proof was"
        )
    leaf_of_day = merkle.leaf_hash(proven.day.encode())
    if not merkle.verify_inclusion(leaf_of_day, proven.in_log.index, signed.head.size, in_log, log_root):
        raise ProofError(f"the day of {name} is not in the log that was signed on {signed.head.day}")


def _path(way: MerklePath) -> list[bytes]:
    return [bytes.fromhex(hashed) for hashed in way.path]
