"""The page of opening balances: what files brought, supply by supply, and the way to their sign-off."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse

from urja.apps.billing import queries as billing
from urja.apps.billing.kinds import UnsignedBalance
from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import write_scope
from urja.usecases.kinds.money import SignOffOpeningBalances
from urja.web.console.fields import form_values
from urja.web.shared import formats


@dataclass(frozen=True, slots=True)
class OpeningRow:
    number: str
    premise: str
    credit: str
    deposit: str
    dues: str
    sum: str
    holds: bool
    """Whether its supply is in service and not charged yet because of it."""


@dataclass(frozen=True, slots=True)
class OpeningPage:
    rows: list[OpeningRow]
    supplies: int
    uncharged: int
    credit: str
    deposit: str
    dues: str
    sha256: str
    sign_off: str
    """Address of the operation's form, filled from the list."""


def may_sign_off(caller: Caller) -> bool:
    """Whether a caller may see and sign off the opening balances of the whole utility."""
    area = caller.area(write_scope(SignOffOpeningBalances.kind()))
    return area is not None and area.everywhere


def opening_page(now: datetime) -> OpeningPage:
    """Return all opening balances that wait for their sign-off."""
    listed = billing.unsigned_opening_balances(now)
    content = {
        "content_sha256": listed.sha256,
        "supplies": len(listed.rows),
        "credit_minor": listed.credit_minor,
        "deposit_minor": listed.deposit_minor,
        "dues_minor": listed.dues_minor,
    }
    form = reverse("console:operation", args=[SignOffOpeningBalances.kind()])
    return OpeningPage(
        rows=[_row(one) for one in listed.rows],
        supplies=len(listed.rows),
        uncharged=listed.uncharged,
        credit=formats.money(listed.credit_minor),
        deposit=formats.money(listed.deposit_minor),
        dues=formats.money(listed.dues_minor),
        sha256=listed.sha256,
        sign_off=f"{form}?{urlencode(form_values(SignOffOpeningBalances, content))}",
    )


def _row(one: UnsignedBalance) -> OpeningRow:
    amounts = (one.credit_minor, one.deposit_minor, one.dues_minor, one.sum_minor)
    credit, deposit, dues, total = (formats.money(amount, one.currency) for amount in amounts)
    return OpeningRow(
        one.consumer_number,
        one.premise,
        credit,
        deposit,
        dues,
        total,
        holds=one.holds_charges and one.in_service,
    )
