"""Claims of transfers: recorded by the web or by an operation, bounded by the database."""

from datetime import date, datetime, timedelta
from typing import Final

from django.db import DatabaseError, IntegrityError, connection, transaction

from urja.apps.bank.errors import ClaimRefusedError
from urja.apps.bank.models import Claim, SocietyAccount
from urja.apps.partial_insert import insert
from urja.base.ids import bucket_of, compose_id
from urja.base.sentences import Sentence, say
from urja.core.statements import normalised_utr

OLDEST: Final = timedelta(days=90)
"""Transfers that are older are for a clerk to find."""


def fault_of(utr: str, amount_minor: int, paid_on: date, today: date) -> Sentence | None:
    """Return why a claim is not recorded, or None."""
    try:
        normalised_utr(utr)
    except ValueError:
        return say(
            "this is not a reference number: a UTR has 16 or 22 letters and digits, that of UPI or IMPS has 12 digits"
        )
    if amount_minor <= 0:
        return say("the amount must be more than 0")
    if paid_on > today:
        return say("the day of the transfer is in the future")
    if paid_on < today - OLDEST:
        return say("the transfer is more than 90 days old: the office looks for it")
    return None


def record(
    *,
    account_id: int,
    bank_account_id: int,
    utr: str,
    amount_minor: int,
    paid_on: date,
    actor: str,
    now: datetime,
    today: date,
) -> int:
    """Record a claim and return its number; the same reference for the same account is the claim of before.

    Raises ClaimRefusedError where a field is wrong, or where too many claims of the account are open.
    """
    fault = fault_of(utr, amount_minor, paid_on, today)
    if fault is not None:
        raise ClaimRefusedError(fault)
    utr = normalised_utr(utr)
    known = Claim.objects.filter(account_id=account_id, utr=utr).first()
    if known is not None:
        if (known.amount_minor, known.paid_on) != (amount_minor, paid_on):
            raise ClaimRefusedError(
                say("this reference is reported already with another amount or day: ask the office")
            )
        return known.id
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('bank_number')")
        (number,) = cursor.fetchone()
    claim_id = compose_id(bucket_of(account_id), number)
    try:
        with transaction.atomic():
            insert(
                Claim,
                id=claim_id,
                account=account_id,
                bank_account=bank_account_id,
                utr=utr,
                amount_minor=amount_minor,
                paid_on=paid_on,
                actor=actor,
                claimed_at=now,
            )
    except IntegrityError:
        return Claim.objects.get(account_id=account_id, utr=utr).id
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", "") != _TOO_MANY:
            raise
        raise ClaimRefusedError(
            say("5 transfers are being checked already: wait until one is found, or ask the office")
        ) from error
    return claim_id


_TOO_MANY: Final = "54000"
"""program_limit_exceeded, as the trigger raises it."""


def account_named(name: str) -> SocietyAccount | None:
    """Return the open bank account of a name; without a name the only one."""
    opened = SocietyAccount.objects.filter(closed_at=None)
    found = list(opened.filter(name=name) if name else opened.order_by("id")[:2])
    return found[0] if len(found) == 1 else None
