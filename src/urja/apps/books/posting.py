"""Posting of ledger entries, in batches onto the accounts of one bucket; each entry is chained to the one before."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from django.db import connection, transaction
from django.db.models import QuerySet

from urja.apps.books.chain import HASHED, entry_hash, parse_json, plain_json, stored_text
from urja.apps.books.errors import IdempotencyError, LedgerError, UnknownAccountError
from urja.apps.books.kinds import AccountKind
from urja.apps.books.models import Account, CreditRequest, DebitRequest
from urja.apps.books.operations import next_ids
from urja.base.ids import bucket_of
from urja.base.untyped_values import JsonObject


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry that is to be posted. `amount_minor` goes onto the account and off its contra account."""

    account_id: int
    contra: str
    """Code of the contra account in the account's bucket, such as `revenue:energy`."""
    amount_minor: int
    origin: str
    """`engine`, `credit` or `manual`; rating corrects only entries of `engine`."""
    line: str
    accounting_month: date
    idempotency_key: str
    inputs: JsonObject = field(default_factory=dict)
    """What the amount was calculated from, stored with the entry as JSON."""
    agreement_id: int | None = None
    period_start: date | None = None
    service_date: date | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """Where an entry is in the ledger; `replayed` when it was there before this call."""

    account_id: int
    seq: int
    idempotency_key: str
    replayed: bool


@dataclass(slots=True)
class _Head:
    """A locked account while a batch is posted onto it."""

    id: int
    code: str
    currency: str
    balance_minor: int
    last_seq: int
    last_hash: bytes


_ENTRY_COLUMNS = (*HASHED, "previous_hash", "hash")


def post_entries(bucket: int, drafts: Sequence[Draft], posted_at: datetime) -> list[Posted]:
    """Post a batch of entries onto the accounts of one bucket, in one transaction. The only writer of entries.

    Returns one result for each draft, in their order. A key that was used before with the same content returns the
    first result and posts nothing. Balances may go below zero: whether to supply a consumer is decided by policy.

    Raises IdempotencyError for a key with other content, UnknownAccountError for an account that is not a consumer's
    of this bucket, and LedgerError for an amount of zero or a second currency; then nothing of the batch is posted.
    """
    if not drafts:
        return []
    _check(bucket, drafts)
    with transaction.atomic():
        # First of all: with the bucket locked, no other batch can post one of these keys between the check
        # for replays and the insert.
        batch = _begin_batch(bucket)
        answers = _replays(bucket, drafts)
        fresh = [draft for draft in drafts if draft.idempotency_key not in answers]
        if fresh:
            accounts, contras = _lock(bucket, fresh, posted_at)
            rows = [
                _append(bucket, draft, accounts, contras, posted_at=posted_at, batch=batch) for draft in fresh
            ]
            # The database checks entries as they are inserted: their balances are moved before. Of contra accounts of one code
            # those in another currency have no entry, and do not move.
            moved = {row["contra_id"] for row in rows}
            heads = [*accounts.values(), *(contra for contra in contras.values() if contra.id in moved)]
            _store_heads(heads, batch)
            _insert(rows)
            for row in rows:
                key = row["idempotency_key"]
                answers[key] = Posted(row["account_id"], row["seq"], key, replayed=False)
    return [answers[draft.idempotency_key] for draft in drafts]


def _check(bucket: int, drafts: Sequence[Draft]) -> None:
    keys: dict[str, Draft] = {}
    for draft in drafts:
        if draft.amount_minor == 0:
            raise LedgerError(f"an entry moves money; {draft.idempotency_key!r} has an amount of zero")
        if bucket_of(draft.account_id) != bucket:
            raise UnknownAccountError(f"account {draft.account_id} is not in bucket {bucket}")
        if draft.idempotency_key in keys:
            raise IdempotencyError(draft.idempotency_key)
        keys[draft.idempotency_key] = draft


def _begin_batch(bucket: int) -> int:
    """Return the next batch number, with the bucket's row locked, so that batches of one bucket follow each other."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO books_bucket AS b (bucket, last_batch) VALUES (%s, 1) "
            "ON CONFLICT (bucket) DO UPDATE SET last_batch = b.last_batch + 1 RETURNING last_batch",
            [bucket],
        )
        return int(cursor.fetchone()[0])


def _replays(bucket: int, drafts: Sequence[Draft]) -> dict[str, Posted]:
    by_key = {draft.idempotency_key: draft for draft in drafts}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.seq, e.account_id, a.code, e.amount_minor, e.origin, e.line, e.accounting_month, "
            "e.idempotency_key, e.inputs, e.agreement_id, e.period_start, e.service_date "
            "FROM books_entry e JOIN books_account a ON a.id = e.contra_id "
            "WHERE e.bucket = %s AND e.idempotency_key = ANY(%s)",
            [bucket, list(by_key)],
        )
        known = [(seq, Draft(*content)) for seq, *content in cursor.fetchall()]
    for _, posted in known:
        asked = by_key[posted.idempotency_key]
        # Compared as stored: an entry is its own record of what was asked for.
        same_inputs = parse_json(posted.inputs) == plain_json(asked.inputs)
        if not same_inputs or replace(posted, inputs={}) != replace(asked, inputs={}):
            raise IdempotencyError(posted.idempotency_key)
    return {
        posted.idempotency_key: Posted(posted.account_id, seq, posted.idempotency_key, replayed=True)
        for seq, posted in known
    }


def _lock(
    bucket: int, drafts: Iterable[Draft], opened_at: datetime
) -> tuple[dict[int, _Head], dict[str, _Head]]:
    """Return the consumers' and the contra accounts of a batch, locked in the order of their ids."""
    ids = sorted({draft.account_id for draft in drafts})
    codes = sorted({draft.contra for draft in drafts})
    _open_contras(bucket, ids[0], codes, opened_at)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, code, currency, balance_minor, last_seq, last_hash FROM books_account "
            # NO KEY: rows that only refer to an account (a foreign key takes KEY SHARE) can be inserted
            # meanwhile.
            # Two conditions that each have an index: of one condition over both all accounts are read.
            "WHERE id = ANY(%s) OR (bucket = %s AND kind = 'contra' AND code = ANY(%s)) ORDER BY id FOR NO KEY UPDATE",
            [ids, bucket, codes],
        )
        heads = [
            _Head(id_, code, currency, balance_minor, last_seq, bytes(last_hash))
            for id_, code, currency, balance_minor, last_seq, last_hash in cursor.fetchall()
        ]
    accounts = {head.id: head for head in heads if not head.code}
    missing = set(ids) - set(accounts)
    if missing:
        raise UnknownAccountError(f"no consumer's account has the number {min(missing)}")
    return accounts, {f"{head.code} {head.currency}": head for head in heads if head.code}


def _open_contras(bucket: int, account_id: int, codes: list[str], opened_at: datetime) -> None:
    currency = Account.objects.filter(id=account_id).values_list("currency", flat=True).first()
    if currency is None:
        raise UnknownAccountError(f"no consumer's account has the number {account_id}")
    # The bucket is locked, so no other batch opens the same contra account between this query and the insert.
    have = Account.objects.filter(bucket=bucket, kind=AccountKind.CONTRA, currency=currency, code__in=codes)
    missing = sorted(set(codes) - set(have.values_list("code", flat=True)))
    Account.objects.bulk_create(
        Account(
            id=id_, bucket=bucket, kind=AccountKind.CONTRA, code=code, currency=currency, opened_at=opened_at
        )
        for id_, code in zip(next_ids(bucket, len(missing)), missing, strict=True)
    )


def _append(
    bucket: int,
    draft: Draft,
    accounts: dict[int, _Head],
    contras: dict[str, _Head],
    *,
    posted_at: datetime,
    batch: int,
) -> JsonObject:
    """Add a draft to the end of its account's chain and return the row; both accounts' heads move on."""
    head = accounts[draft.account_id]
    contra = contras.get(f"{draft.contra} {head.currency}")
    if contra is None:
        raise LedgerError(f"account {head.id} is in {head.currency}; a batch posts in one currency")
    head.last_seq += 1
    head.balance_minor += draft.amount_minor
    contra.balance_minor -= draft.amount_minor
    row: JsonObject = {
        "bucket": bucket,
        "account_id": head.id,
        "seq": head.last_seq,
        "contra_id": contra.id,
        "amount_minor": draft.amount_minor,
        "balance_after_minor": head.balance_minor,
        "origin": draft.origin,
        "line": draft.line,
        "agreement_id": draft.agreement_id,
        "period_start": draft.period_start,
        "service_date": draft.service_date,
        "posted_at": posted_at,
        "accounting_month": draft.accounting_month,
        "batch": batch,
        "inputs": stored_text(draft.inputs),
        "idempotency_key": draft.idempotency_key,
        "previous_hash": head.last_hash,
    }
    row["hash"] = head.last_hash = entry_hash(head.last_hash, row)
    return row


def _insert(rows: list[JsonObject]) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY books_entry ({', '.join(_ENTRY_COLUMNS)}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row([row[name] for name in _ENTRY_COLUMNS])


def _store_heads(heads: list[_Head], batch: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE books_account a SET balance_minor = h.balance, last_seq = h.seq, last_hash = h.hash, "
            "last_batch = %s FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bytea[]) "
            "AS h (id, balance, seq, hash) WHERE a.id = h.id",
            [
                batch,
                [head.id for head in heads],
                [head.balance_minor for head in heads],
                [head.last_seq for head in heads],
                [head.last_hash for head in heads],
            ],
        )


def buckets_with_credits() -> list[int]:
    """Return the buckets with unposted credits."""
    return _buckets("SELECT id FROM books_credit_request WHERE posted_at IS NULL")


def buckets_with_debits() -> list[int]:
    """Return the buckets with unposted debits."""
    return _buckets("SELECT id FROM books_debit_request WHERE posted_at IS NULL")


def _buckets(waiting: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(waiting)
        return sorted({bucket_of(id_) for (id_,) in cursor.fetchall()})


def lock_credits(bucket: int, limit: int, without: Collection[int] = ()) -> list[CreditRequest]:
    """Return the oldest unposted credits of a bucket, locked until the transaction ends, `without` those of some accounts.

    Credits that another transaction has locked are skipped.
    """
    return _hold(CreditRequest.objects.all(), bucket, limit, without)


def lock_debits(bucket: int, limit: int, without: Collection[int] = ()) -> list[DebitRequest]:
    """Return the oldest unposted debits of a bucket, locked until the transaction ends, like `lock_credits`."""
    # A credit is posted before a debit takes it back: what the credit paid of dues is known only then.
    ready = DebitRequest.objects.exclude(credit__isnull=False, credit__posted_at__isnull=True)
    return _hold(ready, bucket, limit, without)


def _hold[Request: (CreditRequest, DebitRequest)](
    requests: QuerySet[Request], bucket: int, limit: int, without: Collection[int]
) -> list[Request]:
    # The upper bits of a key are its bucket (`urja.base.ids`).
    of_bucket = requests.filter(posted_at=None, id__gte=bucket << 40, id__lt=(bucket + 1) << 40)
    # Before the limit: accounts that are left out must take no other one's place.
    of_bucket = of_bucket.exclude(account_id__in=[one for one in without if bucket_of(one) == bucket])
    return list(
        of_bucket.order_by("id").select_for_update(of=("self",), skip_locked=True, no_key=True)[:limit]
    )


def mark_posted[Request: (CreditRequest, DebitRequest)](
    requests: Sequence[Request], seqs: Sequence[int], posted_at: datetime
) -> None:
    """Record by which entry, and when (UTC), each of these requests was posted; all are credits or all debits."""
    for request, seq in zip(requests, seqs, strict=True):
        request.posted_at, request.posted_seq = posted_at, seq
    type(requests[0]).objects.bulk_update(requests, ["posted_at", "posted_seq"], batch_size=1000)


def clearing_account(kind: str) -> str:
    """Return the contra account for a kind of credit."""
    return f"clearing:{kind}"
