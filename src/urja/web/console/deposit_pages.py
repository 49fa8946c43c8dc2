"""Pages of deposits: takings that are not at the bank yet, slips, and a slip to print."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext

from urja.apps.counter import queries as counter
from urja.apps.counter.kinds import ReceiptState
from urja.apps.counter.queries import DepositRow
from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import write_scope
from urja.apps.journal.queries import Requested
from urja.base.untyped_values import JsonObject
from urja.usecases.kinds.counter import (
    DepositTakings,
    OpenDrawer,
)
from urja.web.console import wording
from urja.web.console.actor_names import names_of
from urja.web.console.counter_page import Line, money_of, receipt_line
from urja.web.console.fields import (
    FieldError,
    fields_of,
    format_value,
    parse,
)
from urja.web.shared import formats
from urja.web.shared.amount_words import amount_in_words
from urja.web.shared.clock import zone


@dataclass(frozen=True, slots=True)
class ToDeposit:
    """Cash of a drawer, or a cheque, that is not at the bank yet."""

    name: str
    label: str
    amount: str
    text: str
    """As it was typed; empty where it was not."""


@dataclass(frozen=True, slots=True)
class DepositsPage:
    cash: list[ToDeposit]
    cheques: list[ToDeposit]
    slips: list[tuple[str, str, str, str]]
    """Number, day, amount and address of each."""
    uncleared: list[Line]
    """Cheques at the bank that have not cleared."""
    day: str
    reference: str
    faults: list[str]
    may_deposit: bool
    waiting: bool
    key: str


def deposits_page(
    caller: Caller,
    now: datetime,
    *,
    typed: Mapping[str, str] | None = None,
    faults: Iterable[str] = (),
    waiting: bool = False,
) -> DepositsPage:
    """Return what can be brought to the bank, and the slips so far."""
    slips, given = counter.deposits(), typed or {}
    return DepositsPage(
        cash=[
            ToDeposit(
                f"cash_{one.id}",
                gettext("Drawer %(number)s") % {"number": one.id},
                formats.money(one.held_minor, one.currency),
                given.get(f"cash_{one.id}", ""),
            )
            for one in counter.drawers_with_cash()
        ],
        cheques=[
            ToDeposit(
                f"cheque_{one.id}",
                f"{one.printed}: {one.cheque_number}, {one.cheque_bank}",
                formats.money(one.amount_minor, one.currency),
                given.get(f"cheque_{one.id}", ""),
            )
            for one in counter.cheques_to_deposit()
        ],
        slips=[
            (
                str(one.number),
                formats.day(one.deposited_on),
                formats.money(one.total_minor, one.currency),
                reverse("console:deposit", args=[one.id]),
            )
            for one in slips
        ],
        uncleared=[
            receipt_line(one, caller, now)
            for slip in slips
            for one in slip.cheques
            if one.state == ReceiptState.TAKEN
        ],
        day=given.get("deposited_on") or now.astimezone(zone()).date().isoformat(),
        reference=given.get("slip_reference", ""),
        faults=[wording.sentence(fault) for fault in faults],
        may_deposit=caller.area(write_scope(DepositTakings.kind())) is not None,
        waiting=waiting,
        key=secrets.token_hex(20),
    )


def slip_content(typed: Mapping[str, str]) -> JsonObject | list[str]:
    """Return the content of a slip from the typed amounts and ticked cheques, or what is wrong with them."""
    amount = next(field for field in fields_of(OpenDrawer) if field.name == "ceiling_minor")
    cash, cheques = [], []
    for name, text in typed.items():
        what, _, number = name.partition("_")
        if not number.isdecimal() or len(number) > 18:
            continue
        if what == "cheque":
            cheques.append(int(number))
        elif what == "cash" and text.strip():
            try:
                cash.append({"drawer_id": int(number), "cash_minor": parse(amount, text)})
            except FieldError as wrong:
                return [f"{text}: {wrong}"]
    return {
        "deposited_on": typed.get("deposited_on", ""),
        "cash": cash,
        "receipt_ids": cheques,
        "slip_reference": typed.get("slip_reference", ""),
    }


def typed_slip(request: Requested) -> dict[str, str]:
    """Return what was typed for a refused slip."""
    amount = next(field for field in fields_of(OpenDrawer) if field.name == "ceiling_minor")
    content = request.content
    return (
        {f"cash_{one['drawer_id']}": format_value(amount, one["cash_minor"]) for one in content["cash"]}
        | {f"cheque_{number}": "yes" for number in content["receipt_ids"]}
        | {"deposited_on": content["deposited_on"], "slip_reference": content["slip_reference"]}
    )


@dataclass(frozen=True, slots=True)
class SlipPage:
    """A deposit slip to print."""

    utility: str
    number: int
    day: str
    reference: str
    cash: list[tuple[str, str]]
    cash_total: str
    cheques: list[tuple[str, str, str]]
    total: str
    words: str
    by: str


def slip_page(slip: DepositRow) -> SlipPage:
    """Return a slip in words."""
    money = money_of(slip.currency)
    return SlipPage(
        utility=settings.URJA_UTILITY,
        number=slip.number,
        day=formats.day(slip.deposited_on),
        reference=slip.reference,
        cash=[
            (gettext("Drawer %(number)s") % {"number": drawer}, money(amount)) for drawer, amount in slip.cash
        ],
        cash_total=money(slip.cash_minor),
        cheques=[
            (one.cheque_number, f"{one.cheque_bank} · {one.printed}", money(one.amount_minor))
            for one in slip.cheques
        ],
        total=money(slip.total_minor),
        words=amount_in_words(slip.total_minor, slip.currency, translation.get_language() or "en"),
        by=names_of({slip.actor}).get(slip.actor, ""),
    )
