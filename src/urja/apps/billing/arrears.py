"""Arrears: what is still owed of each bill, and the share of a recharge that goes to them.

What a bill was owed when the account came here stands in the registry and is not touched by recharges. Each payment of
it is a row of `billing_arrear_payment` beside the ledger's entry; what is left is the difference (the view
`billing_arrear_left`). So a recharge that is reversed gives its bills back what it had paid of them, and whatever a file
or a deposit says of a bill meanwhile stays true.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from django.db import connection

from urja.apps.billing.models import ArrearPayment
from urja.apps.books import operations as books, queries as booked
from urja.apps.books.kinds import RECHARGES, Credit, Debit
from urja.core.arrears import Due, Part, less, owed, set_against, share_of, taken_back
from urja.core.rating import ROUNDING

LINE: Final = "arrears"
TITLE: Final = "Old dues"
INSTALMENT: Final = "Instalment of old dues"


@dataclass(frozen=True, slots=True)
class Rule:
    """What of an account's recharges goes to its arrears, and by which document."""

    percent: int
    policy: str


type Rules = Callable[[Sequence[int]], Mapping[int, Rule]]
"""The rules of accounts; those whose recharges become credit as a whole are left out."""


def no_rules(_account_ids: Sequence[int]) -> Mapping[int, Rule]:
    """Where no policy is known."""
    return {}


@dataclass(frozen=True, slots=True)
class Share:
    """What goes to arrears: of a credit, or of what is left at the end; below zero what a reversal takes back."""

    account_id: int
    credit_id: int | None
    """None where it is not of one credit."""
    idempotency_key: str
    parts: tuple[Part, ...]
    sign: int
    inputs: dict[str, Any] = field(hash=False)

    @property
    def amount_minor(self) -> int:
        return self.sign * sum(part.amount_minor for part in self.parts)


def left(account_ids: Iterable[int]) -> dict[int, list[Due]]:
    """What is still owed of the bills of accounts, the oldest first; bills of which nothing is owed are left out."""
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


def held(account_ids: Iterable[int]) -> dict[int, list[Due]]:
    """As `left`, and nobody else sets anything against them until the transaction ends."""
    ids = sorted(set(account_ids))
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM billing_arrear WHERE account_id = ANY(%s) ORDER BY id FOR UPDATE", [ids])
    return left(ids)


def against(account_id: int, amount_minor: int) -> list[Part]:
    """What an amount pays of an account's bills; nobody else sets anything against them meanwhile (`held`)."""
    return set_against(held([account_id]).get(account_id, ()), amount_minor)


def kept_back(final_id: int, account_id: int, left_minor: int, seq: int) -> Share | None:
    """What of `left_minor`, which entry `seq` has left on the account of a supply that has ended, pays its bills."""
    # What stood there tells one step from the next.
    key = f"{LINE}-final:{final_id}:{seq}"
    dues = held([account_id]).get(account_id, ())
    return _apart(
        account_id, key, dues, left_minor, {"title": TITLE, "final": final_id, "left_minor": left_minor}
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """By which instalments an account's old dues are paid."""

    id: int
    account_id: int
    every: str
    """`day` or `month`."""
    amount_minor: int


def instalments(plan: Plan, due_on: Iterable[date], dues: Sequence[Due]) -> list[tuple[date, Share]]:
    """What a plan pays of bills on due days, in their order, as long as something is owed."""
    found = []
    for day in due_on:
        told = {
            "title": INSTALMENT,
            "plan": plan.id,
            "every": plan.every,
            "instalment_minor": plan.amount_minor,
        }
        share = _apart(plan.account_id, f"instalment:{plan.id}:{day}", dues, plan.amount_minor, told)
        if share is None:
            break
        dues = less(dues, share.parts)
        found.append((day, share))
    return found


def _apart(
    account_id: int, key: str, dues: Sequence[Due], amount_minor: int, told: Mapping[str, Any]
) -> Share | None:
    """What an amount that is of no recharge pays of bills, with what is told of it; none where nothing is owed."""
    parts = tuple(set_against(dues, amount_minor))
    if not parts:
        return None
    inputs = {**told, "owed_minor": owed(dues), "rows": _rows(parts, -1)}
    return Share(account_id, None, key, parts, 1, inputs)


def shares(credits_: Sequence[Credit], rules: Rules) -> dict[int, Share]:
    """What of credits that are about to be posted, in this order, goes to arrears; by credit."""
    recharges = [credit for credit in credits_ if credit.kind in RECHARGES]
    due = held(credit.account_id for credit in recharges) if recharges else {}
    rule_of = rules(sorted(due)) if due else {}
    found = {}
    for credit in recharges:
        rule, dues = rule_of.get(credit.account_id), due.get(credit.account_id, [])
        amount = share_of(rule.percent, owed(dues), credit.amount_minor) if rule else 0
        if rule and amount:
            parts = set_against(dues, amount)
            due[credit.account_id] = less(dues, parts)
            more = {"recharge_minor": credit.amount_minor, "owed_minor": owed(dues)}
            found[credit.id] = _share(credit, rule, f"{LINE}:{credit.id}", parts, 1, more)
    return found


def shares_back(debits: Sequence[Debit]) -> dict[int, Share]:
    """What debits that are about to be posted, in this order, take back of what their credits have paid; by debit.

    What is left of it is what the rest of the recharge would have paid.
    """
    of_credit = {debit.credit_id for debit in debits if debit.credit_id is not None}
    standing = {credit.id: credit for credit in books.hold_credits_with_arrears(of_credit)}
    if not standing:
        return {}
    held(credit.account_id for credit in standing.values())
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
        back = standing_minor[credit.id] - share_of(rule.percent, standing_minor[credit.id], rest)
        if back:
            parts = taken_back(paid, back)
            paid_by[credit.id] = rule, less(paid, parts)
            standing_minor[credit.id] -= back
            more = {"recharge_minor": rest, "debit_of": debit.id}
            found[debit.id] = _share(credit, rule, f"{LINE}-back:{debit.id}", parts, -1, more)
    return found


def _share(
    credit: Credit, rule: Rule, key: str, parts: Sequence[Part], sign: int, more: Mapping[str, int]
) -> Share:
    inputs = {
        "title": TITLE,
        "credit": credit.id,
        "percent": rule.percent,
        "policy": rule.policy,
        "rows": _rows(parts, -sign),
        **more,
    }
    return Share(credit.account_id, credit.id, key, tuple(parts), sign, inputs)


def _paid(credits_: Iterable[Credit]) -> dict[int, tuple[Rule, list[Part]]]:
    """By which rule each credit's share was posted, and what of it was not taken back, the oldest bill first."""
    accounts = {credit.id: credit.account_id for credit in credits_}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.credit, e.percent, e.policy, r.id, r.bill, r.due_on, "
            "sum(p.surcharge_minor)::bigint, sum(p.principal_minor)::bigint FROM ("
            "SELECT account_id, seq, (inputs->>'credit')::bigint AS credit, (inputs->>'percent')::int AS percent, "
            "inputs->>'policy' AS policy FROM books.entry "
            "WHERE bucket = ANY(%(buckets)s) AND account_id = ANY(%(accounts)s) AND line = %(line)s) e "
            "JOIN billing_arrear_payment p ON p.account_id = e.account_id AND p.seq = e.seq "
            "JOIN billing_arrear r ON r.id = p.arrear_id WHERE e.credit = ANY(%(credits)s) "
            "GROUP BY e.credit, e.percent, e.policy, r.id ORDER BY r.due_on, r.id",
            {
                "buckets": sorted({account_id >> 40 for account_id in accounts.values()}),
                "accounts": sorted(set(accounts.values())),
                "line": LINE,
                "credits": list(accounts),
            },
        )
        found: dict[int, tuple[Rule, list[Part]]] = {}
        for credit_id, percent, policy, *due, surcharge, principal in cursor.fetchall():
            _, paid = found.setdefault(credit_id, (Rule(percent, policy), []))
            paid.append(Part(Due(*due, 0, 0), surcharge, principal))
        return found


def _rows(parts: Iterable[Part], sign: int) -> list[dict[str, Any]]:
    """The arithmetic of an entry: what each bill has of it."""
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


def record(posted: Sequence[tuple[int, Share]]) -> None:
    """Keep what entries, by their numbers, have paid of bills, in the transaction that posts them."""
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
