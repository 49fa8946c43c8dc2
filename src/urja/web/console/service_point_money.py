"""The money of a service point: balance, newest postings and statements, old bills and their instalments."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext as _

from urja.apps.billing import queries as billing
from urja.apps.billing.kinds import Every
from urja.apps.billing.queries import ledger_entries
from urja.apps.books import queries as books
from urja.apps.contracts.kinds import Agreement
from urja.apps.overviews.queries.registry import ServicePointRow
from urja.apps.rulebook.errors import UnknownTariffError
from urja.apps.statements.queries import statements_of
from urja.web.console.history_page import entry_address
from urja.web.console.time_formats import moment_of
from urja.web.shared import formats, ledger_words as money_words
from urja.web.shared.statement_page import StatementItem, statement_item

POSTINGS: Final = 8
STATEMENTS: Final = 12


@dataclass(frozen=True, slots=True)
class Posting:
    title: str
    day: str
    amount: str
    credit: bool
    href: str


@dataclass(frozen=True, slots=True)
class MoneyView:
    amount: str
    as_of: str
    low: bool
    parts: list[tuple[str, str]]
    postings: list[Posting]
    statements: list[tuple[StatementItem, str]]
    """The newest statements of account, each with its address."""
    arrears: list[tuple[str, str]]


def money_view(place: ServicePointRow, agreement: Agreement, now: datetime) -> MoneyView:
    """Return the balance of an agreement with its newest postings, its statements and its old bills."""
    calculated = _calculated(agreement, now)
    currency = books.currencies([agreement.account_id])[agreement.account_id]
    return MoneyView(
        amount=calculated.amount,
        low=calculated.low,
        as_of=calculated.as_of,
        parts=calculated.parts,
        postings=[
            Posting(
                title=money_words.title(entry.title),
                day=formats.short_day(entry.service_date),
                amount=formats.money(entry.amount_minor, entry.currency, signed=True),
                credit=entry.amount_minor > 0,
                href=entry_address(place.consumer_number, entry.account_id, entry.seq),
            )
            for entry in ledger_entries.entries(agreement.account_id, POSTINGS)
        ],
        statements=[
            (
                statement_item(one, currency),
                reverse(
                    "console:statement",
                    args=[one.account_id, *one.number.split("-"), place.consumer_number],
                ),
            )
            for one in statements_of(agreement.account_id, STATEMENTS)
        ],
        arrears=[
            (
                _("Bill %(bill)s, due %(day)s") % {"bill": one.bill, "day": formats.day(one.due_on)},
                _("%(principal)s and %(surcharge)s surcharge")
                % {
                    "principal": formats.money(one.principal_minor, currency),
                    "surcharge": formats.money(one.surcharge_minor, currency),
                },
            )
            for one in billing.dues(agreement.account_id)
        ]
        + [
            (_("Instalments"), _plan(one, currency))
            for one in billing.unended_plans(agreement.account_id, now)
        ],
    )


def _plan(plan: billing.PlanRow, currency: str) -> str:
    words = (
        _("%(amount)s daily, first instalment on %(day)s")
        if plan.every == Every.DAY
        else _("%(amount)s monthly, first instalment on %(day)s")
    )
    return words % {
        "amount": formats.money(plan.amount_minor, currency),
        "day": formats.day_of(plan.valid_from),
    }


@dataclass(frozen=True, slots=True)
class _BalanceParts:
    """The balance and its parts, in words."""

    amount: str
    low: bool
    as_of: str
    parts: list[tuple[str, str]]


def _calculated(agreement: Agreement, now: datetime) -> _BalanceParts:
    try:
        balance = billing.fresh_balance(agreement.account_id, now, agreement)
    except UnknownTariffError:
        code = agreement.terms_at(now).tariff_code
        held_back = _(
            "On hold: no version of tariff %(code)s is in force. Load the tariff or correct the terms of the agreement; until then nothing is charged or decided here."
        )
        return _BalanceParts("–", low=True, as_of=held_back % {"code": code}, parts=[])
    return _BalanceParts(
        amount=formats.money(balance.balance_minor, balance.currency),
        low=balance.balance_minor < 0,
        as_of=_("As of %(moment)s") % {"moment": moment_of(balance.as_of, now)}
        if balance.as_of
        else _("No reading received yet"),
        parts=[
            (_("Posted balance"), formats.money(balance.ledger_minor, balance.currency)),
            (_("Used since then, not posted"), formats.money(-balance.pending_minor, balance.currency)),
            (_("Credit pending"), formats.money(balance.credits_minor, balance.currency)),
        ],
    )
