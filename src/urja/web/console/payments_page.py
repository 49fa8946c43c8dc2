"""Payments pages: settlements, differences that match nothing, and the notes about them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy as _

from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import write_scope
from urja.apps.journal import requests
from urja.apps.journal.queries import Requested
from urja.apps.payments import queries as payments
from urja.apps.payments.queries import gateways
from urja.apps.statements.queries import refused_statements
from urja.usecases.kinds import Operation
from urja.usecases.kinds.money import CloseDifference, NoteDifference
from urja.web.console import pages, wording
from urja.web.console.actor_names import names_of
from urja.web.console.operation_page import allowed_operation
from urja.web.console.reviews_page import numbers_of_agreements
from urja.web.console.search_page import address_of as connection_address
from urja.web.console.statement_words import refusal_reason
from urja.web.console.time_formats import moment_of
from urja.web.shared import formats

SETTLEMENTS: Final = 30
CLOSED: Final = 20


@dataclass(frozen=True, slots=True)
class RefusedStatementLine:
    number: str
    href: str
    period: str
    since: str
    why: str


@dataclass(frozen=True, slots=True)
class PaymentsPage:
    no_money: list[str]
    """Gateways with test keys, and stand-ins."""
    waiting: list[pages.Unmatched]
    closed: list[pages.Unmatched]
    revenue: pages.Revenue
    statements: list[RefusedStatementLine]
    """Statements of account that the database refuses."""


def payments_page(now: datetime) -> PaymentsPage:
    """Return all open differences, the last closed ones, and the last settlements."""
    config = gateways.config()
    return PaymentsPage(
        no_money=[one.name for one in config.gateways if gateways.why_no_money_moves(one)] if config else [],
        waiting=[pages.unmatched(one, now) for one in payments.unmatched()],
        closed=[pages.unmatched(one, now) for one in payments.closed_by_people(CLOSED)],
        revenue=pages.revenue(now, SETTLEMENTS),
        statements=_refused_statements(now),
    )


def _refused_statements(now: datetime) -> list[RefusedStatementLine]:
    refused = refused_statements()
    numbers = numbers_of_agreements([one.agreement_id for one in refused])
    return [
        RefusedStatementLine(
            numbers[one.agreement_id],
            connection_address(numbers[one.agreement_id]),
            gettext("Billing period from %(day)s") % {"day": formats.day(one.period_from)}
            if one.period_from
            else gettext("Final statement"),
            moment_of(one.since, now),
            refusal_reason(one.problem),
        )
        for one in refused
    ]


@dataclass(frozen=True, slots=True)
class NoteView:
    text: str
    by: str
    at: str


@dataclass(frozen=True, slots=True)
class DifferencePage:
    id: int
    payment: str
    reason: str
    amount: str
    facts: list[tuple[str, str]]
    notes: list[NoteView]
    closed: str
    """When and how it was closed; empty while it is open."""
    may_write: bool
    waiting: bool
    text: str
    faults: list[str]


def difference_page(
    found: payments.DifferenceRow,
    caller: Caller,
    now: datetime,
    *,
    text: str = "",
    faults: Iterable[str] = (),
    waiting: bool = False,
) -> DifferencePage:
    """Return one difference, with the typed text again if it was refused."""
    shown = pages.unmatched(found, now)
    return DifferencePage(
        id=found.id,
        payment=shown.payment,
        reason=shown.reason,
        amount=shown.amount,
        facts=[
            (gettext("First seen"), shown.time),
            *([(gettext("Order"), shown.order)] if shown.order else []),
            *_facts(found.detail, now),
        ],
        notes=_notes(found, now),
        closed=_closed(found, now),
        may_write=may_write(caller),
        waiting=waiting,
        text=text,
        faults=[wording.sentence(fault) for fault in faults],
    )


def may_write(caller: Caller) -> bool:
    """Whether the caller may add notes to differences and close them."""
    return caller.area(write_scope(NoteDifference.kind())) is not None


def _closed(found: payments.DifferenceRow, now: datetime) -> str:
    if found.closed_at is None:
        return ""
    text = (
        gettext("Resolved automatically %(moment)s")
        if "gone_at" in found.detail
        else gettext("Closed %(moment)s")
    )
    return text % {"moment": moment_of(found.closed_at, now)}


FACTS: Final[dict[str, Promise]] = {
    "settlement": _("Transfer to our bank"),
    "day": _("Report date"),
    "kind": _("Kind"),
    "booked_minor": _("Recorded here"),
    "fee_minor": _("Fee"),
    "tax_minor": _("Tax included"),
    "credit_minor": _("Credited by the payment service"),
    "debit_minor": _("Debited by the payment service"),
    "amount_minor": _("Amount"),
    "currency": _("Currency"),
    "since": _("Paid here"),
    "provider_order_id": _("Order at the payment service"),
    "settlement_id": _("Transfer to our bank"),
    "settled_at": _("Paid out"),
    "created_at": _("Created"),
    "payment_id": _("Payment"),
    "phase": _("Dispute phase"),
    "dispute_reason": _("Bank's reason"),
    "respond_by_at": _("Reply to the payment service by"),
    "claim": _("Reported transfer"),
    "account": _("Account"),
    "paid_on": _("Paid on"),
    "bank_entry": _("Entry of the statement"),
    "entry_amount_minor": _("Amount on the statement"),
}
KINDS: Final[dict[str, Promise]] = {
    "payment": _("payment"),
    "refund": _("refund"),
    "dispute": _("lost dispute"),
    "adjustment": _("adjustment"),
}
HIDDEN_FACTS: Final = frozenset({"notes", "gone_at"})


def _facts(detail: Mapping[str, object], now: datetime) -> list[tuple[str, str]]:
    return [
        (wording.words_for(FACTS.get(name), name).capitalize(), _fact_value(name, value, now))
        for name, value in detail.items()
        if name not in HIDDEN_FACTS and value is not None
    ]


def _fact_value(name: str, value: Any, now: datetime) -> str:
    """Return a value in words; a pair is the first and the later report."""
    if isinstance(value, list):
        first, later = (_fact_value(name, one, now) for one in value)
        return gettext("%(first)s, later reported as %(later)s") % {"first": first, "later": later}
    if name.endswith("_minor"):
        return formats.money(int(value))
    if name == "kind":
        return wording.words_for(KINDS.get(value), value)
    if name == "day":
        return formats.day(date.fromisoformat(value))
    if name == "since" or name.endswith("_at"):
        return moment_of(datetime.fromisoformat(value), now)
    return str(value)


def _notes(found: payments.DifferenceRow, now: datetime) -> list[NoteView]:
    said = payments.notes(found)
    called = names_of({one["by"] for one in said})
    return [
        NoteView(
            text=one["text"],
            by=gettext("%(who)s, operation %(number)s")
            % {"who": called.get(one["by"], one["by"]), "number": one["operation"]},
            at=moment_of(datetime.fromisoformat(one["at"]), now),
        )
        for one in said
    ]


def request_change(
    found: payments.DifferenceRow, text: str, caller: Caller, now: datetime, *, closing: bool
) -> Requested | list[str]:
    """Submit a note about a difference, or its closing; return the reasons if it is refused."""
    operation, said = (CloseDifference, "reason") if closing else (NoteDifference, "note")
    asked = allowed_operation(operation, {"difference_id": found.id, said: text}, caller, now)
    if not isinstance(asked, Operation):
        return asked
    return requests.submit(asked, actor=caller.actor, requested_at=now)


def typed_of(request: Requested) -> str:
    """Return the typed text of a refused request."""
    return str(request.content.get("reason") or request.content.get("note") or "")


def address_of(difference_id: int) -> str:
    """Return the address of a difference."""
    return reverse("console:difference", args=[difference_id])
