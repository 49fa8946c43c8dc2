"""The printed receipt of a payment at the counter."""

from datetime import datetime

from django.utils import translation

from urja.apps.counter.queries import ReceiptRow
from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read
from urja.apps.identity.requests import record_personal_reads
from urja.apps.maintenance import queries as maintenance
from urja.apps.overviews.queries import areas, service_points
from urja.web.console.actor_names import names_of
from urja.web.shared import receipt_words
from urja.web.shared.receipt_sheet import ReceiptSheet, languages, receipt_sheet


def receipt_page(row: ReceiptRow, caller: Caller, now: datetime, language: str = "") -> ReceiptSheet | None:
    """Return a receipt that the caller may see, or None: in a language, or in the consumer's. Records the read of the name."""
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
    spoken = (consumer.language if consumer else "").partition("-")[0]
    chosen = next((one for one in (language, spoken) if one in languages()), "en")
    place = service_points.service_point(row.consumer_number, area, now)
    with translation.override(chosen):
        return receipt_sheet(
            printed=row.printed,
            at=row.received_at,
            amount_minor=row.amount_minor,
            currency=row.currency,
            consumer=consumer.name if consumer else "",
            place=place.premise.name if place is not None else "",
            number=row.consumer_number,
            paid_by=receipt_words.paid_by(row),
            commodity=place.commodity if place is not None else "electricity",
            for_maintenance=row.for_maintenance,
            note=receipt_words.note(row),
            # Of a transfer it is the consumer who has reported it.
            cashier=names_of({row.actor}).get(row.actor, "") if row.drawer_id is not None else "",
        )
