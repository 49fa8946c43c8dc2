"""A receipt or statement that proves itself: entries, their way to the root of the log, and the head that signed it.

Checking needs the file and a head, no database and no Django: every hash is computed here again.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from urja.apps.books.chain import HASHED, entry_hash
from urja.apps.proofs.digests import entry_leaf
from urja.core import merkle
from urja.core.heads import SignedHead

FORMAT: Final = 1


class ProofError(Exception):
    """A file that does not prove what it says; the message says what is wrong with it."""


class MerklePath(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a leaf comes to a root: its place, and the hashes beside the way, in hex."""

    index: int
    path: list[str]


class ProvenEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry of the ledger with its two ways: through its bucket's tree of the day, and through the log."""

    entry: dict[str, Any]
    """The columns that its hash is taken over."""
    previous_hash: str
    """Of the account's entry before."""
    currency: str
    in_day: MerklePath
    day: str
    """What the leaf of the log holds, byte by byte: bucket, batches, how many entries, their root."""
    in_log: MerklePath


class Receipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry or the entries of a statement, and the head that their ways lead to."""

    format: int
    entries: list[ProvenEntry]
    head: SignedHead


class _Day(msgspec.Struct, frozen=True):
    """What of a leaf's content is looked at."""

    kind: str
    entries: int
    root: str


def check(receipt: Receipt, kept: Sequence[SignedHead], key: str = "") -> SignedHead:
    """The head that bears a receipt out, one of those that were `kept`; raises ProofError.

    With `key`, a public key in hex, the head has to be signed with it.
    """
    if receipt.format != FORMAT:
        raise ProofError(f"the receipt is of format {receipt.format}, this version knows {FORMAT}")
    if not receipt.entries:
        raise ProofError("the receipt has no entries")
    head = _head(receipt, kept, key)
    for proven in receipt.entries:
        _check_entry(proven, head)
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
    if found.head.body != wanted.body:
        raise ProofError(f"the receipt's head of {wanted.day} is not the one that was given")
    return found


def _check_entry(proven: ProvenEntry, signed: SignedHead) -> None:
    try:
        seq, account_id = int(proven.entry["seq"]), int(proven.entry["account_id"])
        hashed = entry_hash(
            bytes.fromhex(proven.previous_hash), {name: proven.entry[name] for name in HASHED}
        )
        day = msgspec.json.decode(proven.day, type=_Day)
        leaf = entry_leaf(account_id, seq, hashed, proven.currency)
        in_day, in_log = _path(proven.in_day), _path(proven.in_log)
        root, log_root = bytes.fromhex(day.root), bytes.fromhex(signed.head.root)
    except KeyError as error:
        raise ProofError(f"an entry lacks {error}") from None
    except (ValueError, TypeError, AssertionError, msgspec.MsgspecError) as error:
        raise ProofError(f"an entry is not of the form that receipts have: {error}") from None
    name = f"entry {seq} of account {account_id}"
    if day.kind != "entries":
        raise ProofError(f"{name} is proven by a leaf of another kind")
    if not merkle.verify_inclusion(leaf, proven.in_day.index, day.entries, in_day, root):
        raise ProofError(
            f"{name} is not among the entries of its bucket's day: it was changed, or its proof was"
        )
    leaf_of_day = merkle.leaf_hash(proven.day.encode())
    if not merkle.verify_inclusion(leaf_of_day, proven.in_log.index, signed.head.size, in_log, log_root):
        raise ProofError(f"the day of {name} is not in the log that was signed on {signed.head.day}")


def _path(way: MerklePath) -> list[bytes]:
    return [bytes.fromhex(hashed) for hashed in way.path]
