"""The writing side of the ledger: accounts, credit requests, and the only way to post."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet

from urja.apps.ledger import arrears
from urja.apps.ledger.chain import content_hash, entry_hash, plain_json
from urja.apps.ledger.errors import IdempotencyError, LedgerError, UnknownAccountError
from urja.apps.ledger.models import Account, AccountKind, CreditRequest, DebitRequest, Instalment
from urja.base.ids import bucket_of, compose_id


def _next_ids(bucket: int, count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('ledger_number') FROM generate_series(1, %s)", [count])
        return [compose_id(bucket, number) for (number,) in cursor.fetchall()]


def open_account(*, bucket: int, currency: str, opened_at: datetime) -> Account:
    """A new consumer's account with a balance of zero, in the bucket of its premise."""
    return Account.objects.create(
        id=_next_ids(bucket, 1)[0],
        bucket=bucket,
        kind=AccountKind.CONSUMER,
        currency=currency,
        opened_at=opened_at,
    )


def request_credit(
    *,
    account_id: int,
    amount_minor: int,
    kind: str,
    idempotency_key: str,
    requested_at: datetime,
    reference: str = "",
    correlation: int = 0,
) -> CreditRequest:
    """Record that `amount_minor` is to be credited; the pipeline posts it.

    A replay (same key, same account, amount, kind and reference) returns the first request. Raises
    IdempotencyError when the key was used for anything else, LedgerError for an amount that is not positive.
    """
    if amount_minor <= 0:
        raise LedgerError(f"a credit is a positive amount in minor units, not {amount_minor}")
    content = {"account": account_id, "amount_minor": amount_minor, "kind": kind, "reference": reference}
    return _recorded(
        CreditRequest(
            account_id=account_id,
            amount_minor=amount_minor,
            kind=kind,
            reference=reference,
            idempotency_key=idempotency_key,
            correlation=correlation,
            requested_at=requested_at,
        ),
        content,
    )


def request_debit(
    *,
    account_id: int,
    amount_minor: int,
    kind: str,
    reverses: str,
    idempotency_key: str,
    requested_at: datetime,
    reference: str = "",
    correlation: int = 0,
    credit_id: int | None = None,
) -> DebitRequest:
    """Record that a credit of the kind `reverses` is taken back, in part or whole; the pipeline posts it.

    With `credit_id` it is that one, and what of it went to arrears is given back with it. Replays and errors as of
    `request_credit`. Nothing that was posted is touched, and the balance may go below zero.
    """
    if amount_minor <= 0:
        raise LedgerError(f"a debit is a positive amount in minor units, not {amount_minor}")
    content = {
        "account": account_id,
        "amount_minor": amount_minor,
        "kind": kind,
        "reverses": reverses,
        "reference": reference,
        **({} if credit_id is None else {"credit": credit_id}),
    }
    return _recorded(
        DebitRequest(
            account_id=account_id,
            amount_minor=amount_minor,
            kind=kind,
            reverses=reverses,
            credit_id=credit_id,
            reference=reference,
            idempotency_key=idempotency_key,
            correlation=correlation,
            requested_at=requested_at,
        ),
        content,
    )


def request_opening_credits(
    cursor: CursorWrapper, asked: str, parameters: Mapping[str, Any], requested_at: datetime
) -> int:
    """As `request_credit` of the kind `opening-credit`, for many: `asked` is a query of agreement, account and amount
    in minor units, none of which has one yet. Returns how many they are.
    """
    # The hash is that of `content_hash`, so that asking again for the same is a replay here as there.
    cursor.execute(
        # The query is one of the loader's own; what a file says travels in tables.
        "INSERT INTO ledger_credit_request (id, account_id, amount_minor, kind, reference, idempotency_key, input_hash,"  # noqa: S608
        " correlation, requested_at) SELECT account >> 40 << 40 | nextval('ledger_number'), account, amount,"
        " 'opening-credit', '', 'opening-credit:' || agreement, sha256(convert_to('{\"account\":' || account ||"
        ' \',"amount_minor":\' || amount || \',"kind":"opening-credit","reference":""}\', \'UTF8\')), 0,'
        f" %(requested_at)s FROM ({asked}) c (agreement, account, amount)",
        {**parameters, "requested_at": requested_at},
    )
    return int(cursor.rowcount)


def _recorded[Request: (CreditRequest, DebitRequest)](request: Request, content: dict[str, Any]) -> Request:
    """The request as it stands under its key: this one, or the first if it was made of the same content."""
    request.id = _next_ids(bucket_of(request.account_id), 1)[0]
    request.input_hash = content_hash(content)
    requests = type(request).objects
    with transaction.atomic():
        requests.bulk_create([request], ignore_conflicts=True)
        recorded = requests.get(idempotency_key=request.idempotency_key)
    if bytes(recorded.input_hash) != request.input_hash:
        raise IdempotencyError(request.idempotency_key)
    return recorded


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry that somebody asks for. `amount_minor` goes onto the account and off its contra account."""

    account_id: int
    contra: str
    """Code of the contra account in the account's bucket, such as `revenue:energy`."""
    amount_minor: int
    origin: str
    """`engine` for what rating posts and may post against later; `credit`, `manual` it never undoes."""
    line: str
    accounting_month: date
    idempotency_key: str
    inputs: dict[str, Any] = field(default_factory=dict)
    agreement_id: int | None = None
    period_start: date | None = None
    service_date: date | None = None

    def digest(self) -> bytes:
        """What makes a replay the same request: everything but when it is posted."""
        return content_hash({name: getattr(self, name) for name in self.__slots__})


@dataclass(frozen=True, slots=True)
class Posted:
    """Where an entry stands; `replayed` when it stood there before."""

    account_id: int
    seq: int
    idempotency_key: str
    replayed: bool


@dataclass(slots=True)
class _Head:
    """A locked account while a batch is being posted onto it."""

    id: int
    code: str
    currency: str
    balance_minor: int
    last_seq: int
    last_hash: bytes


_ENTRY_COLUMNS = (
    "bucket, account_id, seq, contra_id, amount_minor, balance_after_minor, origin, line, agreement_id, "
    "period_start, service_date, posted_at, accounting_month, batch, inputs, idempotency_key, input_hash, "
    "previous_hash, hash"
)


def post_entries(bucket: int, drafts: Sequence[Draft], posted_at: datetime) -> list[Posted]:
    """Post a batch onto the accounts of one bucket, in one transaction: the only writer of entries.

    Answers stand in the order of the drafts. A key that was used before with the same content gives the first
    answer and posts nothing; with other content IdempotencyError refuses the whole batch. Raises
    UnknownAccountError for an account that is not a consumer's of this bucket, LedgerError for an amount of zero.
    Balances may go below zero: whether to supply somebody is policy, not bookkeeping.
    """
    if not drafts:
        return []
    _check(bucket, drafts)
    with transaction.atomic():
        batch = _begin_batch(bucket)
        answers = _replays(bucket, drafts)
        fresh = [draft for draft in drafts if draft.idempotency_key not in answers]
        if fresh:
            accounts, contras = _lock(bucket, fresh, posted_at)
            rows = [
                _append(bucket, draft, accounts, contras, posted_at=posted_at, batch=batch) for draft in fresh
            ]
            _insert(rows)
            _store_heads([*accounts.values(), *contras.values()], batch)
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
    """Number the batch; the row stays locked, so that runs on one bucket follow each other."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_bucket AS b (bucket, last_batch) VALUES (%s, 1) "
            "ON CONFLICT (bucket) DO UPDATE SET last_batch = b.last_batch + 1 RETURNING last_batch",
            [bucket],
        )
        return cursor.fetchone()[0]


def _replays(bucket: int, drafts: Sequence[Draft]) -> dict[str, Posted]:
    by_key = {draft.idempotency_key: draft for draft in drafts}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT account_id, seq, idempotency_key, input_hash FROM ledger_entry "
            "WHERE bucket = %s AND idempotency_key = ANY(%s)",
            [bucket, list(by_key)],
        )
        known = cursor.fetchall()
    for _, _, key, input_hash in known:
        if bytes(input_hash) != by_key[key].digest():
            raise IdempotencyError(key)
    return {key: Posted(account_id, seq, key, replayed=True) for account_id, seq, key, _ in known}


def _lock(
    bucket: int, drafts: Iterable[Draft], opened_at: datetime
) -> tuple[dict[int, _Head], dict[str, _Head]]:
    """The consumers' and contra accounts of a batch, locked in the order of their ids."""
    ids = sorted({draft.account_id for draft in drafts})
    codes = sorted({draft.contra for draft in drafts})
    _open_contras(bucket, ids[0], codes, opened_at)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, code, currency, balance_minor, last_seq, last_hash FROM ledger_account "
            "WHERE bucket = %s AND (id = ANY(%s) OR code = ANY(%s)) ORDER BY id FOR NO KEY UPDATE",
            [bucket, ids, codes],
        )
        heads = [_Head(*row[:5], bytes(row[5])) for row in cursor.fetchall()]
    accounts = {head.id: head for head in heads if not head.code}
    missing = set(ids) - set(accounts)
    if missing:
        raise UnknownAccountError(f"no consumer's account has the number {min(missing)}")
    return accounts, {f"{head.code} {head.currency}": head for head in heads if head.code}


def _open_contras(bucket: int, account_id: int, codes: list[str], opened_at: datetime) -> None:
    currency = Account.objects.filter(id=account_id).values_list("currency", flat=True).first()
    if currency is None:
        raise UnknownAccountError(f"no consumer's account has the number {account_id}")
    have = Account.objects.filter(bucket=bucket, kind=AccountKind.CONTRA, currency=currency, code__in=codes)
    missing = sorted(set(codes) - set(have.values_list("code", flat=True)))
    Account.objects.bulk_create(
        Account(
            id=id_, bucket=bucket, kind=AccountKind.CONTRA, code=code, currency=currency, opened_at=opened_at
        )
        for id_, code in zip(_next_ids(bucket, len(missing)), missing, strict=True)
    )


def _append(
    bucket: int,
    draft: Draft,
    accounts: dict[int, _Head],
    contras: dict[str, _Head],
    *,
    posted_at: datetime,
    batch: int,
) -> dict[str, Any]:
    """Put a draft at the end of its account's chain; moves both heads."""
    head = accounts[draft.account_id]
    contra = contras.get(f"{draft.contra} {head.currency}")
    if contra is None:
        raise LedgerError(f"account {head.id} is in {head.currency}; a batch posts in one currency")
    head.last_seq += 1
    head.balance_minor += draft.amount_minor
    contra.balance_minor -= draft.amount_minor
    row: dict[str, Any] = {
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
        "inputs": plain_json(draft.inputs),
        "idempotency_key": draft.idempotency_key,
        "input_hash": draft.digest(),
        "previous_hash": head.last_hash,
    }
    row["hash"] = head.last_hash = entry_hash(head.last_hash, row)
    return row


def _insert(rows: list[dict[str, Any]]) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY ledger_entry ({_ENTRY_COLUMNS}) FROM STDIN") as copy,
    ):
        for row in rows:
            values = {**row, "inputs": json.dumps(row["inputs"], ensure_ascii=False)}
            copy.write_row([values[name] for name in _ENTRY_COLUMNS.split(", ")])


def _store_heads(heads: list[_Head], batch: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ledger_account a SET balance_minor = h.balance, last_seq = h.seq, last_hash = h.hash, "
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


def clearing_account(kind: str) -> str:
    """The contra account of a kind of credit: what came in and is owed on."""
    return f"clearing:{kind}"


def post_credit_requests(
    bucket: int, day: date, posted_at: datetime, rules: arrears.Rules = arrears.no_rules, limit: int = 5000
) -> int:
    """Post the oldest unposted credit requests of a bucket on a local day; returns how many were posted.

    The share of recharges that `rules` name is set against the account's arrears by an entry of its own. Several may
    do so at once: a request that another is posting is left to that one.
    """
    with transaction.atomic():
        waiting = _waiting(CreditRequest.objects.filter(posted_at=None), bucket, limit)
        shares = arrears.shares(waiting, rules)
        return _post_requests(bucket, waiting, shares, _credit_draft, day, posted_at)


def post_debit_requests(bucket: int, day: date, posted_at: datetime, limit: int = 5000) -> int:
    """As `post_credit_requests`, for what is taken back, and with it of arrears; a credit is posted before that."""
    unposted = DebitRequest.objects.filter(posted_at=None).exclude(
        credit__isnull=False, credit__posted_at__isnull=True
    )
    with transaction.atomic():
        waiting = _waiting(unposted, bucket, limit)
        shares = arrears.shares_back(waiting)
        return _post_requests(bucket, waiting, shares, _debit_draft, day, posted_at)


def posted_credits(request_ids: Iterable[int]) -> dict[int, datetime]:
    """Of these credit requests the posted ones, and when."""
    posted = CreditRequest.objects.filter(id__in=list(request_ids), posted_at__isnull=False)
    return dict(posted.values_list("id", "posted_at"))


def _waiting[Request: (CreditRequest, DebitRequest)](
    unposted: QuerySet[Request], bucket: int, limit: int
) -> list[Request]:
    """The oldest of a bucket, held until the transaction ends."""
    of_bucket = unposted.filter(id__gte=bucket << 40, id__lt=(bucket + 1) << 40).order_by("id")
    return list(of_bucket.select_for_update(of=("self",), skip_locked=True, no_key=True)[:limit])


def _post_requests[Request: (CreditRequest, DebitRequest)](
    bucket: int,
    waiting: Sequence[Request],
    shares: Mapping[int, arrears.Share],
    draft: Callable[[Request, date], Draft],
    day: date,
    posted_at: datetime,
) -> int:
    """Post requests, each followed by what goes to arrears of it or comes back from them."""
    if not waiting:
        return 0
    drafts, keys = [], []
    for request in waiting:
        own = draft(request, day)
        keys.append(own.idempotency_key)
        drafts.append(own)
        if request.id in shares:
            drafts.append(_share_draft(shares[request.id], day))
    posted = {each.idempotency_key: each for each in post_entries(bucket, drafts, posted_at)}
    for request, key in zip(waiting, keys, strict=True):
        request.posted_at, request.posted_seq = posted_at, posted[key].seq
    type(waiting[0]).objects.bulk_update(waiting, ["posted_at", "posted_seq"], batch_size=1000)
    arrears.record([(posted[share.idempotency_key].seq, share) for share in shares.values()])
    return len(waiting)


def post_shares(bucket: int, shares: Sequence[tuple[date, arrears.Share]], posted_at: datetime) -> list[int]:
    """Post what goes to arrears by itself, each on its day, in a transaction that holds the bills (`arrears.held`).

    Returns the numbers of the entries.
    """
    drafts = [_share_draft(share, day) for day, share in shares]
    seqs = [posted.seq for posted in post_entries(bucket, drafts, posted_at)]
    arrears.record([(seq, share) for seq, (_, share) in zip(seqs, shares, strict=True)])
    return seqs


def post_instalments(
    bucket: int, due: Sequence[tuple[arrears.Plan, Sequence[date]]], posted_at: datetime
) -> list[list[date]]:
    """Post what plans of a bucket pay on due days, the oldest first, as long as something is owed.

    Returns the days of each plan that were posted. None of them was before: who asks holds the plans until the
    transaction ends.
    """
    dues = arrears.held(plan.account_id for plan, _ in due)
    shares = [arrears.instalments(plan, days, dues.get(plan.account_id, ())) for plan, days in due]
    seqs = iter(post_shares(bucket, [share for of_plan in shares for share in of_plan], posted_at))
    Instalment.objects.bulk_create(
        Instalment(plan_id=plan.id, account_id=plan.account_id, seq=next(seqs), due_on=day)
        for (plan, _), of_plan in zip(due, shares, strict=True)
        for day, _ in of_plan
    )
    return [[day for day, _ in of_plan] for of_plan in shares]


def _share_draft(share: arrears.Share, day: date) -> Draft:
    return Draft(
        account_id=share.account_id,
        contra=clearing_account(arrears.LINE),
        amount_minor=-share.amount_minor,
        origin="credit",
        line=arrears.LINE,
        service_date=day,
        accounting_month=day.replace(day=1),
        idempotency_key=share.idempotency_key,
        inputs=share.inputs,
    )


def _credit_draft(request: CreditRequest, day: date) -> Draft:
    return Draft(
        account_id=request.account_id,
        contra=clearing_account(request.kind),
        amount_minor=request.amount_minor,
        origin="credit",
        line=request.kind,
        service_date=day,
        accounting_month=day.replace(day=1),
        idempotency_key=f"credit:{request.id}",
        inputs={
            "request": request.id,
            "reference": request.reference,
            "requested_at": request.requested_at,
            "correlation": request.correlation,
        },
    )


def _debit_draft(request: DebitRequest, day: date) -> Draft:
    return Draft(
        account_id=request.account_id,
        contra=clearing_account(request.reverses),
        amount_minor=-request.amount_minor,
        origin="credit",
        line=request.kind,
        service_date=day,
        accounting_month=day.replace(day=1),
        idempotency_key=f"debit:{request.id}",
        inputs={
            "debit": request.id,
            "reference": request.reference,
            "requested_at": request.requested_at,
            "correlation": request.correlation,
        },
    )


@dataclass(frozen=True, slots=True)
class Rated:
    """What the postings of an agreement's period stand on."""

    agreement_id: int
    period_start: date
    billed: tuple[date, date]
    """The days of the period that are the agreement's, the second without."""
    through: date
    uses: tuple[tuple[date, date, int], ...]
    """Energy in Wh by pieces of the period, from a day up to another (without it)."""
    versions: str
    """`usage.fingerprint` of the terms."""

    @property
    def energy_wh(self) -> int:
        return sum(energy for _, _, energy in self.uses)


def hold_bucket(bucket: int) -> None:
    """Let nobody else post in a bucket until the transaction ends: a difference is read, then posted."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_bucket (bucket, last_batch) VALUES (%s, 0) ON CONFLICT DO NOTHING", [bucket]
        )
        cursor.execute("SELECT FROM ledger_bucket WHERE bucket = %s FOR NO KEY UPDATE", [bucket])


def record_rated(rated: Iterable[Rated]) -> None:
    """Keep what periods were rated from, beside the postings of the same transaction."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO ledger_rated VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (agreement_id, period_start) "
            "DO UPDATE SET billed_first = excluded.billed_first, billed_end = excluded.billed_end, "
            "through = excluded.through, energy_wh = excluded.energy_wh, uses = excluded.uses, "
            "versions = excluded.versions",
            [
                (
                    r.agreement_id,
                    r.period_start,
                    *r.billed,
                    r.through,
                    r.energy_wh,
                    json.dumps(plain_json(r.uses)),
                    r.versions,
                )
                for r in rated
            ],
        )


@dataclass(frozen=True, slots=True)
class Close:
    """How far an agreement is closed."""

    agreement_id: int
    through: date
    provisional: bool
    """Whether the read at its end is missing."""
    ended_at: datetime | None
    """The agreement's end, where this is its last day."""


def record_closes(closes: Iterable[Close], closed_at: datetime) -> None:
    """Note how far agreements are closed."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO ledger_close (agreement_id, closed_through, closed_at, provisional, ended_at) "
            "VALUES (%s, %s, %s, %s, %s) ON CONFLICT (agreement_id) DO UPDATE SET "
            "closed_through = excluded.closed_through, closed_at = excluded.closed_at, "
            "provisional = excluded.provisional, ended_at = excluded.ended_at",
            [
                (close.agreement_id, close.through, closed_at, close.provisional, close.ended_at)
                for close in closes
            ],
        )


def record_look_through(bucket: int, day: date) -> None:
    """Note that the ended agreements of a bucket were looked through on a local day."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_bucket SET looked_through = %s WHERE bucket = %s", [day, bucket])
