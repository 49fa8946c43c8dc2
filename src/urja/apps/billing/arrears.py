"""Dues from old bills, and the share of recharges that pays them.

What each bill owed when the account came here is in `billing_arrear` and is not changed by recharges. Each payment of
it is a row of `billing_arrear_payment` beside the ledger entry; the view `billing_arrear_left` is the difference. So
a recharge that is reversed gives back what it had paid of each bill, and whatever a file or a deposit says of a bill
in the meantime stays true. All amounts are in minor units.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from django.db import connection

from urja.apps.billing.models import ArrearPayment
from urja.apps.books import operations as books, queries as booked
from urja.apps.books.kinds import RECHARGE_KINDS
from urja.apps.books.operations import CreditRow, DebitRow
from urja.core.arrears import (
    BillPayment,
    Due,
    allocate,
    arrears_share,
    reverse_payments,
    subtract_payments,
    total_owed,
)
from urja.core.rating import ROUNDING

ARREARS_LINE: Final = "arrears"
"""The line of ledger entries that pay dues."""
TITLE: Final = "Old dues"
INSTALMENT: Final = "Instalment of old dues"


@dataclass(frozen=True, slots=True)
class Rule:
    """The percentage of an account's recharges that pays its dues, and the policy document that says so."""

    percent: int
    policy: str
    sha256: str | None = None
    """Of the document's text; None in shares that were posted before they named it."""


type Rules = Callable[[Sequence[int]], Mapping[int, Rule]]
"""Returns the rules of accounts, by account; accounts whose recharges are credited in full have none."""


def no_rules(_account_ids: Sequence[int]) -> Mapping[int, Rule]:
    """Return no rules: every recharge is credited in full."""
    return {}


@dataclass(frozen=True, slots=True)
class Share:
    """What an entry pays of an account's bills; negative amounts take back what a reversed credit had paid."""

    account_id: int
    credit_id: int | None
    """The credit that it is a share of; None for an instalment or a final settlement."""
    idempotency_key: str
    parts: tuple[BillPayment, ...]
    """What it pays of each bill, never negative; `sign` says in which direction."""
    sign: int
    """1 where bills are paid, -1 where a reversal takes a payment back."""
    inputs: dict[str, object] = field(hash=False)
    """What the entry was calculated from, stored with it."""

    @property
    def amount_minor(self) -> int:
        """Amount for all bills together, in minor units, with its sign."""
        return self.sign * sum(part.amount_minor for part in self.parts)


def dues_of(account_ids: Iterable[int]) -> dict[int, list[Due]]:
    """Return what is still owed of bills, by account, the oldest bill first; settled bills are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT account_id, id, bill, due_on, surcharge_minor, principal_minor FROM billing_arrear_left "
            "WHERE account_id = ANY(%s) AND principal_minor + surcharge_minor > 0 ORDER BY due_on, id",
            [list(account_ids)],
        )
        found: dict[int, list[Due]] = {}
        for account_id, *due in cursor.fetchall():
            found.setdefault(account_id, []).append(Due(*due))
        return found


def lock_dues(account_ids: Iterable[int]) -> dict[int, list[Due]]:
    """Return the dues of accounts like `dues_of`, with the bills locked until the transaction ends."""
    ids = sorted(set(account_ids))
    with connection.cursor() as cursor:
        # In the order of their ids, so that two transactions with accounts in common cannot wait for each
        # other.
        cursor.execute("SELECT FROM billing_arrear WHERE account_id = ANY(%s) ORDER BY id FOR UPDATE", [ids])
    return dues_of(ids)


def allocate_payment(account_id: int, amount_minor: int) -> list[BillPayment]:
    """Return what an amount in minor units pays of an account's bills, which are locked until the transaction ends."""
    return allocate(lock_dues([account_id]).get(account_id, ()), amount_minor)


def final_share(final_id: int, account_id: int, left_minor: int, seq: int) -> Share | None:
    """Return what the remaining balance of an ended supply pays of its bills; None where nothing is owed.

    `left_minor` is the balance in minor units after the account's entry `seq`.
    """
    # A correction may bring money after the first settlement. The last entry's number is part of the key, so that the
    # next step is a new share, and a repeated run of the same step is not.
    key = f"{ARREARS_LINE}-final:{final_id}:{seq}"
    dues = lock_dues([account_id]).get(account_id, ())
    return _unrelated_share(
        account_id, key, dues, left_minor, {"title": TITLE, "final": final_id, "left_minor": left_minor}
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """An instalment plan of an account, as this module needs it."""

    id: int
    account_id: int
    every: str
    """`day` or `month`."""
    amount_minor: int
    """Amount of one instalment, in minor units."""


def instalments(plan: Plan, due_on: Iterable[date], dues: Sequence[Due]) -> list[tuple[date, Share]]:
    """Return what a plan pays of bills on due days, in their order, until nothing is owed."""
    found = []
    for day in due_on:
        facts = {
            "title": INSTALMENT,
            "plan": plan.id,
            "every": plan.every,
            "instalment_minor": plan.amount_minor,
        }
        share = _unrelated_share(
            plan.account_id, f"instalment:{plan.id}:{day}", dues, plan.amount_minor, facts
        )
        if share is None:
            break
        dues = subtract_payments(dues, share.parts)
        found.append((day, share))
    return found


def _unrelated_share(
    account_id: int, key: str, dues: Sequence[Due], amount_minor: int, facts: Mapping[str, object]
) -> Share | None:
    """Return a share that does not belong to a recharge, with the facts for its entry; None where nothing is owed."""
    parts = tuple(allocate(dues, amount_minor))
    if not parts:
        return None
    inputs = {**facts, "owed_minor": total_owed(dues), "rows": _rows(parts, -1)}
    return Share(account_id, None, key, parts, 1, inputs)


def recharge_shares(credits_: Sequence[CreditRow], rules: Rules) -> dict[int, Share]:
    """Return what credits that are about to be posted, in this order, pay of dues, by credit number.

    The bills are locked until the transaction ends. Credits without a share are left out.
    """
    recharges = [credit for credit in credits_ if credit.kind in RECHARGE_KINDS]
    due = lock_dues(credit.account_id for credit in recharges) if recharges else {}
    rule_of = rules(sorted(due)) if due else {}
    found = {}
    for credit in recharges:
        rule, dues = rule_of.get(credit.account_id), due.get(credit.account_id, [])
        amount = arrears_share(rule.percent, total_owed(dues), credit.amount_minor) if rule else 0
        if rule and amount:
            parts = allocate(dues, amount)
            # Several credits of one account may be in a batch: each sees what the ones before it have paid.
            due[credit.account_id] = subtract_payments(dues, parts)
            more = {"recharge_minor": credit.amount_minor, "owed_minor": total_owed(dues)}
            found[credit.id] = _share(credit, rule, f"{ARREARS_LINE}:{credit.id}", parts, 1, more)
    return found


def reversal_shares(debits: Sequence[DebitRow]) -> dict[int, Share]:
    """Return what debits that are about to be posted, in this order, take back of bills, by debit number.

    Afterwards the credit has paid what the rest of it would have paid. The credits and bills are locked until the
    transaction ends.
    """
    of_credit = {debit.credit_id for debit in debits if debit.credit_id is not None}
    standing = {credit.id: credit for credit in books.lock_credits_with_arrears(of_credit)}
    if not standing:
        return {}
    lock_dues(credit.account_id for credit in standing.values())
    reversed_minor = dict.fromkeys(standing, 0) | booked.posted_back(standing)
    standing_minor = {credit.id: credit.arrears_minor for credit in standing.values()}
    paid_by = _paid(standing.values())
    found = {}
    for debit in debits:
        credit = standing.get(debit.credit_id) if debit.credit_id is not None else None
        if credit is None:
            continue
        rule, paid = paid_by[credit.id]
        reversed_minor[credit.id] += debit.amount_minor
        rest = max(credit.amount_minor - reversed_minor[credit.id], 0)
        # From the rest of the recharge and not from the reversed part: several partial reversals together
        # take back what one of the same total would, and roundings do not add up.
        back = standing_minor[credit.id] - arrears_share(rule.percent, standing_minor[credit.id], rest)
        if back:
            parts = reverse_payments(paid, back)
            paid_by[credit.id] = rule, subtract_payments(paid, parts)
            standing_minor[credit.id] -= back
            more = {"recharge_minor": rest, "debit_of": debit.id}
            found[debit.id] = _share(credit, rule, f"{ARREARS_LINE}-back:{debit.id}", parts, -1, more)
    return found


def _share(
    credit: CreditRow, rule: Rule, key: str, parts: Sequence[BillPayment], sign: int, more: Mapping[str, int]
) -> Share:
    inputs = {
        "title": TITLE,
        "credit": credit.id,
        "percent": rule.percent,
        "policy": rule.policy,
        **({"policy_sha256": rule.sha256} if rule.sha256 else {}),
        "rows": _rows(parts, -sign),
        **more,
    }
    return Share(credit.account_id, credit.id, key, tuple(parts), sign, inputs)


def _paid(credits_: Iterable[CreditRow]) -> dict[int, tuple[Rule, list[BillPayment]]]:
    """Return the rule by which each credit's share was posted, and what of it still stands, the oldest bill first."""
    accounts = {credit.id: credit.account_id for credit in credits_}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.credit, e.percent, e.policy, e.sha256, r.id, r.bill, r.due_on, "
            "sum(p.surcharge_minor)::bigint, sum(p.principal_minor)::bigint FROM ("
            "SELECT account_id, seq, (inputs->>'credit')::bigint AS credit, (inputs->>'percent')::int AS percent, "
            "inputs->>'policy' AS policy, inputs->>'policy_sha256' AS sha256 FROM books.entry "
            "WHERE bucket = ANY(%(buckets)s) AND account_id = ANY(%(accounts)s) AND line = %(line)s) e "
            "JOIN billing_arrear_payment p ON p.account_id = e.account_id AND p.seq = e.seq "
            "JOIN billing_arrear r ON r.id = p.arrear_id WHERE e.credit = ANY(%(credits)s) "
            "GROUP BY e.credit, e.percent, e.policy, e.sha256, r.id ORDER BY r.due_on, r.id",
            {
                "buckets": sorted({account_id >> 40 for account_id in accounts.values()}),
                "accounts": sorted(set(accounts.values())),
                "line": ARREARS_LINE,
                "credits": list(accounts),
            },
        )
        found: dict[int, tuple[Rule, list[BillPayment]]] = {}
        for credit_id, percent, policy, sha256, key, bill, due_on, surcharge, principal in cursor.fetchall():
            _, paid = found.setdefault(credit_id, (Rule(percent, policy, sha256), []))
            paid.append(BillPayment(Due(key, bill, due_on, 0, 0), surcharge, principal))
        return found


def _rows(parts: Iterable[BillPayment], sign: int) -> list[dict[str, object]]:
    """Return the calculation rows of an entry: what each bill has of it."""
    return [
        {
            "key": f"{kind}:{part.due.bill}",
            "label": f"{kind} of bill {part.due.bill}",
            "quantity": amount,
            "unit": ROUNDING,
            "rate_minor": 1,
            "amount_minor": sign * amount,
        }
        for part in parts
        for kind, amount in (("surcharge", part.surcharge_minor), ("principal", part.principal_minor))
        if amount
    ]


def record_payments(posted: Sequence[tuple[int, Share]]) -> None:
    """Store what entries, by their sequence numbers, have paid of bills; in the transaction that posts the entries."""
    ArrearPayment.objects.bulk_create(
        ArrearPayment(
            arrear_id=part.due.key,
            account_id=share.account_id,
            seq=seq,
            surcharge_minor=share.sign * part.surcharge_minor,
            principal_minor=share.sign * part.principal_minor,
        )
        for seq, share in posted
        for part in share.parts
    )
    moved: dict[int, int] = {}
    for _, share in posted:
        if share.credit_id is not None:
            moved[share.credit_id] = moved.get(share.credit_id, 0) + share.amount_minor
    books.move_arrears(moved)
