"""The printed receipt of a payment at the counter."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext

from urja.apps.counter.queries import ReceiptRow
from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read
from urja.apps.identity.requests import record_personal_reads
from urja.apps.maintenance import queries as maintenance
from urja.apps.overviews.queries import areas, service_points
from urja.web.console.actor_names import names_of
from urja.web.console.time_formats import day_of
from urja.web.shared import formats, receipt_words
from urja.web.shared.amount_words import amount_in_words


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """A receipt to print; every text of the sheet is in the consumer's language."""

    language: str
    other_language: str
    utility: str
    printed: str
    day: str
    consumer: str
    place: str
    number: str
    amount: str
    words: str
    paid_by: str
    paid_for: str
    note: str
    """What is to be said of its state, such as that a cheque is credited when it clears."""
    cashier: str


def receipt_page(row: ReceiptRow, caller: Caller, now: datetime, language: str = "") -> ReceiptPage | None:
    """Return a receipt that the caller may see, or None. Records the read of the consumer's name."""
    area = caller.area(Read.COUNTER)
    if area is None or not (area.everywhere or areas.holds_account(area, row.account_id, now)):
        return None
    account_id = maintenance.consumer_account(row.account_id)
    agreements = service_points.agreements_of_account(account_id)
    customers = [one.customer_id for one in agreements if one.customer_id is not None]
    people = service_points.people_of([account_id], customers)
    consumer = next((one for one in people if one.id in customers), people[0] if people else None)
    if consumer is not None:
        record_personal_reads(caller, [consumer.id], "console receipt", now)
    offered = [code for code, _name in settings.LANGUAGES]
    spoken = (consumer.language if consumer else "").partition("-")[0]
    chosen = next((one for one in (language, spoken) if one in offered), "en")
    place = service_points.service_point(row.consumer_number, area, now)
    with translation.override(chosen):
        return ReceiptPage(
            language=chosen,
            other_language=next((one for one in offered if one != chosen), ""),
            utility=settings.URJA_UTILITY,
            printed=row.printed,
            day=day_of(row.received_at),
            consumer=consumer.name if consumer else "",
            place=place.premise.name if place is not None else "",
            number=row.consumer_number,
            amount=formats.money(row.amount_minor, row.currency),
            words=amount_in_words(row.amount_minor, row.currency, chosen),
            paid_by=receipt_words.paid_by(row),
            paid_for=gettext("Maintenance")
            if row.for_maintenance
            else formats.commodity_name(place.commodity if place is not None else "electricity"),
            note=receipt_words.note(row),
            # Of a transfer it is the consumer who has reported it.
            cashier=names_of({row.actor}).get(row.actor, "") if row.drawer_id is not None else "",
        )
