"""The three records of money read for comparison: receipts and gateways, deposits and payouts, entries of statements."""

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Max

from urja.apps.bank import queries
from urja.apps.bank.models import Entry, Match, Statement
from urja.apps.counter import queries as counter
from urja.apps.counter.kinds import ReceiptState
from urja.apps.counter.queries import ReceiptRow
from urja.apps.payments import queries as payments
from urja.core.money_trail import (
    BankEntry,
    Cheque,
    Drawer,
    GatewayTaking,
    MoneyTrail,
    Payout,
    Records,
    Slip,
    Transfer,
    trail,
)

_ALL: Final = 1_000_000
"""All rows: a taking that is left out would be missing from each total."""


def reconciled(zone: ZoneInfo) -> MoneyTrail:
    """Return where everything that was taken is, by local days of `zone`."""
    return trail(records(zone))


def records(zone: ZoneInfo) -> Records:
    """Return all three records, by local days of `zone`."""
    drawers = counter.newest_drawers(_ALL)
    opened = {one.id: _day(one.opened_at, zone) for one in drawers}
    return Records(
        drawers=[
            Drawer(
                f"drawer {one.id}",
                opened[one.id],
                one.cash_minor,
                one.float_minor,
                one.held_minor,
                one.difference_minor or 0,
            )
            for one in drawers
        ],
        cheques_in_hand=[_cheque(one, zone) for one in counter.cheques_to_deposit()],
        slips=[
            Slip(
                f"slip {one.number}",
                one.deposited_on,
                tuple((opened[drawer_id], minor) for drawer_id, minor in one.cash),
                tuple(_cheque(cheque, zone) for cheque in one.cheques),
            )
            for one in counter.deposits(None, _ALL)
        ],
        gateway=[
            GatewayTaking(one.on, one.settlement_id, one.amount_minor, one.fee_minor, one.net_minor)
            for one in payments.takings(zone.key)
        ],
        payouts=_payouts(),
        transfers=[
            Transfer(_day(at, zone), minor, entry_id)
            for at, minor, entry_id in Match.objects.filter(reversed_at=None)
            .order_by("id")
            .values_list("matched_at", "amount_minor", "entry_id")
        ],
        entries=[
            BankEntry(*row)
            for row in Entry.objects.order_by("booked_on", "id").values_list(
                "id", "booked_on", "amount_minor", "shown"
            )
        ],
        reversed_entries=frozenset(_reversed()),
        gaps=[(gap.after_on, gap.before_on, gap.difference_minor) for _name, gap in queries.missing()],
        covered_through=_covered_through(),
    )


def _day(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date()


def _cheque(one: ReceiptRow, zone: ZoneInfo) -> Cheque:
    return Cheque(
        f"cheque {one.cheque_number}, receipt {one.printed}",
        _day(one.received_at, zone),
        one.amount_minor,
        one.state == ReceiptState.RETURNED,
    )


def _payouts() -> list[Payout]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT settlement_id, entry_id FROM bank_payout_entries()")
        entries: dict[str, int] = dict(cursor.fetchall())
    return [
        Payout(one.settlement_id, one.day, one.net_minor, entries.get(one.settlement_id))
        for one in payments.settlements(None, _ALL)
    ]


def _reversed() -> set[int]:
    """Return entries that the bank took back, with those that took them back."""
    found = Match.objects.exclude(reversed_by=None).values_list("entry_id", "reversed_by_id")
    return {number for pair in found for number in pair if number is not None}


def _covered_through() -> date | None:
    """Return the last day that statements of every account cover which has any."""
    newest = Statement.objects.values("bank_account_id").annotate(through=Max("through_on"))
    return min((row["through"] for row in newest), default=None)
